# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Recoveries to random moments: pitr_targets.py [--targets 50] [--breaks 50] [--seed N] [--other] [--alone] [--write]

A server writes a row now and then, each at a time that is known, between three base backups and over two switches of
its timeline. Then it is recovered elsewhere (pitr_elsewhere.py) to random moments on random timelines, half of them the
very moment of a commit, and each time the rows have to be exactly those that were committed by then. `--breaks` more
recoveries lack a segment of the log, and so many lose the store while they replay, half of each to a time and half to
the end of the log: they have to stop, or to be right. pgBackRest recovers a server of its own with the same breaks
beside it, and is counted the same way (pitr_peer.py). Ends with 1 when one of ours was neither.

pgBackRest is installed into a layer over this machine (layer.sh); `--alone` does without both. With `--other` all of it
happens with the other Debian's PostgreSQL and pgBackRest, in its container (tests/matrix.sh). Needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# This directory goes: a file of the same name as a package lies in it.
HERE = Path(sys.path.pop(0)).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "integration"), str(HERE.parent / "benchmarks")]
importlib.import_module("conftest")  # makes the collection importable
importlib.import_module("physical_fixtures")  # its `faults` is not the one that lies here
sys.path.append(str(HERE))
import page
import physical_fixtures
import pitr_parts
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from pair_fixtures import as_owner
from physical_fixtures import Physical
from pitr_parts import HOLE, KINDS, LATEST, LOSS, ROWS, TIME, Tally, require
from pitr_peer import Peer
from postgres_fixtures import Cluster, free_port

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

INSIDE = "LIFEBOAT_CAMPAIGN_INSIDE"
TOLD = "Told: "
"""Begins the line after which that follows which is written into docs/benchmarks.md."""

ELSEWHERE = 'mount -t tmpfs -o size=64k hidden "$1"; hostname elsewhere; shift; exec "$@"'
"""What a recovery begins with in namespaces of its own: the directory of its source is empty there."""

OWNER = "backup"
"""Who runs what is recovered: a user that each Debian has, and that owns nothing of the source."""

OURS = "ours"


@dataclasses.dataclass
class Timeline:
    """What a timeline began with, and the rows that were committed on it, each with its time."""

    number: int
    began: frozenset[int]
    rows: dict[int, datetime.datetime] = dataclasses.field(default_factory=dict)

    def at(self, moment: datetime.datetime) -> set[int]:
        return {*self.began, *(row for row, at in self.rows.items() if at <= moment)}


class Story:
    """The server, its copies, and what they wrote."""

    def __init__(self, physical: Physical, chance: random.Random) -> None:
        self.physical = physical
        self.home = Path(physical.server.directory)
        self.chance = chance
        self.timelines: list[Timeline] = []
        self.told: dict[str, str] = {}
        self._number = 0

    def write(self, server: Cluster, timeline: Timeline) -> None:
        """Commit rows, some in segments of their own."""
        for _row in range(ROWS):
            self._number += 1
            timeline.rows[self._number] = pitr_parts.commit(server, self._number)
            if self.chance.random() < pitr_parts.SWITCHING:
                server.execute("SELECT pg_switch_wal()")

    def archive(self, server: Cluster) -> None:
        server.execute("SELECT pg_switch_wal()")
        self.physical.archive_all(server)
        self.physical.store_wal()

    def back_up(self, server: Cluster) -> None:
        """Back up the server, or a copy of it, whose archive is the same."""
        Physical(dataclasses.replace(self.physical.place, server=server)).back_up(self.physical.world())

    def branch_off(self, number: int, moment: datetime.datetime, timeline: int) -> str:
        """Recover beside the server, so that the copy goes on in its archive, and return the directory."""
        place = self.home / f"line{number}"
        request = PitrRequest(
            repository=self.physical.place.settings,
            cluster="main",
            data_directory=str(place),
            owner="postgres",
            host="here",
            target={"time": moment.isoformat()},
            timeline=timeline,
            bin_dir=self.physical.server.bin,
            tablespaces={"fast": f"{place}-fast"},
        )
        recover(request, self.physical.place.world())
        return str(place)

    def recovered(self, moment: datetime.datetime | None, timeline: int, kind: str = "") -> set[int] | None:
        """
        Recover elsewhere, to a moment or else to the end, while something breaks. Return the rows of what came of it,
        None where it failed and left nothing.
        """
        place = self.physical.place
        with tempfile.TemporaryDirectory(prefix="lifeboat-elsewhere-") as directory:
            os.chmod(directory, 0o755)
            lost = self._breaking(kind, timeline)
            before = lost is not None and lost["looks"] < 0
            told = {
                "application": place.settings.application,
                "store": place.settings.store.url,
                "key": place.settings.keys.recovery_key_file,
                "state": place.settings.state_dir,
                "data_directory": f"{directory}/recovered",
                "owner": OWNER,
                "target": {"time": moment.isoformat()} if moment else "latest",
                "timeline": timeline,
                "bin": self.physical.server.bin,
                "lost": None if before else lost,
            }
            request = Path(directory, "request.json")
            request.write_text(json.dumps(told), encoding="utf-8")
            if lost and before:
                os.rename(lost["path"], lost["aside"])
            within = ["unshare", "--mount", "--uts", "--net", "--propagation", "private", "bash", "-euc", ELSEWHERE]
            argv = [*within, "bash", str(self.home), sys.executable, str(HERE / "pitr_elsewhere.py"), str(request)]
            try:
                done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
            finally:
                if lost and os.path.exists(lost["aside"]):
                    os.rename(lost["aside"], lost["path"])
            found = json.loads(done.stdout.splitlines()[-1])
        if "failed" in found:
            require(not found["left"], f"a recovery failed, and left a data directory: {found['failed']}")
            self.told[found["failed"].split(".")[0]] = found["failed"]
            return None
        return set(found["ids"])

    def _breaking(self, kind: str, timeline: int) -> dict[str, t.Any] | None:
        """Return what is to break, and at which look at the replaying copy; -1 is before anything begins."""
        store = Path(self.physical.place.settings.store.url.removeprefix("file://"))
        aside = str(store.with_name("aside"))
        if kind == LOSS:
            return {"path": str(store), "aside": aside, "looks": self.chance.randrange(3)}
        if kind == HOLE:
            # Nobody can tell that the last one of a timeline is not there.
            one = self.chance.choice(self._segments(store, timeline)[:-1])
            return {"path": str(one), "aside": aside, "looks": self.chance.choice((-1, 0))}
        return None

    def _segments(self, store: Path, timeline: int) -> list[Path]:
        found = store.glob(f"*/wal/*/{timeline:08X}/*/*.lbx")
        return sorted(path for path in found if len(path.name) == len("0" * 24 + ".lbx"))

    @contextlib.contextmanager
    def running(self, data: str) -> Iterator[Cluster]:
        """Start what was recovered; it archives as the server did."""
        cluster = dataclasses.replace(self.physical.server, directory=f"{data}-run", port=free_port())
        argv = [f"{cluster.bin}/pg_ctl", "-D", data, "-w"]
        with as_owner():
            Path(cluster.directory).mkdir()
            Path(cluster.directory, "archived").symlink_to(self.physical.archived)
            options = f"-p {cluster.port} -c unix_socket_directories={cluster.directory}"
            start = [*argv, "-l", f"{cluster.directory}/log", "-o", options, "start"]
            subprocess.run(start, check=True, stdout=subprocess.DEVNULL, env=cluster.environ, cwd="/")
        try:
            yield cluster
        finally:
            with as_owner():
                subprocess.run([*argv, "-m", "fast", "stop"], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def tell(self) -> None:
        """Write three timelines, with a base backup on the first, another on it, and one on the second."""
        server = self.physical.server
        server.execute("CREATE TABLE public.told (id integer PRIMARY KEY)")
        first = Timeline(1, frozenset())
        self.timelines.append(first)
        for _part in range(2):
            self.back_up(server)
            self.write(server, first)
        self.archive(server)
        for number in (2, 3):
            before = self.timelines[-1]
            moment = self.chance.choice(sorted(before.rows.values())[ROWS // 2 :])
            data = self.branch_off(number, moment, before.number)
            with self.running(data) as copy:
                own = Timeline(number, frozenset(ids(copy)))
                require(set(own.began) == before.at(moment), f"timeline {number} began with other rows")
                self.timelines.append(own)
                self.write(copy, own)
                if number == 2:
                    self.archive(copy)
                    self.back_up(copy)
                    self.write(copy, own)
                self.archive(copy)

    def target(self) -> tuple[Timeline, datetime.datetime]:
        """Return a moment on a timeline: that of a commit, or any between two."""
        timeline = self.chance.choice(self.timelines)
        times = sorted(timeline.rows.values())[:-1]
        if timeline.number == 1:
            times = times[ROWS // 4 :]  # the first backup was finished by then
        begin = self.chance.choice(times)
        if self.chance.random() < 0.5:
            return timeline, begin
        end = min(at for at in timeline.rows.values() if at > begin)
        return timeline, begin + (end - begin) * self.chance.random()


def ids(cluster: Cluster) -> set[int]:
    return {row[0] for row in cluster.execute("SELECT id FROM public.told")}


def main() -> int:
    parser = argparse.ArgumentParser(description="Recover a server to random moments.")
    parser.add_argument("--targets", type=int, default=50)
    parser.add_argument("--breaks", type=int, default=50, help="recoveries of each kind of break")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--other", action="store_true", help="with the other Debian's PostgreSQL")
    parser.add_argument("--alone", action="store_true", help="without pgBackRest")
    parser.add_argument("--write", action="store_true", help="write what came of it into docs/benchmarks.md")
    options = parser.parse_args()
    if INSIDE not in os.environ and not options.alone:
        return _elsewhere(options)
    if not options.alone:
        _install()
    began = time.monotonic()
    settings = {"archive_mode": "on", "track_commit_timestamp": "on"}
    with tempfile.TemporaryDirectory() as home, physical_fixtures.running(Path(home), **settings) as physical:
        story = Story(physical, random.Random(options.seed))
        story.tell()
        for line in story.timelines:
            say(f"timeline {line.number}: began with {len(line.began)} rows, {len(line.rows)} of its own")
        right = _targets(story, options.targets)
        tallies = _broken(story, options.breaks)
        version = str(physical.server.execute("SHOW server_version")[0][0]).split()[0]
    for failed in story.told.values():
        say(f"one of ours said: {failed[:300]}")
    if not options.alone:
        with _peer(random.Random(options.seed)) as peer:
            tallies |= _broken_peer(peer, options.breaks)
    wrong = sum(one.silent for (who, _kind, _target), one in tallies.items() if who == OURS)
    say(f"{time.monotonic() - began:.0f} s in all")
    print(
        f"{TOLD}PostgreSQL {version}\n{right} of {options.targets} recoveries to a random moment have exactly the rows "
        "that were committed by then, over three base backups and two switches of the timeline; elsewhere: in "
        "namespaces without the source's files, without a network, and for another user.\n"
    )
    print("\n".join(pitr_parts.table(tallies)))
    return 0 if right == options.targets and not wrong else 1


def _elsewhere(options: argparse.Namespace) -> int:
    """Run this program where it may install packages, print what it prints, and give its exit status."""
    inside = ["env", f"{INSIDE}=yes"]
    given = [f"--{name}={getattr(options, name)}" for name in ("targets", "breaks", "seed")]
    if options.other:
        matrix = str(HERE.parent / "matrix.sh")
        argv = [matrix, "--program", *inside, "python", "tests/campaigns/pitr_targets.py", *given]
    else:
        argv = [str(HERE / "layer.sh"), *inside, sys.executable, str(HERE / "pitr_targets.py"), *given]
    status, version, body = page.passed_on(argv, TOLD)
    if options.write and version:
        major = version.removeprefix("PostgreSQL ").split(".", maxsplit=1)[0]
        told = [page.made_by("campaigns/pitr_targets.py", version), "", *body]
        page.write({f"Recovery to a moment, PostgreSQL {major}": "\n".join(told)})
    return status


def _install() -> None:
    for words in (("update",), ("install", "--no-install-recommends", "pgbackrest")):
        argv = ["apt-get", "-q", "-y", "-o", "Acquire::Retries=5", *words]
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(argv, env=environ, stdout=subprocess.DEVNULL, check=True)


def _targets(story: Story, count: int) -> int:
    """Recover to random moments, and return how many were right."""
    right = 0
    for _number in range(count):
        timeline, moment = story.target()
        found, wanted = story.recovered(moment, timeline.number), timeline.at(moment)
        right += found == wanted
        if found != wanted:
            told = f"{sorted(found ^ wanted)} differ" if found is not None else "it failed"
            print(f"WRONG: timeline {timeline.number} at {moment.isoformat()}: {told}", flush=True)
    say(f"{right} of {count} targets have exactly the rows that were committed by then")
    return right


def _broken(story: Story, count: int) -> dict[tuple[str, str, str], Tally]:
    """Recover while the store breaks, and count what came of it."""
    tallies: dict[tuple[str, str, str], Tally] = {}
    for kind in KINDS:
        for number in range(count):
            timeline, moment = story.target()
            target = (LATEST, TIME)[number % 2]
            if target == LATEST:
                timeline = story.timelines[-1]
            found = story.recovered(moment if target == TIME else None, timeline.number, kind)
            wanted = timeline.at(moment) if target == TIME else {*timeline.began, *timeline.rows}
            tallies.setdefault((OURS, kind, target), Tally()).count(found, wanted)
        say(f"ours: {kind}: {count} recoveries")
    return tallies


@contextlib.contextmanager
def _peer(chance: random.Random) -> Iterator[Peer]:
    with tempfile.TemporaryDirectory(prefix="lifeboat-peer-") as home:
        os.chmod(home, 0o755)
        peer = Peer(Path(home, "peer"), chance)
        with peer.running():
            yield peer


def _broken_peer(peer: Peer, count: int) -> dict[tuple[str, str, str], Tally]:
    """Let pgBackRest recover while its repository breaks, and count what came of it."""
    tallies: dict[tuple[str, str, str], Tally] = {}
    for kind in KINDS:
        for number in range(count):
            target = (LATEST, TIME)[number % 2]
            moment = peer.moment() if target == TIME else None
            tallies.setdefault((peer.version, kind, target), Tally()).count(peer.recover(kind, moment), peer.at(moment))
        say(f"{peer.version}: {kind}: {count} recoveries")
    return tallies


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

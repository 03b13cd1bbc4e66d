# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Recoveries to random moments: pitr_targets.py [--targets 50] [--breaks 50] [--seed N]

A server writes a row now and then, each at a time that is known, between three base backups and over two switches of
its timeline. Then it is recovered to random moments on random timelines, half of them the very moment of a commit, and
each time the rows have to be exactly those that were committed by then. With `--breaks` so many more are begun, and
while the log is replayed the store loses a segment that is needed, or goes away: they have to fail, or to have been
quicker and right. Ends with 1 when anything else came of any.

With `tests/matrix.sh --program python tests/campaigns/pitr_targets.py` it runs with the other Debian's PostgreSQL.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# This directory goes: a file of the same name as a package lies in it.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
import physical_fixtures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from pair_fixtures import as_owner
from physical_fixtures import Physical
from postgres_fixtures import Cluster, free_port

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

ROWS = 40
"""Rows of each part of the story, between a base backup or a switch and the next."""


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
        self._number = 0

    def write(self, server: Cluster, timeline: Timeline) -> None:
        """Commit rows, some in segments of their own."""
        for _row in range(ROWS):
            self._number += 1
            server.execute(f"INSERT INTO public.told VALUES ({self._number})")
            committed = f"SELECT pg_xact_commit_timestamp(xmin) FROM public.told WHERE id = {self._number}"
            timeline.rows[self._number] = server.execute(committed)[0][0]
            if self.chance.random() < 0.2:
                server.execute("SELECT pg_switch_wal()")

    def archive(self, server: Cluster) -> None:
        server.execute("SELECT pg_switch_wal()")
        self.physical.archive_all(server)
        self.physical.store_wal()

    def back_up(self, server: Cluster) -> None:
        """Back up the server, or a copy of it, whose archive is the same."""
        Physical(dataclasses.replace(self.physical.place, server=server)).back_up(self.physical.world())

    def recover(
        self, name: str, moment: datetime.datetime, timeline: int, sleep: Callable[[float], None] = time.sleep
    ) -> str:
        """Recover into a directory of that name, and return it."""
        place = self.home / name
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
        recover(request, dataclasses.replace(self.physical.place.world(), sleep=sleep))
        return str(place)

    @contextlib.contextmanager
    def breaking(self, kind: str) -> Iterator[Callable[[float], None]]:
        """Yield what passes the time, and meanwhile lets the store lose something; it is back after the block."""
        store = Path(self.physical.place.settings.store.url.removeprefix("file://"))
        aside, looks = store.with_name("aside"), self.chance.randrange(3)
        lost: list[Path] = []

        def sleep(seconds: float) -> None:
            nonlocal looks
            if looks == 0:
                lost.append(store if kind == "store" else self.chance.choice(self._segments(store)[-6:]))
                lost[0].rename(aside)
            looks -= 1
            time.sleep(seconds)

        try:
            yield sleep
        finally:
            if lost:
                aside.rename(lost[0])

    def _segments(self, store: Path) -> list[Path]:
        return sorted(path for path in store.glob("*/wal/*/*/*/*.lbx") if len(path.name) == len("0" * 24 + ".lbx"))

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

    def forget(self, name: str) -> None:
        for suffix in ("", "-fast", "-run"):
            shutil.rmtree(self.home / f"{name}{suffix}")

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
            data = self.recover(f"line{number}", moment, before.number)
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


class Wrong(Exception):
    """Something is not as it must be."""


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)


def ids(cluster: Cluster) -> set[int]:
    return {row[0] for row in cluster.execute("SELECT id FROM public.told")}


def main() -> int:
    parser = argparse.ArgumentParser(description="Recover a server to random moments.")
    parser.add_argument("--targets", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--breaks", type=int, default=50)
    options = parser.parse_args()
    right, began = 0, time.monotonic()
    settings = {"archive_mode": "on", "track_commit_timestamp": "on"}
    with tempfile.TemporaryDirectory() as home, physical_fixtures.running(Path(home), **settings) as physical:
        story = Story(physical, random.Random(options.seed))
        story.tell()
        for line in story.timelines:
            print(f"timeline {line.number}: began with {len(line.began)} rows, {len(line.rows)} of its own", flush=True)
        for number in range(1, options.targets + 1):
            timeline, moment = story.target()
            name = f"target{number}"
            with story.running(story.recover(name, moment, timeline.number)) as copy:
                found, wanted = ids(copy), timeline.at(moment)
            story.forget(name)
            right += found == wanted
            if found != wanted:
                print(f"WRONG: timeline {timeline.number} at {moment}: {sorted(found ^ wanted)} differ", flush=True)
        print(f"{right} of {options.targets} targets have exactly the rows that were committed by then", flush=True)
        failed, quicker, wrong = _broken(story, options.breaks)
    print(
        f"{options.breaks} recoveries whose store broke: {failed} failed and left nothing, {quicker} were quicker and "
        f"right, {wrong} were wrong; {time.monotonic() - began:.0f} s in all"
    )
    return 0 if right == options.targets and not wrong else 1


def _broken(story: Story, count: int) -> tuple[int, int, int]:
    """Recover while the store breaks. Return how many failed as they must, were quicker, and were wrong."""
    failed = quicker = wrong = 0
    for number in range(1, count + 1):
        timeline, moment = story.target()
        name = f"broken{number}"
        with story.breaking("store" if number % 2 else "hole") as sleep:
            try:
                data = story.recover(name, moment, timeline.number, sleep)
            except RecoveryError:
                untouched = not (story.home / name).exists()
                failed, wrong = failed + untouched, wrong + (not untouched)
                for left in story.home.glob(f"{name}*"):
                    shutil.rmtree(left)
                continue
        with story.running(data) as copy:
            right = ids(copy) == timeline.at(moment)
            quicker, wrong = quicker + right, wrong + (not right)
        story.forget(name)
    return failed, quicker, wrong


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A server whose store is stopped under load: archive_outage.py [--minutes 60] [--outage 20] [--rate N] [--write]

Playbook archiving lets a server archive into an S3 server of its own, which is stopped for so many minutes in the
middle of pgbench's work, and started again. Then all that was archived is looked at, and the server is recovered from
it. Prints how much pg_wal grew and how long it took to drain, and exits with 1 where a segment lacks, the backlog is
not archived, or the copy lacks a commit that pgbench was told of. Needs root, and the S3 server's files of the rig.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

# This directory goes: a file of the same name as a package lies in it.
HERE = Path(sys.path.pop(0)).resolve()
sys.path.insert(0, str(HERE.parent / "integration"))
sys.path.insert(0, str(HERE.parent / "benchmarks"))
sys.path.insert(0, str(HERE.parent))
importlib.import_module("conftest")  # makes the collection importable
import archiving_fixtures
import page
import s3_fixtures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.request import PitrRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import examining
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.catalogue import (
    RepositorySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from postgres_fixtures import Cluster, as_server_user, free_port, start_cluster

STORE = "outage"
"""The name of the S3 server, which nobody else uses."""

CLIENTS = 8
SCALE = 10
EACH = 5
"""Seconds between two looks at the server."""

PATIENCE = 3600
"""Seconds in which the rest has to be archived."""

BACKLOG = """SELECT (SELECT sum(size) FROM pg_ls_waldir()),
    (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
    (SELECT failed_count FROM pg_stat_archiver)"""


class Wrong(Exception):
    """Something is not as it must be."""


@dataclasses.dataclass
class Seen:
    """What was seen of the server while it ran: bytes of pg_wal, and files that wait for the archive."""

    began: float
    most_bytes: int = 0
    most_waiting: int = 0
    failures: int = 0
    drained: float = 0

    def look(self, server: Cluster) -> int:
        """Look once, and return how many files wait."""
        [(size, waiting, failures)] = server.execute(BACKLOG)
        self.most_bytes = max(self.most_bytes, int(size))
        self.most_waiting = max(self.most_waiting, int(waiting))
        self.failures = int(failures)
        return int(waiting)


def main() -> int:
    parser = argparse.ArgumentParser(description="Stop the store of a server that archives under load.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--outage", type=float, default=20)
    parser.add_argument("--rate", type=int, default=0, help="transactions in a second; 0: as many as there can be")
    parser.add_argument("--write", action="store_true", help="write what was seen into docs/benchmarks.md")
    options = parser.parse_args()
    store("start", STORE, "free")
    server = start_cluster(settings={"archive_mode": "on", "wal_level": "replica", "shared_buffers": "'256MB'"})
    host = archiving_fixtures.host(server)
    try:
        lines = _through(host, options)
    except Wrong as exc:
        print(f"WRONG: {exc}")
        return 1
    finally:
        host.remove()
        store("wipe", STORE)
    print("\n".join(lines))
    if options.write:
        what = (
            f"pgbench with {CLIENTS} clients for {options.minutes:g} minutes, the store stopped for {options.outage:g}"
        )
        page.write({"Outage of the store": "\n".join([page.made_by("campaigns/archive_outage.py", what), "", *lines])})
    return 0


def _through(host: archiving_fixtures.Archiving, options: argparse.Namespace) -> list[str]:
    """Let it happen, and return what to tell."""
    server = host.server
    variables, repository = _store_of(host)
    say("playbook archiving")
    host.play(**variables)
    server.program("pgbench", "--initialize", "--quiet", f"--scale={SCALE}")
    say("a base backup")
    variables["lifeboat_physical"] = True
    host.enlist(**variables)
    host.play(playbook="physical", **variables)

    say(f"pgbench for {options.minutes:g} minutes")
    seen, bench = Seen(time.monotonic()), _bench(server, options)
    until = (options.minutes - options.outage) * 30
    _watch(server, seen, lambda: time.monotonic() - seen.began > until)
    say("the store is stopped")
    store("stop", STORE)
    _watch(server, seen, lambda: time.monotonic() - seen.began > until + options.outage * 60)
    backlog, [[last]] = seen.look(server), server.execute("SELECT pg_walfile_name(pg_current_wal_lsn())")
    say(f"the store is started again; {backlog} segments wait, {seen.failures} calls have failed")
    store("start", STORE)
    began = time.monotonic()
    archived = f"SELECT coalesce(last_archived_wal, '') >= '{last}' FROM pg_stat_archiver"
    server.execute("SELECT pg_switch_wal()")
    _watch(server, seen, lambda: bool(server.execute(archived)[0][0]))
    drained = time.monotonic() - began
    say(f"its backlog is archived after {drained:.0f} s, beside what was written meanwhile")
    said, _errors = bench.communicate(timeout=options.minutes * 60 + PATIENCE)
    if bench.returncode:
        raise Wrong(f"pgbench ended with {bench.returncode}:\n{said}")
    acknowledged = int(re.search(r"actually processed: (\d+)", said)[1])  # type: ignore[index]
    [[last]] = server.execute("SELECT pg_walfile_name(pg_switch_wal())")
    ended = time.monotonic()
    archived = f"SELECT coalesce(last_archived_wal, '') >= '{last}' FROM pg_stat_archiver"
    _watch(server, seen, lambda: bool(server.execute(archived)[0][0]))
    rest = time.monotonic() - ended
    server.execute("CHECKPOINT")
    [(left, waiting, _failed)] = server.execute(BACKLOG)
    if waiting:
        raise Wrong(f"{waiting} files wait still")

    say("what is stored")
    [log] = examining.examine(examining.WalInfoRequest(repository, "main", server.login), world()).facts["wal"]
    if log["gaps"] or log["problems"]:
        raise Wrong(f"the archive is not whole: {log['problems']}")
    segments = sum(one["segments"] for one in log["timelines"])
    say(f"a recovery of {segments} segments")
    began = time.monotonic()
    found = _recovered(server, repository)
    recovering = time.monotonic() - began
    if found != (acknowledged, True):
        raise Wrong(f"the copy has {found[0]} of {acknowledged} commits, and its sums agree: {found[1]}")
    return [
        f"{acknowledged:,} acknowledged commits, {acknowledged / (options.minutes * 60):.0f} a second.",
        "",
        "| what | seen |",
        "|---|---|",
        f"| segments stored, and missing | {segments:,}, 0 |",
        f"| waited for the store at most | {seen.most_waiting:,} segments |",
        f"| pg_wal at most, and at the end | {seen.most_bytes / 2**20:,.0f} MiB, {int(left) / 2**20:,.0f} MiB |",
        f"| calls that failed meanwhile | {seen.failures:,} |",
        f"| from the store's start until what had waited was stored | {drained:.0f} s |",
        f"| from pgbench's end until all was stored | {rest:.0f} s |",
        f"| acknowledged commits in a copy recovered to the end, in {recovering:.0f} s | all {found[0]:,} |",
    ]


def _store_of(host: archiving_fixtures.Archiving) -> tuple[dict[str, t.Any], RepositorySettings]:
    """Make a bucket. Return the variables that let a host archive into it, and what opens it here."""
    facts = json.loads(store("json", STORE))
    server = s3_fixtures.S3(**facts, bucket="outage")
    server.client().create_bucket(Bucket=server.bucket)
    settings = server.settings()
    given = Path(facts["credentials_file"]).read_text(encoding="utf-8")
    credentials = dict(re.findall(r"aws_(access_key_id|secret_access_key) = (\S+)", given))
    folder = host.home / "etc/keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in (folder, folder / "store.credentials"):  # as role host does it
        path.is_dir() or path.write_text(given, encoding="utf-8")
        path.is_dir() or path.chmod(0o600)
        shutil.chown(path, archiving_fixtures.USER, "nogroup")
    variables = {
        "lifeboat_store": {"url": settings.url, "endpoint": settings.endpoint},
        "lifeboat_store_credentials": credentials,
    }
    keys = KeySettings(recovery_key_file=f"{host.home}/recovery.key")
    state = host.home / "here"
    (state / "status").mkdir(parents=True)
    return variables, RepositorySettings("shop", settings, keys, str(state))


def _bench(server: Cluster, options: argparse.Namespace) -> subprocess.Popen[str]:
    """Begin what the server is busy with."""
    argv = [
        f"{server.bin}/pgbench",
        "--no-vacuum",
        f"--client={CLIENTS}",
        "--jobs=2",
        f"--time={options.minutes * 60:.0f}",
    ]
    argv += [f"--rate={options.rate}"] if options.rate else []
    argv += [f"--host={server.directory}", f"--port={server.port}", "--username=postgres", "postgres"]
    return subprocess.Popen(argv, env=server.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _watch(server: Cluster, seen: Seen, ended: t.Callable[[], bool]) -> None:
    """Look at the server until `ended`. Raise Wrong where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not ended():
        seen.look(server)
        if time.monotonic() > deadline:
            [[told]] = server.execute("SELECT pg_stat_archiver::text FROM pg_stat_archiver")
            raise Wrong(f"after {PATIENCE} s it is not archived: {told}")
        time.sleep(EACH)


def _recovered(server: Cluster, repository: RepositorySettings) -> tuple[int, bool]:
    """Recover all that is stored beside the server. Return how many commits there are, and whether their sums agree."""
    place = f"{server.directory}/recovered"
    recover(PitrRequest(repository, "main", place, "postgres", "here", bin_dir=server.bin), world())
    copy = dataclasses.replace(server, directory=f"{server.directory}/copy", port=free_port())
    os.mkdir(copy.directory)
    os.chmod(copy.directory, 0o777)
    options = f"-p {copy.port} -c unix_socket_directories={copy.directory} -c archive_mode=off"
    control = ("pg_ctl", "-D", place, "-w")
    as_server_user(server, *control, "-l", f"{copy.directory}/log", "-o", options, "start")
    try:
        [(count, delta)] = copy.execute("SELECT count(*), sum(delta) FROM public.pgbench_history")
        sums = [copy.execute(f"SELECT sum({one[0]}balance) FROM public.pgbench_{one}")[0][0] for one in BALANCED]
    finally:
        as_server_user(server, *control, "-m", "fast", "stop")
    return int(count), set(sums) == {delta}


BALANCED = ("accounts", "branches", "tellers")


def world() -> World:
    return World(lambda: datetime.datetime.now(datetime.UTC), time.sleep, {"PATH": os.environ["PATH"]})


def store(*words: str) -> str:
    """Do something with the S3 server."""
    done = subprocess.run([s3_fixtures.SCRIPT, *words], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def say(text: str) -> None:
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

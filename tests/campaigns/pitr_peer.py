# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
pgBackRest beside pitr_targets.py: a server that archives by it, and recoveries whose repository breaks the same way.

Its repository is a directory, as the store of ours is there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import time
import typing as t

import pitr_parts
from physical_fixtures import SIZE
from pitr_parts import ROWS
from postgres_fixtures import Cluster, free_port, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    import datetime
    import random
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 120
"""Seconds in which a copy has ended its recovery, or itself."""

CONFIG = """[global]
repo1-path={home}/repo
log-path={home}/log
lock-path={home}/lock
spool-path={home}/spool
log-level-console=off
log-level-stderr=warn
log-level-file=off
start-fast=y
[main]
pg1-path={data}
pg1-port={port}
pg1-socket-path={socket}
"""


class Peer:
    """A server, what pgBackRest holds of it, and the rows that it wrote, each with its time."""

    def __init__(self, home: Path, chance: random.Random) -> None:
        self.home = home
        self._chance = chance
        self.rows: dict[int, datetime.datetime] = {}
        for name in ("repo", "log", "lock", "spool"):
            (home / name).mkdir(parents=True)
            shutil.chown(home / name, "postgres", "postgres")
        shutil.chown(home, "postgres", "postgres")
        self._config = f"--config={home}/pgbackrest.conf"
        push = f"pgbackrest {self._config} --stanza=main archive-push %p"
        settings = {
            "archive_mode": "on",
            "track_commit_timestamp": "on",
            "wal_level": "replica",
            "archive_command": f"'{push}'",
        }
        self._settings = settings
        self.server: Cluster

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Let the server run inside the block, and write a story: a backup, and rows in many segments after it."""
        (self.home / "pgbackrest.conf").write_text("[global]\n")
        self.server = start_cluster(settings=self._settings, initdb=[f"--wal-segsize={SIZE >> 20}"])
        server = self.server
        text = CONFIG.format(home=self.home, data=f"{server.directory}/data", port=server.port, socket=server.directory)
        (self.home / "pgbackrest.conf").write_text(text)
        try:
            self._do("stanza-create")
            server.execute("CREATE TABLE public.told (id integer PRIMARY KEY)")
            self._do("--type=full", "backup")
            self._before = set(self._segments())
            for number in range(1, 2 * ROWS + 1):
                self.rows[number] = pitr_parts.commit(server, number)
                if self._chance.random() < pitr_parts.SWITCHING:
                    server.execute("SELECT pg_switch_wal()")
            [[last]] = server.execute("SELECT pg_walfile_name(pg_switch_wal())")
            archived = f"SELECT coalesce(last_archived_wal, '') >= '{last}' FROM pg_stat_archiver"
            while not server.execute(archived)[0][0]:
                time.sleep(0.05)
            yield
        finally:
            stop_cluster(server)

    @property
    def version(self) -> str:
        return subprocess.run(["pgbackrest", "version"], check=True, capture_output=True, text=True).stdout.strip()

    def at(self, moment: datetime.datetime | None) -> set[int]:
        """Return the rows that were committed by then; all of them without a moment."""
        return {row for row, at in self.rows.items() if moment is None or at <= moment}

    def moment(self) -> datetime.datetime:
        """Return the moment of a commit after the backup."""
        return self._chance.choice(sorted(self.rows.values())[ROWS // 4 : -1])

    def recover(self, kind: str, moment: datetime.datetime | None) -> set[int] | None:
        """
        Restore to the end of the log, or to a moment, while the repository breaks: a segment lacks, or all of it goes
        away. Return the rows of what was promoted, None where nothing was.
        """
        place = self.home / "copy"
        target = ["--type=time", f"--target={moment.isoformat(sep=' ')}", "--target-action=promote"] if moment else []
        self._do(f"--pg1-path={place}", *target, "restore")
        aside, lost = self.home / "aside", self.home / "repo"
        after = self._chance.randrange(1, 12)
        if kind == pitr_parts.HOLE:
            lost, after = self._chance.choice(sorted(set(self._segments()) - self._before)[:-1]), 0
            lost.rename(aside)
        try:
            return self._started(place, after, lambda: lost.rename(aside) if kind == pitr_parts.LOSS else None)
        finally:
            if aside.exists():
                aside.rename(lost)
            shutil.rmtree(place)

    def _started(self, place: Path, after: int, breaking: t.Callable[[], object]) -> set[int] | None:
        """Start a copy, which breaks when it has fetched so many segments."""
        run = self.home / "run"
        run.mkdir()
        shutil.chown(run, "postgres", "postgres")
        copy = dataclasses.replace(self.server, directory=str(run), port=free_port())
        argv = [f"{copy.bin}/postgres", "-D", str(place), "-p", str(copy.port), "-c", f"unix_socket_directories={run}"]
        argv += ["-c", "archive_mode=off", "-c", "listen_addresses=", "-c", "logging_collector=off"]
        log = run / "log"
        with log.open("wb") as file:
            server = subprocess.Popen(
                argv,
                stdout=file,
                stderr=file,
                user="postgres",
                group="postgres",
                extra_groups=[],
                cwd=run,
                env={**copy.environ, "LC_MESSAGES": "C"},
            )
        broken, deadline = False, time.monotonic() + PATIENCE
        try:
            while server.poll() is None and time.monotonic() < deadline:
                said = log.read_text(errors="replace")
                if not broken and said.count("restored log file") > after:
                    broken = True
                    breaking()
                if (
                    "archive recovery complete" in said
                    and "ready to accept connections" in said.split("recovery complete")[1]
                ):
                    return {row[0] for row in copy.execute("SELECT id FROM public.told")}
                time.sleep(0.005)
            if server.poll() is None:
                raise pitr_parts.Wrong(f"a copy of pgBackRest neither ends nor recovers: {said[-2000:]}")
            return None
        finally:
            if server.poll() is None:
                server.send_signal(3)  # an immediate shutdown
            server.wait()
            shutil.rmtree(run)

    def _segments(self) -> list[Path]:
        return sorted(self.home.glob("repo/archive/main/*/*/0*"))

    def _do(self, *words: str) -> None:
        argv = ["pgbackrest", self._config, "--stanza=main", *words]
        done = subprocess.run(
            argv,
            user="postgres",
            group="postgres",
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
        )
        if done.returncode:
            raise pitr_parts.Wrong(f"pgbackrest {' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")

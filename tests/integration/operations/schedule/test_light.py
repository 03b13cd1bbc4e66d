# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A light job of the schedule, with a real server: it beats each time, and says only what differs from before."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import heartbeat_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from postgres_fixtures import start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster

PACKAGE = "ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.schedule.run"
COLLECTIONS = Path(__file__).resolve().parents[4] / ".cache" / "collections"
LAUNCHER = f"import sys; from {PACKAGE} import main; sys.exit(main(sys.argv[1], ['heartbeat']))"


class Host:
    """The directories of a host, and the server that its settings name."""

    def __init__(self, root: Path, server: Cluster) -> None:
        self.root, self.server = root, server
        for name in ("etc", "state", "log"):
            (root / name).mkdir()
        places = {"home": "/nonexistent", "state_dir": f"{root}/state", "log_dir": f"{root}/log", "wait": 60}
        job = {"name": "heartbeat", "job": "heartbeat", "cron": "*/5 * * * *", "variables": {}}
        job["user"] = pwd.getpwuid(os.geteuid()).pw_name
        self._write("schedule", scheduler="cron", zone="", catch_up=False, places=places, jobs=[job])
        login = {"unix_socket": server.directory, "port": server.port, "user": heartbeat_fixtures.WRITER}
        variables = {"lifeboat_application": "shop", "lifeboat_state_dir": f"{root}/state"}
        store = {"url": f"file://{root}/store"}
        state = f"{root}/state"
        self.locks = Path(f"/run/lifeboat-run{state.replace('/', '-')}" if os.geteuid() == 0 else f"{state}/locks")
        self._write("host", variables=variables, set=[], store=store, keys={}, login=login)

    def _write(self, name: str, **record: t.Any) -> None:
        (self.root / f"etc/{name}.json").write_text(json.dumps({"format": f"lifeboat-{name}/1", **record}))

    def run(self) -> tuple[int, str]:
        """Run the job; return its exit status and what it said. It says nothing on standard output."""
        environ = {"PYTHONPATH": str(COLLECTIONS), "PATH": "/usr/bin:/bin", "PGHOST": "nowhere", "PGUSER": "nobody"}
        argv = [sys.executable, "-c", LAUNCHER, f"{self.root}/etc"]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
        assert done.stdout == ""
        return done.returncode, done.stderr

    def log(self) -> list[str]:
        """Return the lines of its log, without their times."""
        return [line.partition(" ")[2] for line in (self.root / "log/heartbeat.log").read_text().splitlines()]

    def beats(self) -> int:
        [[count]] = self.server.execute("SELECT count(*) FROM lifeboat.heartbeat")
        return int(count)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    made = start_cluster()
    heartbeat_fixtures.make(made)
    yield made
    stop_cluster(made)


@pytest.fixture
def host(tmp_path: Path, server: Cluster) -> Iterator[Host]:
    made = Host(tmp_path, server)
    yield made
    shutil.rmtree(made.locks, ignore_errors=True)


def test_a_server_beats_each_time_and_a_failure_is_said_once(host: Host) -> None:
    good = "lifeboat-run: heartbeat: The server has a heartbeat."
    before = host.beats()
    assert host.run() == (0, "")
    assert host.run() == (0, "")
    assert host.beats() == before + 2
    assert host.log() == [good]
    assert {path.name for path in (host.root / "state").iterdir()} <= {"locks"}  # no entry in a log, no status

    host.server.execute(f"REVOKE USAGE ON SCHEMA lifeboat FROM {heartbeat_fixtures.WRITER}")
    try:
        status, said = host.run()
        assert status == errors.DatabaseError.exit_code
        assert "heartbeat: failed: The role beats has no heartbeat that it can write in database postgres." in said
        assert host.run() == (status, "")
        assert host.log() == [good, said.splitlines()[0]]
    finally:
        host.server.execute(f"GRANT USAGE ON SCHEMA lifeboat TO {heartbeat_fixtures.WRITER}")
    assert host.run() == (0, "")
    assert host.log()[2:] == [good]
    assert host.beats() == before + 3


def test_on_a_host_that_is_isolated_nothing_beats(host: Host) -> None:
    (host.root / "etc/schedule.off").touch()
    before = host.beats()
    status, said = host.run()
    assert (status, host.beats()) == (errors.Busy.exit_code, before)
    assert "The schedule of this host is off." in said


def test_a_beat_that_hangs_is_not_joined_by_another(host: Host) -> None:
    before = host.beats()
    host.locks.mkdir(exist_ok=True)
    with (host.locks / "job-heartbeat.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, said = host.run()
    assert (status, host.beats()) == (errors.Busy.exit_code, before)
    assert "The job heartbeat is still running." in said

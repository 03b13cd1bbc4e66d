#!/usr/bin/env python
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The program of the container: runs the jobs of lifeboat_schedule at their times, one after the other.

    lifeboat-container run          configure, then run jobs until it is stopped
    lifeboat-container enroll       make this container's keys, and list it in the trust file; needs the recovery key
    lifeboat-container job NAME     run a job now
    lifeboat-container health       end with 1 if the last run of a job failed

Everything that has to last lies in the volume /var/lib/lifeboat. The inventory is /etc/lifeboat/hosts.yml.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import disk
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.schedule.run import main as run_job
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.schedule import jobs

HERE = Path(os.path.realpath(__file__)).parent
VOLUME = Path("/var/lib/lifeboat")
CONFIG = VOLUME / "config"
RUNS = VOLUME / "runs.json"
RECOVERY_KEY = Path("/run/secrets/lifeboat_recovery_key")

BUSY = 9
"""Exit status of a job that found another run of it at work: nothing failed."""

LARGEST_LOG = 5 << 20
"""Bytes after which the log of a job is set aside, in the place of the one before."""

Runs = dict[str, dict[str, t.Any]]


def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    command, *rest = argv or ["run"]
    if command == "run" and not rest:
        return configure() or Service().run()
    if command == "enroll" and not rest:
        return configure(enroll=True)
    if command == "health" and not rest:
        return health()
    if command == "job" and len(rest) == 1:
        return run_job(str(CONFIG), rest)
    sys.stderr.write(f"{__doc__}\n")
    return 2


def configure(*, enroll: bool = False) -> int:
    """Write what the jobs need into the volume, by the playbook beside this file. Return its exit status."""
    for folder in ("config/keys", "state", "log"):
        (VOLUME / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    variables = {"container_enroll": enroll, **({"container_recovery_key": str(RECOVERY_KEY)} if enroll else {})}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    environ = {**os.environ, "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"), "ANSIBLE_HOME": str(VOLUME / "ansible")}
    argv = [program, str(HERE / "configure.yml"), "--extra-vars", json.dumps(variables)]
    done = subprocess.run(argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode


class Service:
    """The schedule, and when each job began last and how it ended, which the volume keeps."""

    def __init__(self) -> None:
        self._schedule = jobs.read(str(CONFIG))
        self._zone = self._schedule.local_zone()
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        now = datetime.datetime.now(datetime.UTC)
        before = runs()
        # What a container that did not exist would have done is not made up for.
        self._runs: Runs = {
            job.name: before.get(job.name, {"began": now.isoformat(), "status": None}) for job in self._schedule.jobs
        }

    def run(self) -> int:
        """Run each job at its times until the process is told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)
        _keep(self._runs)
        said = ", ".join(f"{job.name} at {self._due(job):%Y-%m-%dT%H:%M:%SZ}" for job in self._schedule.jobs)
        _say(f"lifeboat-container: {said or 'no jobs: set lifeboat_schedule'}")
        while not self._stop.is_set():
            due = sorted((self._due(job), job.name) for job in self._schedule.jobs)
            now = datetime.datetime.now(datetime.UTC)
            if due and due[0][0] <= now:
                self._work(due[0][1], now)
            else:
                # Not to the end at once: the clock may be set.
                self._stop.wait(min((due[0][0] - now).total_seconds(), 60.0) if due else 60.0)
        return 0

    def _due(self, job: jobs.Job) -> datetime.datetime:
        began = datetime.datetime.fromisoformat(self._runs[job.name]["began"])
        return self._schedule.following(job, began, self._zone)

    def _work(self, name: str, now: datetime.datetime) -> None:
        _set_aside(Path(self._schedule.places.log_dir) / f"{name}.log")
        self._runs[name] |= {"began": now.isoformat()}
        _keep(self._runs)
        self._child = subprocess.Popen([sys.executable, os.path.realpath(__file__), "job", name])
        if self._stop.is_set():
            self._child.send_signal(signal.SIGTERM)
        status = self._child.wait()
        self._child = None
        self._runs[name] |= {"status": status, "ended": datetime.datetime.now(datetime.UTC).isoformat()}
        _keep(self._runs)
        _say(f"lifeboat-container: {name} {'is done' if status == 0 else f'failed with status {status}'}")

    def _told(self, _number: int, _frame: object) -> None:
        """Stop after the job that is running, which takes back what it began."""
        self._stop.set()
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)


def health() -> int:
    """Say what is wrong, if anything. Return the exit status."""
    if not RUNS.exists():
        _say("The container has not begun to run jobs.")
        return 1
    failed = [name for name, run in sorted(runs().items()) if run["status"] not in (None, 0, BUSY)]
    _say(f"The last run failed of {', '.join(failed)}." if failed else "No job failed in its last run.")
    return 1 if failed else 0


def runs() -> Runs:
    """Return what is known of the jobs' last runs."""
    try:
        found: Runs = json.loads(RUNS.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _keep(known: Runs) -> None:
    disk.write_atomically(str(RUNS), [json.dumps(known).encode()])


def _set_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RecoveryError as exc:
        sys.exit(f"lifeboat-container: {exc}")

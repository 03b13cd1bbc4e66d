# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The program `lifeboat-run JOB`: runs a job of this host's schedule, as cron and systemd do.

    lifeboat-run nightly

It runs the collection's playbook on this host, once at a time, and writes what that says into the job's log, each line
with its time. One kind of job runs once at a time as well: a backup waits for another backup, and not for a validation.
It says nothing when all went well, so that cron sends mail for failures alone.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
import typing as t

from ...drivers.components.postgres.login import forget_environment
from ...ground.children import await_session
from ...ground.errors import Busy, ProcessFailed, RecoveryError, UsageError
from ...ground.printing import printable
from ...ground.process import ENDINGS
from ...ground.units import human_duration
from ...records.schedule import jobs
from . import locks
from .job_log import Log
from .light import Light

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ...records.schedule.jobs import Job, Places

POLL = 0.5
"""Seconds between two looks at a lock: flock cannot wait with a limit."""

TAKING_BACK = 240.0
"""Seconds that modules have to take back what they began when the playbook was stopped: systemd kills after 300."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NOT_INHERITED = ("ANSIBLE_", "PYTHON", "BACKUP_ENCRYPTION_KEY")
"""What the environment may not decide about a job: settings of Ansible and of Python, and a key for all to inherit."""


def main(config_dir: str, argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status: that of the playbook, unless it could not be run."""
    parser = argparse.ArgumentParser(prog="lifeboat-run", description="Run a job of this host's schedule now.")
    parser.add_argument("job", metavar="JOB", help="its name in lifeboat_schedule")
    name = parser.parse_args(argv).job
    try:
        known = jobs.read(config_dir)
        job = known.job(name)
        _become(job.user)
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(
                contextlib.closing(Log(os.path.join(known.places.log_dir, f"{job.name}.log"), _now))
            )
            if job.light:
                forget_environment(os.environ)
                return Light(config_dir, known.places, job, log).run()
            return Run(config_dir, known.places, job, log).run()
    except RecoveryError as exc:
        sys.stderr.write(f"lifeboat-run: {name}: {exc}\n")
        return exc.exit_code


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _become(name: str) -> None:
    """Be the user of the job, which root can; whoever is somebody else is refused."""
    try:
        user = pwd.getpwnam(name)
    except KeyError as exc:
        raise UsageError(f"There is no user {name} on this host.", "Run playbook lifeboat.recovery.install.") from exc
    if os.geteuid() == user.pw_uid:
        return
    if os.geteuid() != 0:
        raise UsageError(f"The job belongs to the user {name}.", f"Run it as that user, or as root: sudo -u {name}.")
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


@dataclasses.dataclass
class Run:
    """One run of a job: locks, the playbook, its lines into the log."""

    config_dir: str
    places: Places
    job: Job
    log: Log
    stopped_by: int = 0

    def run(self) -> int:
        """Run the job and give the exit status. Raise Busy when another run is in the way, or all is off."""
        try:
            jobs.check_on(self.config_dir)
            # What a killed program left half removed there must not be all that is heard of the job.
            place = tempfile.TemporaryDirectory(prefix="lifeboat-run-", ignore_cleanup_errors=True)
            with self._alone() as held, place as scratch:
                began = time.monotonic()
                self.log.write(f"lifeboat-run: {self.job.name} begins ({self.job.playbook}, process {os.getpid()})")
                status, error = self._play(scratch, held)
                seconds = human_duration(time.monotonic() - began)
        except RecoveryError as exc:
            self.log.write(f"lifeboat-run: {self.job.name} did not run: {exc}")
            raise
        if status == 0:
            self.log.write(f"lifeboat-run: {self.job.name} is done after {seconds}")
            return 0
        ended = f" on {signal.Signals(self.stopped_by).name}" if self.stopped_by else ""
        said = f"{self.job.name} failed with status {status}{ended} after {seconds}"
        self.log.write(f"lifeboat-run: {said}")
        sys.stderr.write(
            f"lifeboat-run: {said}{': ' + printable(error) if error else ''}\nThe output is in {self.log.path}.\n"
        )
        return status

    @contextlib.contextmanager
    def _alone(self) -> Iterator[tuple[int, ...]]:
        """Hold the lock of the job, which is there at once or not, and that of its kind, which can be waited for."""
        folder = locks.folder(self.places.state_dir)
        with contextlib.ExitStack() as stack:
            own = stack.enter_context(locks.only(folder, self.job.name, _now()))
            kind = stack.enter_context(locks.opened(folder, f"kind-{self.job.kind}"))
            self._wait(kind)
            locks.name_holder(kind, self.job.name, _now())
            yield own, kind

    def _wait(self, lock: int) -> None:
        deadline = time.monotonic() + self.places.wait
        if not locks.lock(lock):
            self.log.write(f"lifeboat-run: {self.job.name} waits for another {self.job.kind}{locks.holder(lock)}")
            while not locks.lock(lock):
                if time.monotonic() > deadline:
                    raise Busy(
                        f"Another {self.job.kind} is still running{locks.holder(lock)}, after "
                        f"{human_duration(self.places.wait)}.",
                        "Schedule the jobs at other times, or raise lifeboat_schedule_wait.",
                    )
                time.sleep(POLL)

    def _play(self, scratch: str, held: tuple[int, ...]) -> tuple[int, str]:
        """Run the playbook to its end. Return its exit status, and the last error that it spoke of."""
        variables = os.path.join(scratch, "variables.json")
        with open(os.open(variables, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(_untrusted(self._variables()), file)
        # Not by the links that an upgrade changes: what runs keeps what it began with.
        programs = os.path.join(os.path.realpath(os.path.join(self.places.home, "venv")), "bin")
        argv = [os.path.join(programs, "ansible-playbook"), self.job.playbook, "-e", f"@{variables}"]
        try:
            # Not process.py, whose programs answer in blocks: here each line counts when it comes, with its time. The
            # locks go along, so that they hold as long as the playbook lives, even without this process.
            child = subprocess.Popen(  # pylint: disable=ansible-bad-function
                argv,
                env=self._environment(scratch),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=held,
                start_new_session=True,
            )
        except OSError as exc:
            raise ProcessFailed(f"{argv[0]} cannot be started: {exc.strerror}.", "Run playbook install.") from exc
        with self._handing_on(child), t.cast("t.IO[bytes]", child.stdout) as out:
            error = self._follow(out)
            status = child.wait()
            if self.stopped_by:
                await_session(child.pid, TAKING_BACK)
        return (status if status >= 0 else 128 - status), error

    def _variables(self) -> dict[str, object]:
        """
        Return the variables of this job. Who is not root becomes nobody: the roles ask for the user that runs this.
        """
        always: dict[str, object] = {"lifeboat_progress_interval": 0}
        if os.geteuid() != 0:
            always["ansible_become"] = False
        return always | dict(self.job.variables)

    def _environment(self, scratch: str) -> Mapping[str, str]:
        user = pwd.getpwuid(os.geteuid())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        return kept | {
            "PATH": PATH,
            "HOME": user.pw_dir,
            "USER": user.pw_name,
            "LOGNAME": user.pw_name,
            "LIFEBOAT_LOG": self.log.path,
            jobs.VARIABLE: self.job.name,
            "LANG": "C.UTF-8",  # Ansible asks for UTF-8, and cron brings none
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": os.path.join(self.config_dir, "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": os.path.dirname(
                os.path.realpath(os.path.join(self.places.home, "ansible_collections"))
            ),
            "ANSIBLE_HOME": os.path.join(scratch, "ansible"),
            "ANSIBLE_REMOTE_TEMP": os.path.join(scratch, "remote"),
            "ANSIBLE_ASYNC_DIR": os.path.join(scratch, "jobs"),
        }

    def _follow(self, out: t.IO[bytes]) -> str:
        """Write each line into the log. Return the last one that tells of an error."""
        error = ""
        for raw in out:
            line = raw.decode("utf-8", "replace").rstrip()
            self.log.write(line)
            if line.startswith("[ERROR]:"):
                error = line.removeprefix("[ERROR]:").strip()
        return error

    @contextlib.contextmanager
    def _handing_on(self, child: subprocess.Popen[bytes]) -> Iterator[None]:
        """Hand signals on to the playbook, and wait for it: what it began is taken back by itself."""

        def hand_on(number: int, _frame: object) -> None:
            self.stopped_by = number
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)

        before = {each: signal.signal(each, hand_on) for each in ENDINGS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _untrusted(value: t.Any) -> t.Any:
    """Return a value for JSON that Ansible reads back as it is: none of its texts is a template."""
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, dict):
        return {key: _untrusted(item) for key, item in value.items()}
    return [_untrusted(item) for item in value] if isinstance(value, list) else value

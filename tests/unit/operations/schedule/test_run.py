# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The launcher of scheduled jobs, with a playbook that is a small program."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest

PACKAGE = "ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.schedule.run"
COLLECTIONS = Path(__file__).resolve().parents[4] / ".cache" / "collections"
LAUNCHER = f"import sys; from {PACKAGE} import main; sys.exit(main(sys.argv[1], sys.argv[2:]))"
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
ME = pwd.getpwuid(os.geteuid()).pw_name

# What stands for ansible-playbook: it tells what it was given, and then does what its variables say.
PLAYBOOK = f"""#!{sys.executable}
import json, os, signal, subprocess, sys, time
variables = json.load(open(sys.argv[3][1:]), object_hook=lambda found: found.get("__ansible_unsafe", found))
print("told", sys.argv[1], json.dumps(variables, sort_keys=True), flush=True)
print("environment", json.dumps(dict(os.environ)), flush=True)
print("[ERROR]: what went wrong" if variables.get("status") else "no error", file=sys.stderr, flush=True)
if "module" in variables:
    subprocess.Popen([sys.executable, "-c", variables["module"]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if "wait" in variables:
    signal.signal(signal.SIGTERM, lambda *_: (print("taken back", flush=True), sys.exit(143)))
    open(variables["wait"], "w").close()
    while True:  # a signal that comes just before a sleep is looked at after it
        time.sleep(0.05)
sys.exit(variables.get("status", 0))
"""


class Host:
    """A host's directories with a schedule, and the launcher run on them as a program."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("etc", "state", "log", "home/venv/bin"):
            (root / name).mkdir(parents=True)
        playbook = root / "home/venv/bin/ansible-playbook"
        playbook.write_text(PLAYBOOK)
        playbook.chmod(0o755)
        self.write()

    def write(self, limit: float = 60.0, user: str = ME, **variables: object) -> None:
        places = {
            "home": str(self.root / "home"),
            "state_dir": str(self.root / "state"),
            "log_dir": str(self.root / "log"),
            "wait": limit,
        }
        jobs = [
            {"name": name, "job": "backup", "cron": "0 2 * * *", "user": user, "variables": variables}
            for name in ("nightly", "hourly")
        ]
        document = {
            "format": "lifeboat-schedule/1",
            "scheduler": "cron",
            "zone": "",
            "catch_up": False,
            "places": places,
            "jobs": jobs,
        }
        (self.root / "etc/schedule.json").write_text(json.dumps(document))

    def start(self, job: str = "nightly", **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(self.root / "etc"), job],
            env={"PYTHONPATH": str(COLLECTIONS), "PATH": "/usr/bin:/bin"} | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, job: str = "nightly", **environ: str) -> tuple[int, str, str]:
        program = self.start(job, **environ)
        out, err = program.communicate(timeout=60)
        return program.returncode, out, err

    def log(self, job: str = "nightly") -> list[str]:
        return (self.root / f"log/{job}.log").read_text().splitlines()

    def locks(self) -> Path:
        state = self.root / "state"
        return Path(f"/run/lifeboat-run{str(state).replace('/', '-')}") if os.geteuid() == 0 else state / "locks"


@pytest.fixture
def host(tmp_path: Path) -> t.Iterator[Host]:
    made = Host(tmp_path)
    yield made
    if made.locks().is_dir():
        for each in made.locks().iterdir():
            each.unlink()
        made.locks().rmdir()


@pytest.fixture
def held(host: Host) -> t.Iterator[t.Callable[[str], None]]:
    handles = []

    def hold(name: str) -> None:
        host.locks().mkdir(parents=True, exist_ok=True)
        file = (host.locks() / f"{name}.lock").open("w")
        file.write("hourly 4711 2026-11-21T02:00:00Z\n")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        handles.append(file)

    hold.release = lambda: [file.close() for file in handles]  # type: ignore[attr-defined]
    yield hold
    for file in handles:
        file.close()


def test_a_good_run_says_nothing_and_logs_each_line_with_its_time(host: Host) -> None:
    host.write(lifeboat_reason="scheduled", lifeboat_databases=["{{ shop }}"])
    assert host.run() == (0, "", "")
    log = host.log()
    assert all(STAMP.match(line) for line in log)
    assert "nightly begins (lifeboat.recovery.backup, process" in log[0]
    assert "nightly is done after" in log[-1]
    told = json.loads(log[1].split(" ", 3)[3])
    assert told["lifeboat_reason"] == "scheduled"
    assert told["lifeboat_databases"] == ["{{ shop }}"]
    assert told.get("ansible_become") is (None if os.geteuid() == 0 else False)
    assert (host.root / "log/nightly.log").stat().st_mode & 0o777 == 0o640


def test_settings_of_others_and_keys_do_not_reach_the_playbook(host: Host) -> None:
    host.run(
        ANSIBLE_CONFIG="/tmp/other.cfg", ANSIBLE_STDOUT_CALLBACK="x", BACKUP_ENCRYPTION_KEY="ab" * 32, HTTPS_PROXY="p"
    )
    environ = json.loads(next(line for line in host.log() if " environment " in line).split(" ", 2)[2])
    assert environ["ANSIBLE_CONFIG"] == str(host.root / "etc/ansible.cfg")
    assert environ["LC_ALL"] == "C.UTF-8"
    assert environ["LIFEBOAT_JOB"] == "nightly"
    assert environ["HTTPS_PROXY"] == "p"
    assert not {"ANSIBLE_STDOUT_CALLBACK", "BACKUP_ENCRYPTION_KEY", "PYTHONPATH"} & set(environ)
    assert not Path(environ["ANSIBLE_HOME"]).parent.exists()


def test_a_failure_is_said_with_its_cause_and_where_the_rest_is(host: Host) -> None:
    host.write(status=2)
    status, out, err = host.run()
    assert (status, out) == (2, "")
    assert "nightly failed with status 2" in err
    assert "what went wrong" in err
    assert str(host.root / "log/nightly.log") in err
    assert "nightly failed with status 2" in host.log()[-1]


def test_a_second_run_of_a_job_ends_at_once_and_is_logged(host: Host, held: t.Callable[[str], None]) -> None:
    held("job-nightly")
    status, _out, err = host.run()
    assert status == 9
    assert "The job nightly is still running (hourly, process 4711, since 2026-11-21T02:00:00Z)" in err
    assert "nightly did not run: The job nightly is still running" in host.log()[-1]


def test_no_job_runs_while_the_schedule_is_off(host: Host) -> None:
    off = host.root / "etc/schedule.off"
    off.touch()
    status, _out, err = host.run()
    assert status == 9
    assert f"The schedule of this host is off. Undo the isolation of this host, or remove {off}." in err
    assert "nightly did not run: The schedule of this host is off." in host.log()[-1]
    off.unlink()
    assert host.run() == (0, "", "")


def test_another_job_of_the_kind_is_waited_for(host: Host, held: t.Any) -> None:
    held("kind-backup")
    program = host.start()
    log = host.root / "log/nightly.log"
    waiting = threading.Event()
    while not (log.exists() and "waits for another backup (hourly" in log.read_text()):
        assert program.poll() is None
        waiting.wait(0.05)
    held.release()
    assert program.wait(60) == 0
    program.communicate()
    assert "is done after" in host.log()[-1]


def test_waiting_has_an_end(host: Host, held: t.Callable[[str], None]) -> None:
    host.write(limit=0.1)
    held("kind-backup")
    status, _out, err = host.run()
    assert status == 9
    assert "Another backup is still running (hourly" in err
    assert "raise lifeboat_schedule_wait" in host.log()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_is_stopped_lets_the_playbook_take_back_what_it_began(host: Host, number: signal.Signals) -> None:
    running = host.root / "running"
    host.write(wait=str(running))
    program = host.start()
    waiting = threading.Event()
    while not running.exists():
        assert program.poll() is None
        waiting.wait(0.05)
    program.send_signal(number)
    _out, err = program.communicate(timeout=60)
    assert program.returncode == 143
    assert any(line.endswith(" taken back") for line in host.log())
    assert f"failed with status 143 on {number.name}" in err


MODULE = """
import os, pathlib, signal, sys
taken_back = pathlib.Path({taken_back!r})
remote = pathlib.Path(os.environ["ANSIBLE_REMOTE_TEMP"])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
remote.mkdir(exist_ok=True)
pathlib.Path({running!r}).touch()
os.read(os.open({gate!r}, os.O_RDONLY), 1)
(remote / "more").mkdir()
taken_back.touch()
"""
"""A module that has no end of the playbook to do with: it takes back what it began, and ends then."""


def test_who_is_stopped_waits_for_modules_that_outlive_the_playbook(host: Host) -> None:
    paths = {name: str(host.root / name) for name in ("taken_back", "running", "gate")}
    os.mkfifo(paths["gate"])
    playing = host.root / "playing"
    host.write(wait=str(playing), module=MODULE.format(**paths))
    program = host.start(TMPDIR=str(host.root))
    waiting = threading.Event()
    while not (playing.exists() and (host.root / "running").exists()):
        assert program.poll() is None
        waiting.wait(0.05)
    program.send_signal(signal.SIGTERM)
    while not any(line.endswith(" taken back") for line in host.log()):
        waiting.wait(0.05)
    with open(paths["gate"], "wb", buffering=0) as gate:
        gate.write(b"1")
    program.communicate(timeout=60)
    assert (host.root / "taken_back").exists()
    assert "failed with status 143 on SIGTERM" in host.log()[-1]
    assert list(host.root.glob("lifeboat-run-*")) == []


def test_without_a_log_the_job_runs_and_its_lines_go_to_standard_error(host: Host) -> None:
    (host.root / "log").rmdir()
    status, out, err = host.run()
    assert (status, out) == (0, "")
    assert "cannot be written" in err
    assert "nightly is done after" in err


def test_a_link_in_the_place_of_a_log_is_not_followed(host: Host) -> None:
    target = host.root / "target"
    target.write_text("")
    (host.root / "log/nightly.log").symlink_to(target)
    assert host.run()[0] == 0
    assert target.read_text() == ""


def test_an_unknown_job_and_an_unknown_user_are_refused(host: Host) -> None:
    status, _out, err = host.run("weekly")
    assert status == 2
    assert "Its jobs are nightly, hourly" in err
    host.write(user="nobody-of-that-name")
    status, _out, err = host.run()
    assert status == 2
    assert "no user nobody-of-that-name" in err


def test_a_playbook_that_is_not_there_is_an_error_of_its_own(host: Host) -> None:
    (host.root / "home/venv/bin/ansible-playbook").unlink()
    status, _out, err = host.run()
    assert status == 7
    assert "cannot be started" in err
    assert "did not run" in host.log()[-1]

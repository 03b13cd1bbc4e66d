# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A followed module shows its progress and otherwise gives what it gives by itself; tried through real playbooks."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FOLLOWED, PLAIN = 0.2, 0
"""Seconds between two lines of progress; without them a module runs plainly."""

ACTION = """
import os, pathlib

from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _follow, _watch

_watch.FIRST_LINE = 0.1
_watch.ALIVE_AFTER = 1.0


class ActionModule(_follow.Following):
    OPERATION = "backup"

    def subject(self, options):
        if options["state_dir"]:
            pathlib.Path(options["state_dir"], "worker").write_text(str(os.getpid()))
        return options["subject"]
"""

MODULE = """
import datetime, json, os, pathlib, signal, time

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        {
            "subject": {"type": "str", "required": True},
            "state_dir": {"type": "path"},
            "gate": {"type": "path"},
            "how": {"type": "str", "default": "well"},
            "login_password": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    record = {
        "format": "lifeboat-status/1", "operation": "backup", "subject": module.params["subject"], "phase": "dump",
        "started": now, "updated": now, "pid": os.getpid(), "members": [], "done": 3 << 20, "expected": 5 << 20,
        "result": None,
    }
    if module.params["state_dir"]:
        status = pathlib.Path(module.params["state_dir"], "status", "backup-main%2Fshop.json")
        status.write_text(json.dumps(record))
    gate = module.params["gate"]
    while gate and not os.path.exists(gate):
        time.sleep(0.01)
    how = module.params["how"]
    if how == "fail":
        module.fail_json(msg="The disk is full.", error="StoreError", backup_id="b1")
    if how == "crash":
        raise RuntimeError("a mistake")
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    module.warn("look at this")
    result = {"backup": {"started": "then", "finished": "now"}, "secret": module.params["login_password"]}
    module.exit_json(
        changed=True, check=module.check_mode, diff={"before": "a\\n", "after": "b\\n"}, **result
    )


if __name__ == "__main__":
    main()
"""


class Play:
    """One playbook run with one task of the fake module, and what it left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        plugins = path / "collections/ansible_collections/lifeboat_test/follow/plugins"
        for kind, source in {"action": ACTION, "modules": MODULE}.items():
            (plugins / kind).mkdir(parents=True)
            (plugins / kind / "slow.py").write_text(source)
        for name in ("state/status", "async", "remote", "local"):
            (path / name).mkdir(parents=True)
        os.symlink(_collections() / "ansible_collections/lifeboat", plugins.parents[2] / "lifeboat")

    def start(self, *, keywords: dict | None = None, **options: str) -> subprocess.Popen[str]:
        return self.begin(result={"keywords": keywords or {}, "options": options})

    def begin(self, *arguments: str, interval: float = FOLLOWED, **cases: dict) -> subprocess.Popen[str]:
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "lifeboat_progress_interval": interval},
            "tasks": [task for name, case in cases.items() for task in self._tasks(name, **case)],
        }
        (self.path / "play.yml").write_text(json.dumps([play]))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(self.path / "collections"),
            "ANSIBLE_ASYNC_DIR": str(self.path / "async"),
            "ANSIBLE_REMOTE_TMP": str(self.path / "remote"),
            "ANSIBLE_LOCAL_TEMP": str(self.path / "local"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
        }
        # The inventory is empty, so that nothing of this machine's own counts.
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "/dev/null", *arguments, "play.yml"]
        return subprocess.Popen(
            command, cwd=self.path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run_all(self, *arguments: str, interval: float = FOLLOWED, **cases: dict) -> dict[str, dict]:
        """Run a task for each case, and give what came of each."""
        running = self.begin(*arguments, interval=interval, **cases)
        self.out, self.err = running.communicate(timeout=120)
        return {name: json.loads((self.path / f"{name}.json").read_text()) for name in cases}

    def _tasks(self, name: str, keywords: dict | None = None, options: dict[str, str] | None = None) -> list[dict]:
        given = {"subject": "main/shop", "state_dir": str(self.path / "state")} | (options or {})
        asked = {"lifeboat_test.follow.slow": given, "register": name, **(keywords or {})}
        copied = {"content": f"{{{{ {name} | to_json }}}}", "dest": f"{self.path}/{name}.json"}
        return [
            {**asked, "ignore_errors": True, "ignore_unreachable": True},
            {
                "ansible.builtin.copy": copied,
                "check_mode": False,
                "changed_when": True,
                "vars": {"ansible_remote_tmp": f"{self.path}/copying"},
                "diff": False,
            },
        ]

    @property
    def lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("[localhost")]

    @property
    def job_files(self) -> list[str]:
        # The job's own directory of modules goes a few seconds later, by Ansible's own hand.
        return os.listdir(self.path / "async")


def _collections() -> Path:
    return next(Path(entry) for entry in sys.path if (Path(entry) / "ansible_collections/lifeboat/recovery").exists())


@pytest.fixture
def play(tmp_path):
    return Play(tmp_path)


def test_progress_is_shown_while_the_module_runs_and_then_its_result_comes(play):
    gate = play.path / "gate"
    running = play.start(gate=str(gate))
    line = next(line for line in running.stderr if "MiB" in line)
    gate.touch()
    running.communicate(timeout=60)
    assert line == "[localhost] backup of shop: 3.0 MiB of about 5.0 MiB (dump)\n"
    assert json.loads((play.path / "result.json").read_text())["backup"] == {"started": "then", "finished": "now"}
    assert play.job_files == []


def test_the_results_are_those_of_a_plain_run(play):
    cases = {how: {"options": {"how": how}} for how in ("well", "fail", "crash")}
    plain = play.run_all("--diff", interval=PLAIN, **cases)
    shown = play.out
    assert play.run_all("--diff", **cases) == plain
    assert play.out == shown
    assert {how: result["failed"] for how, result in plain.items()} == {"well": False, "fail": True, "crash": True}
    assert play.job_files == []


def test_a_module_that_is_killed_and_an_interval_that_is_no_number_are_failures_that_say_so(play):
    results = play.run_all(
        killed={"options": {"how": "die"}}, often={"keywords": {"vars": {"lifeboat_progress_interval": "often"}}}
    )
    killed, often = results["killed"], results["often"]
    assert killed["failed"]
    assert killed["msg"].startswith("MODULE FAILURE")
    assert "ansible_job_id" not in killed
    assert often["failed"]
    assert "lifeboat_progress_interval" in often["msg"]
    assert play.job_files == []


def test_a_job_that_vanishes_is_reported(play):
    running = play.start(gate="/nowhere/gate")
    next(line for line in running.stderr if "MiB" in line)
    pid = json.loads((play.path / "state/status/backup-main%2Fshop.json").read_text())["pid"]
    (job,) = (name for name in os.listdir(play.path / "async"))
    for process in _processes(job.split(".")[0]):
        os.kill(process, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    running.communicate(timeout=60)
    result = json.loads((play.path / "result.json").read_text())
    assert result["failed"]
    assert "ended without a result" in result["msg"]


def test_the_status_of_an_earlier_run_is_not_shown(play):
    gate = play.path / "gate"
    running = play.begin(
        earlier={"keywords": {"vars": {"lifeboat_progress_interval": PLAIN}}},
        result={"options": {"gate": str(gate), "subject": "main/other"}},
    )
    line = next(line for line in running.stderr if line.startswith("[localhost"))
    gate.touch()
    running.communicate(timeout=60)
    assert json.loads((play.path / "earlier.json").read_text())["changed"]
    assert line.startswith("[localhost] backup of other: running for ")


def test_where_a_job_must_not_be_the_module_runs_plainly(play):
    """Where it cannot be kept, too: a host without a place for it, with and without pipelining."""
    blocked = play.path / "blocked"
    blocked.write_text("in the way")
    pipelined = {"ansible_pipelining": True, "ansible_remote_tmp": str(blocked)}
    results = play.run_all(
        no_log={"keywords": {"no_log": True}},
        background={"keywords": {"async": 60, "poll": 1}},
        password={"options": {"login_password": "hunter2hunter2"}},
        no_state={"options": {"state_dir": ""}},
        no_jobs={"keywords": {"vars": {"ansible_async_dir": str(blocked)}}},
        no_place={"keywords": {"vars": pipelined}},
        check_mode={"keywords": {"check_mode": True}},
    )
    failed = [result["failed"] for result in results.values()]
    assert [(result["changed"], result.get("check", False)) for result in results.values()] == [
        *([(True, False)] * 6),
        (True, True),
    ]
    assert failed == [False] * 7
    assert play.lines == []
    assert "hunter2hunter2" not in play.out + play.err + json.dumps(results)


def test_a_task_whose_time_is_up_ends_the_module(play):
    gate = play.path / "gate"
    running = play.start(keywords={"timeout": 600}, gate=str(gate))
    next(line for line in running.stderr if "MiB" in line)
    module = os.pidfd_open(json.loads((play.path / "state/status/backup-main%2Fshop.json").read_text())["pid"])
    # The alarm that Ansible set for the task, early: how long the start takes is the machine's affair.
    os.kill(int((play.path / "state/worker").read_text()), signal.SIGALRM)
    running.communicate(timeout=60)
    result = json.loads((play.path / "result.json").read_text())
    assert result["failed"]
    assert "timed out" in result["msg"].lower()
    assert select.select([module], [], [], 60)[0], "the module goes on"
    os.close(module)


def test_a_job_as_another_user_leaves_nothing_of_its_module(play):
    play.path.chmod(0o755)
    for place in [play.path, *play.path.parents[:-1]]:
        place.chmod(place.stat().st_mode | 0o011)
    (play.path / "async").chmod(0o1777)
    (play.path / "state/status").chmod(0o1777)
    before = set(Path("/var/tmp").glob("ansible-tmp-*"))
    other = {"become": True, "become_user": "nobody", "become_method": "ansible.builtin.su"}
    other["vars"] = {"ansible_become_flags": "-s /bin/sh", "ansible_python_interpreter": "/usr/bin/python3"}
    results = play.run_all(result={"keywords": other})
    assert not results["result"]["failed"], play.out + play.err
    assert set(Path("/var/tmp").glob("ansible-tmp-*")) == before


def _processes(name: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"\0{name}\0".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Recovery plans, run by ansible-playbook on three hosts of this machine, of which one cannot be reached.

The configuration is one that breaks playbooks which rely on defaults.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from playing import COLLECTIONS
from postgres_fixtures import free_port

HOSTILE = """
[defaults]
any_errors_fatal = true
strategy = ansible.builtin.free
gathering = smart
fact_caching = jsonfile
fact_caching_connection = {home}/facts
localhost_warning = false
task_timeout = 1
"""

TASKS = {
    "note": """
- name: Note it
  ansible.builtin.copy:
    content: "{{ said | default(recover_step.id) }}\\n"
    dest: "{{ home }}/notes/{{ recover_step.id }}-{{ inventory_hostname }}"
    mode: "0644"
""",
    "flaky": """
- name: Fail the first time
  ansible.builtin.command:
    argv: [mkdir, "{{ home }}/notes/flaky-{{ inventory_hostname }}"]
  register: made
  failed_when: made.rc == 0
""",
    "meet": """
- name: Come
  ansible.builtin.file:
    path: "{{ home }}/notes/{{ inventory_hostname }}-is-here"
    state: touch
    mode: "0644"

- name: Wait for the other
  ansible.builtin.wait_for:
    path: "{{ home }}/notes/{{ other }}-is-here"
    timeout: 60
""",
    "slow": """
- name: Work for long unless somebody helps
  ansible.builtin.command:
    argv: ["{{ home }}/work"]
""",
    "silent": """
- name: End without a word
  ansible.builtin.meta: end_host
""",
}


@dataclasses.dataclass
class Engine:
    """A directory with an inventory, plans beside it, a store, and what the steps leave in `notes`."""

    home: Path
    port: int

    def write(self, *steps: dict[str, t.Any], name: str = "ours") -> None:
        """Write a plan of these steps. A step's tasks are those of TASKS, without facts, on h1 unless it says else."""
        document = {
            "format": "lifeboat-plan/1",
            "name": name,
            "description": "Ours.",
            "steps": list(map(_whole, steps)),
        }
        (self.home / "recovery" / f"{name}.yml").write_text(yaml.safe_dump(document))

    def start(self, *arguments: str, plan: str = "ours", **variables: t.Any) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "PG"))}
        environ |= {
            "ANSIBLE_CONFIG": str(self.home / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.home),
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        given = json.dumps({"lifeboat_plan": plan, "home": str(self.home), **variables})
        return subprocess.Popen(
            [program, "-i", self.home / "hosts.json", "lifeboat.recovery.recover", "-e", given, *arguments],
            env=environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, code: int, *arguments: str, **variables: t.Any) -> str:
        """Run the plan, and return what was printed. Its exit status must be this."""
        running = self.start(*arguments, **variables)
        said, _none = running.communicate(timeout=300)
        assert running.returncode == code, said
        return said

    def events(self) -> list[str]:
        """Return what the journal tells: kind, step, attempt and result of each event."""
        said = self.home / ".local/state/lifeboat/recoveries"
        told = []
        for file in sorted(said.glob("*/*.jsonl")):
            for line in file.read_text().splitlines():
                event = _payload(json.loads(line))
                what = event["what"]
                words = (what.get(key) for key in ("step", "attempt", "result"))
                told.append(" ".join([event["kind"], *(str(word) for word in words if word is not None)]))
        return told

    def notes(self) -> list[str]:
        return sorted(path.name for path in (self.home / "notes").iterdir())

    def help(self) -> None:
        """Let the slow step end at once."""
        work = self.home / "work"
        work.unlink()
        work.symlink_to("/bin/true")


def _whole(step: dict[str, t.Any]) -> dict[str, t.Any]:
    if "parallel" in step:
        return {"parallel": [_whole(branch) for branch in step["parallel"]]}
    own = {"tasks": f"{step['tasks']}.yml"} if "tasks" in step else {}
    return {"hosts": "h1", "gather_facts": False, **step, **own}


def _payload(record: dict[str, t.Any]) -> dict[str, t.Any]:
    return json.loads(base64.b64decode(record["payload"]))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    for name in ("recovery", "store", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "key").write_text(f"{secrets.token_hex(32)}\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "ansible.cfg").write_text(HOSTILE.format(home=tmp_path))
    (tmp_path / "work").write_text(f"#!/bin/sh\ntouch {tmp_path}/notes/at-work\nexec sleep 600\n")
    (tmp_path / "work").chmod(0o755)
    for name, tasks in TASKS.items():
        (tmp_path / "recovery" / f"{name}.yml").write_text(tasks)
    port = free_port()
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": port}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "lifeboat_application": "shop",
        "lifeboat_store": {"url": f"file://{tmp_path}/store"},
        "lifeboat_recovery_key_file": f"{tmp_path}/key",
        "lifeboat_python": sys.executable,
    }
    hosts = {"databases": {"hosts": {"h1": {}, "h2": {}, "dead": away}, "vars": variables}}
    (tmp_path / "hosts.json").write_text(json.dumps(hosts))
    return Engine(tmp_path, port)


def steps(*, timeout: str) -> list[dict[str, t.Any]]:
    """Return a plan in which steps fail, are tried again, skipped, run side by side, wait, and are too slow."""
    return [
        {"id": "away", "tasks": "note", "hosts": "dead", "on_failure": "continue"},
        {"id": "flaky", "tasks": "flaky", "hosts": "h1:h2", "retries": 1},
        {"id": "never_mind", "tasks": "note", "when": "1 == 2"},
        {
            "parallel": [
                {"id": "left", "tasks": "meet", "vars": {"other": "h2"}},
                {"id": "right", "tasks": "meet", "hosts": "h2", "vars": {"other": "h1"}},
            ]
        },
        {"id": "asked", "tasks": "note", "approval": "Open for writing?"},
        {"id": "slow", "tasks": "slow", "timeout": timeout},
        {"id": "needs", "tasks": "note", "hosts": "localhost", "require": "ready | default(false)"},
    ]


def test_a_recovery_from_its_simulation_to_its_second_run(engine: Engine) -> None:
    engine.write(*steps(timeout="3s"))

    said = engine.run(2, "--check")
    assert "dead cannot be reached." in said
    assert "Nothing was changed or recorded." in said
    assert engine.notes() == []
    assert engine.events() == []

    said = engine.run(0)
    assert "waits before step asked: Open for writing?" in said
    assert engine.events() == [
        "open",
        "begin away 1",
        "end away 1 failed",
        "begin flaky 1",
        "end flaky 1 failed",
        "begin flaky 2",
        "end flaky 2 ok",
        "end never_mind 1 skipped",
        "begin left 1",
        "begin right 1",
        "end left 1 ok",
        "end right 1 ok",
        "waiting asked",
        "leave waiting",
    ]
    assert "asked-h1" not in engine.notes()

    said = engine.run(2, lifeboat_approve=["asked"])
    assert "stopped in step slow." in said
    assert engine.events()[14:] == [
        "open", "approve asked", "begin asked 1", "end asked 1 ok", "begin slow 1", "end slow 1 failed", "leave failed",
    ]  # fmt: skip

    engine.help()
    engine.write(*steps(timeout="5m"))  # what is not done yet may be changed
    said = engine.run(2)
    assert "It requires ready | default(false), which is false." in said
    assert engine.events()[21:] == ["open", "begin slow 1", "end slow 1 ok", "end needs 1 failed", "leave failed"]

    said = engine.run(0, ready=True)
    assert re.search(r"^\W*needs +ok ", said, re.MULTILINE), said
    assert "is finished." in said
    assert engine.events()[26:] == ["open", "begin needs 1", "end needs 1 ok", "close ok"]
    assert "needs-lifeboat-controller" in engine.notes()

    said = engine.run(0, ready=True)
    assert "is finished; nothing was changed." in said
    assert len(engine.events()) == 30


def test_a_killed_controller_is_followed_by_the_next_run(engine: Engine) -> None:
    engine.write({"id": "first", "tasks": "note"}, {"id": "slow", "tasks": "slow"}, {"id": "last", "tasks": "note"})
    running = engine.start()
    try:
        _await(engine.home / "notes/at-work", running)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    engine.help()

    said = engine.run(0)

    assert engine.events() == [
        "open", "begin first 1", "end first 1 ok", "begin slow 1",
        "open", "begin slow 1", "end slow 1 ok", "begin last 1", "end last 1 ok", "close ok",
    ]  # fmt: skip
    assert re.search(r"^\W*first +ok before ", said, re.MULTILINE), said


def test_a_host_that_leaves_without_a_word_fails_its_step(engine: Engine) -> None:
    engine.write({"id": "silent", "tasks": "silent", "hosts": "h1:h2"}, {"id": "last", "tasks": "note"})
    said = engine.run(2)
    assert "h1: became unreachable, or left the step without a result" in said
    assert engine.events() == ["open", "begin silent 1", "end silent 1 failed", "leave failed"]
    assert engine.notes() == []


def test_chosen_steps_leave_the_recovery_incomplete(engine: Engine) -> None:
    engine.write({"id": "first", "tasks": "note"}, {"id": "last", "tasks": "note"})
    assert "is incomplete: first did not run." in engine.run(0, "--tags", "step-last")
    assert engine.events() == ["open", "begin last 1", "end last 1 ok", "leave incomplete"]
    engine.run(0)
    assert engine.events()[4:] == ["open", "begin first 1", "end first 1 ok", "close ok"]


REFUSED: dict[str, tuple[dict[str, t.Any], list[str], str]] = {
    "limit": ({"tasks": "note"}, ["--limit", "h1"], "--limit cannot be used"),
    "start": ({"tasks": "note"}, ["--start-at-task", "x"], "--start-at-task cannot be used"),
    "role": ({"role": "no_such_role"}, [], "no_such_role"),
    "module": ({"tasks": "broken"}, [], "no_such_module"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_done(engine: Engine, what: str) -> None:
    (engine.home / "recovery/broken.yml").write_text("- name: Do\n  no_such_module:\n    a: 1\n")
    step, arguments, told = REFUSED[what]
    engine.write({"id": "fine", "tasks": "note"}, {"id": "wrong", **step})
    running = engine.start(*arguments)
    said, _none = running.communicate(timeout=60)
    assert running.returncode not in {0, 2}, said
    assert told in said
    assert "TASK [" not in said
    assert engine.events() == []


def _await(path: Path, running: subprocess.Popen[str]) -> None:
    """Wait until a file is there; the program that makes it must not end before."""
    while not path.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(0.1)
            raise AssertionError(running.communicate()[0])

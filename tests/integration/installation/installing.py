# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs parts of the installation on this machine, whose hosts are directories."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from environment import unconfigured
from playing import COLLECTIONS

Task: t.TypeAlias = "dict[str, t.Any]"


@dataclasses.dataclass
class Installation:
    """A place with a host in it. Its temporary directory is the controller's too."""

    home: Path

    @property
    def temporary(self) -> Path:
        return self.home / "tmp"

    def host(self, name: str = "db1") -> Path:
        return self.home / name

    def variables(self, name: str = "db1") -> dict[str, t.Any]:
        own = str(self.host(name))
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/usr/bin/python3",  # another user's too, wherever this checkout lies
            "lifeboat_application": "shop",
            "lifeboat_store": {"url": f"file://{self.home}/store"},
            "lifeboat_home": f"{own}/home",
            "lifeboat_config_dir": f"{own}/etc",
            "lifeboat_state_dir": f"{own}/state",
            "lifeboat_log_dir": f"{own}/log",
            "lifeboat_launcher": f"{own}/bin/lifeboat",
            "lifeboat_user": "root",
            "lifeboat_system_python": sys.executable,
        }

    def play(
        self,
        tasks: list[Task],
        *words: str,
        status: int = 0,
        hosts: t.Mapping[str, t.Mapping[str, t.Any]] | None = None,
        **changes: t.Any,
    ) -> str:
        """Run tasks on `hosts`, which have variables of their own. Return what was said, in one line."""
        inventory, book = self.home / "hosts.json", self.home / "play.json"
        given = {name: {**self.variables(name), **changes, **own} for name, own in (hosts or {"db1": {}}).items()}
        inventory.write_text(json.dumps({"databases": {"hosts": given}}))
        book.write_text(json.dumps([{"hosts": "databases", "gather_facts": False, "tasks": tasks}]))
        environ = unconfigured()
        environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ |= {
            "ANSIBLE_HOME": f"{self.home}/ansible",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_PIPELINING": "1",
        }
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, book, *words],
            env=environ | {"TMPDIR": str(self.temporary)},
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())


def part(name: str, role: str = "host", **more: t.Any) -> Task:
    """Return the task that runs a part of a role."""
    return {
        "name": f"Run {name}",
        "ansible.builtin.include_role": {"name": f"lifeboat.recovery.{role}", "tasks_from": name},
        **more,
    }


def changed(output: str, host: str = "db1") -> int:
    """Return how many tasks changed something on a host."""
    return int(re.search(rf"{host} +: ok=\d+ +changed=(\d+)", output)[1])  # type: ignore[index]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    made.temporary.mkdir()
    for name in ("db1", "db2", "db3", "db4"):
        for place in ("home", "bin", "etc/keys", "log"):
            (made.host(name) / place).mkdir(parents=True)
    return made

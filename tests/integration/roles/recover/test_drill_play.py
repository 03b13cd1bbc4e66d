# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drill erases its hosts, so it begins only on hosts that are nobody's."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from environment import unconfigured
from playing import COLLECTIONS
from postgres_fixtures import free_port

HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
NOTE = """
- name: Note it
  ansible.builtin.copy:
    content: ""
    dest: "{{ home }}/noted"
    mode: "0644"
"""


class Drills:
    """A directory with an inventory of two hosts that cannot be reached, a plan beside it, and a store."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in ("recovery", "store", "etc"):
            (home / name).mkdir()
        (home / "key").write_text(f"{secrets.token_hex(32)}\n")
        (home / "key").chmod(0o600)
        (home / "recovery/note.yml").write_text(NOTE)
        steps = [{"id": "note", "tasks": "note.yml", "hosts": "databases", "drill": True}]
        plan = {"format": "lifeboat-plan/1", "name": "ours", "description": "Ours.", "steps": steps}
        (home / "recovery/ours.yml").write_text(yaml.safe_dump(plan))
        self.away = {"ansible_host": "127.0.0.1", "ansible_port": free_port()}

    def run(
        self, hosts: dict[str, t.Any], *arguments: str, others: dict[str, t.Any] | None = None, **given: t.Any
    ) -> str:
        """Run the drill on these hosts, which must be refused, and return what was said."""
        variables = {
            "lifeboat_application": "shop",
            "lifeboat_store": {"url": f"file://{self.home}/store"},
            "lifeboat_recovery_key_file": f"{self.home}/key",
            "lifeboat_drill_hosts": hosts,
            "lifeboat_config_dir": f"{self.home}/etc",
            "lifeboat_home": f"{self.home}/opt",
        }
        known = {"db1": self.away, "db2": {**self.away, "ansible_host": "localhost"}, **(others or {})}
        (self.home / "hosts.json").write_text(json.dumps({"databases": {"hosts": known, "vars": variables}}))
        environ = unconfigured()
        environ |= {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.home),
            **given.pop("environ", {}),
        }
        # What a drill looks for on its hosts, which are this machine here.
        places = {"recover_drill_mark": f"{self.home}/mark", "recover_drill_clusters": f"{self.home}/clusters"}
        extra = json.dumps({"lifeboat_plan": "ours", "home": str(self.home), **places, **given})
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [program, "-i", self.home / "hosts.json", "lifeboat.recovery.drill", "-e", extra, *arguments],
            env=environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0, done.stdout
        assert not (self.home / "noted").exists()
        assert not (self.home / "mark").exists()
        assert not list((self.home / "store").rglob("*.lbx"))
        return " ".join(f"{done.stdout} {done.stderr}".split())


@pytest.fixture
def drills(tmp_path: Path) -> Drills:
    return Drills(tmp_path)


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ({}, "It has none. Correct it."),
        ({"db3": {"ansible_host": "192.0.2.1"}}, "It has db3. Correct it."),
        ({"db1": {"ansible_user": "admin"}}, "It has db1. Correct it."),
        (
            {"db1": {"ansible_host": "localhost"}},
            "localhost: a host of lifeboat_drill_hosts must be a machine of its own",
        ),
        ({"db1": {"ansible_host": "192.0.2.1"}, "db2": {"ansible_host": "192.0.2.1"}}, "must be a machine of its own"),
    ],
)
def test_hosts_that_nobody_may_erase(drills: Drills, hosts: dict[str, t.Any], told: str) -> None:
    assert told in drills.run(hosts)


def test_a_machine_of_the_inventory_by_another_address(drills: Drills) -> None:
    said = drills.run({"db1": {**HERE, "ansible_host": "192.0.2.1"}}, others={"db3": HERE})
    assert "is the same machine as a host of the inventory" in said


def test_a_host_that_is_not_bare(drills: Drills) -> None:
    (drills.home / "etc/host.json").write_text("{}")
    said = drills.run({"db1": {**HERE, "ansible_host": "192.0.2.1"}})
    assert f"It is not bare, and no drill made what is there: {drills.home}/etc/host.json" in said


def test_a_host_that_cannot_be_reached(drills: Drills) -> None:
    said = drills.run({"db1": {**drills.away, "ansible_host": "127.0.0.2"}})
    assert "The drill does not begin, and nothing was changed. db1 cannot be reached." in said


@pytest.mark.parametrize(
    ("given", "arguments", "told"),
    [
        ({"lifeboat_replace": {"db1": "spare1"}}, [], "Run it without lifeboat_replace"),
        ({"lifeboat_replace": {}}, ["--tags", "step-note"], "--tags step-note cannot be used"),
        (
            {"environ": {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": "facts"}},
            [],
            "(jsonfile)",
        ),
    ],
)
def test_what_a_drill_cannot_have(drills: Drills, given: dict[str, t.Any], arguments: list[str], told: str) -> None:
    assert told in drills.run({"db1": {**HERE, "ansible_host": "192.0.2.1"}}, *arguments, **given)

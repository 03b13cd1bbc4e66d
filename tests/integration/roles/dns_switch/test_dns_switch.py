# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role in a real play on the controller: names get the addresses of hosts, and the key is in no output."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from dns_fixtures import ZONE, secret
from environment import unconfigured
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from dns_fixtures import Bind

HOSTS = {"web1": {"ansible_host": "10.0.0.21"}, "db1": {"ansible_host": "10.0.0.22"}}
RECORDS = [{"name": "www.shop.example", "host": "web1"}, {"name": "db.shop.example", "type": "A", "host": "db1"}]


class Play:
    """Runs the role on this machine, as loud as it gets."""

    def __init__(self, home: Path, server: Bind) -> None:
        self.home = home
        self.server = server

    def run(self, *arguments: str, parts: tuple[str, ...] = ("main",), status: int = 0, **changes: t.Any) -> str:
        """Run parts of the role, and give the output; the settings of the zone that are in `changes` win."""
        accept = {"lifeboat_dns_accept": changes.pop("accept")} if "accept" in changes else {}
        given = {
            "server": "127.0.0.1",
            "port": self.server.port,
            "zone": ZONE,
            "key_file": self.server.key_file,
            "servers": [self.server.address],
            "records": RECORDS,
            **changes,
        }
        roles = [{"name": "lifeboat.recovery.dns_switch", "tasks_from": part} for part in parts]
        tasks = [{"name": "Switch", "ansible.builtin.import_role": role} for role in roles]
        play = [
            {"hosts": "localhost", "gather_facts": False, "vars": {"lifeboat_dns": given, **accept}, "tasks": tasks}
        ]
        (self.home / "play.json").write_text(json.dumps(play))
        (self.home / "hosts.json").write_text(json.dumps({"all": {"hosts": HOSTS}}))
        environ = unconfigured()
        environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ |= {"ANSIBLE_HOME": str(self.home / "ansible"), "ANSIBLE_PIPELINING": "1"}
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [program, "-i", "hosts.json", "play.json", "-vvv", *arguments],
            env=environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        assert secret(self.server.key_file) not in said
        return said


@pytest.fixture
def play(tmp_path: Path, primary: Bind) -> Play:
    return Play(tmp_path, primary)


def test_names_move_to_the_hosts_and_back_to_a_long_ttl(play: Play, primary: Bind) -> None:
    planned = play.run("--check", "--diff")
    assert "-www.shop.example. 2 IN A 10.0.0.11" in planned
    assert "+www.shop.example. 30 IN A 10.0.0.21" in planned
    assert primary.look("www") == (2, ["10.0.0.11"])

    assert "changed=1" in play.run(parts=("prepare",), ttl=1)
    assert (primary.look("www"), primary.look("db")) == ((1, ["10.0.0.11"]), (1, ["10.0.0.12"]))

    said = play.run(parts=("main", "main", "restore_ttl"))
    assert "www.shop.example A, db.shop.example A changed in shop.example." in said
    assert "The records of shop.example are as wanted." in said
    assert "changed=2" in said
    assert (primary.look("www"), primary.look("db")) == ((3600, ["10.0.0.21"]), (3600, ["10.0.0.22"]))


def test_a_change_by_hand_is_accepted_by_its_value(play: Play, primary: Bind) -> None:
    primary.by_hand("www", "10.0.0.77")
    records = [{"name": "www.shop.example", "host": "web1", "replaces": ["10.0.0.11"]}]
    assert "changed=1" in play.run(records=records, accept="10.0.0.77")
    assert primary.look("www") == (30, ["10.0.0.21"])


def test_a_host_that_the_inventory_lacks_is_named(play: Play, primary: Bind) -> None:
    before = primary.zone()
    said = play.run(records=[{"name": "www.shop.example", "host": "web9"}], status=2)
    assert "lifeboat_dns.records names hosts that are not in the inventory: web9." in said
    assert primary.zone() == before

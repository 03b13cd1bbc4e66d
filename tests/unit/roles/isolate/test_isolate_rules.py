# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role isolate makes of the variables and of what a host says of itself: its rules, and what an undo goes by."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest
import role_variables
from role_variables import ROOT

TEMPLATE = ROOT / "roles/isolate/templates/lifeboat-isolate.nft.j2"
GOLDEN = ROOT / "tests/data/isolate.nft"
GIVEN: dict[str, t.Any] = {
    "lifeboat_application": "shop",
    "lifeboat_store": {"url": "s3://example-backups/postgresql"},
    "lifeboat_controllers": ["192.0.2.10", "2001:db8::10"],
    "lifeboat_isolate_break_glass": "192.0.2.99",
}
TIME = {"getent_passwd": {"root": ["x", "0"], "_chrony": ["x", "105"], "systemd-timesync": ["x", "997"]}}
ISCSI = "/sys/class/iscsi_connection/connection1:0/persistent_address:192.0.2.50"
NVME = "/sys/class/nvme/nvme1/address:traddr=192.0.2.51,trsvcid=4420,src_addr=192.0.2.20"
PCI = "/sys/class/nvme/nvme0/address:0000:01:00.0"


def evaluated(*expressions: str, **given: t.Any) -> list[t.Any]:
    return role_variables.evaluated(*expressions, roles=("isolate",), **GIVEN | given)


def rules(connection: str = "192.0.2.11 50000 192.0.2.20 2222", **given: t.Any) -> str:
    asked = {"isolate_ssh": {"stdout": connection}, **GIVEN, **given}
    return role_variables.written(TEMPLATE, roles=("isolate",), **asked)


def slurped(content: str) -> dict[str, str]:
    return {"content": base64.b64encode(content.encode()).decode()}


def test_the_rules_are_those_that_were_looked_at() -> None:
    written = rules(
        lifeboat_isolate_allow=[
            "198.51.100.0/24",
            "2001:db8:5::7",
            {"address": "203.0.113.5", "ports": [443, "8000-8010"]},
            {"address": "203.0.113.53", "ports": 53, "protocol": "udp"},
        ],
        ansible_facts=TIME,
        isolate_mount={"stdout": "nfs4 192.0.2.40:/hosts/db1 rw,vers=4.2,clientaddr=192.0.2.20,addr=192.0.2.40"},
        isolate_disks={"stdout": "\n".join((ISCSI, NVME, PCI))},
    )
    assert written == GOLDEN.read_text(encoding="utf-8")


def test_without_a_time_daemon_nobody_may_ask_for_the_time() -> None:
    assert "123" not in rules(ansible_facts={"getent_passwd": {"root": ["x", "0"]}})


@pytest.mark.parametrize(
    ("connection", "address", "port"),
    [
        ("2001:db8::5 50000 2001:db8::20 22", "ip6 saddr 2001:db8::5", "22"),
        ("fe80::1%eth0 50000 fe80::2%eth0 22", "ip6 saddr fe80::1", "22"),
    ],
)
def test_this_connection_stays_open(connection: str, address: str, port: str) -> None:
    assert f'{address} tcp dport {port} accept comment "ssh"\n' in rules(connection)


@pytest.mark.parametrize(
    "connection",
    [
        "",
        "0.0.0.0/0 50000 192.0.2.20 22",
        "192.0.2.11 50000 192.0.2.20 22 accept",
        "192.0.2.11 accept; 50000 192.0.2.20 22",
        "example.com 50000 192.0.2.20 22",
    ],
)
def test_what_is_no_connection_opens_nothing(connection: str) -> None:
    written = rules(connection)
    assert "0.0.0.0" not in written
    assert "192.0.2.11" not in written
    assert written.count('tcp dport 22 accept comment "ssh"') == 3  # the controllers and the break-glass address


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, []),
        ({"lifeboat_controllers": ["controller.example.com"]}, ["controller.example.com"]),
        ({"lifeboat_isolate_break_glass": "10.0.0.0/8"}, ["10.0.0.0/8"]),
        ({"lifeboat_isolate_allow": ["10.0.0.1 accept"]}, ["10.0.0.1 accept"]),
        ({"lifeboat_isolate_allow": [{"adress": "10.0.0.1"}]}, ["", "adress"]),
        ({"lifeboat_isolate_allow": [{"address": "10.0.0.1", "ports": ["https"]}]}, ["https"]),
        ({"lifeboat_isolate_allow": [{"address": "10.0.0.1", "protocol": "sctp"}]}, ["sctp"]),
        ({"lifeboat_isolate_allow": ["10.0.0.0/8", {"address": "2001:db8::/32", "ports": [53, "80-90"]}]}, []),
    ],
)
def test_what_is_no_address_network_or_port_is_named(given: dict[str, t.Any], wrong: list[str]) -> None:
    assert evaluated("isolate_wrong", **given) == [wrong]


@pytest.mark.parametrize(
    ("mount", "unknown"),
    [
        ("ext4 /dev/vda1 rw,relatime", False),
        ("overlay overlay rw", False),
        ("nfs4 10.0.0.1:/x rw,addr=10.0.0.1", False),
        ("ceph 10.0.0.1:/x rw", True),
        ("fuse.glusterfs gluster:/x rw", True),
        ("ext4 /dev/rbd0 rw", True),
    ],
)
def test_a_root_whose_servers_are_not_known_is_noticed(mount: str, unknown: bool) -> None:
    assert evaluated("isolate_storage_is_unknown | bool", isolate_mount={"stdout": mount}) == [unknown]


@pytest.mark.parametrize(
    ("kept", "listed", "argv"),
    [
        ("", None, ["delete", "table", "inet", "lifeboat_isolate"]),
        ("rules", None, ["delete", "table", "inet", "lifeboat_isolate"]),
        ("", "table", ["delete", "table", "inet", "lifeboat_isolate"]),
        ("rules", "table", ["--file", "/etc/lifeboat-isolate.nft"]),
    ],
)
def test_an_undo_goes_back_to_what_was_confirmed(kept: str, listed: str | None, argv: list[str]) -> None:
    given = {
        "isolate_rules_read": slurped(kept) if kept else {},
        "isolate_listed": {"rc": 1} if listed is None else {"rc": 0, "stdout": listed},
    }
    assert evaluated("isolate_undo_argv", **given) == [argv]


def test_exactly_the_roles_that_were_turned_off_are_turned_on() -> None:
    recorded = [{"oid": 20, "name": "app"}, {"oid": 21, "name": "gone"}, {"oid": 22, "name": "given back"}]
    known = [{"oid": 20, "name": "renamed", "login": False}, {"oid": 22, "name": "given back", "login": True}]
    answer = {"system": "7", "standby": False, "sessions": 0, "roles": [], "known": known}
    given = {
        "isolate_logins_slurped": slurped(json.dumps({"system": "7", "roles": recorded})),
        "isolate_roles_answer": {"rc": 0, "stdout": json.dumps(answer)},
    }
    names = "{} | map(attribute='name') | list"
    asked = [names.format("isolate_turn_on"), names.format("isolate_gone"), "isolate_logins_on"]
    on, gone, statement = evaluated(*asked, **given)
    assert (on, gone) == (["renamed"], ["gone"])
    assert "'{20,21,22}'::oid[]" in statement
    given["isolate_roles_answer"]["stdout"] = json.dumps({**answer, "system": "8"})
    assert evaluated(*asked[:2], **given) == [[], ["app", "gone", "given back"]], "another cluster has other roles"


@pytest.mark.parametrize(
    ("processes", "port", "in_force", "problems"),
    [
        (1, {}, True, []),
        (0, {}, True, ["a server process runs"]),
        (127, {}, True, ["its processes cannot be listed"]),
        (1, {"msg": "Timeout"}, False, ["port 5432 answers", "the table is not in force"]),
    ],
)
def test_a_host_is_fenced_when_nothing_speaks_against_it(
    processes: int, port: dict[str, str], in_force: bool, problems: list[str]
) -> None:
    given = {"isolate_processes": {"rc": processes}, "isolate_port": port, "isolate_in_force": in_force}
    shown = {"results": [{"item": "postgresql", "stdout": "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled"}]}
    assert evaluated("isolate_fence_problems", isolate_services_shown=shown, **given) == [problems]


def test_a_service_that_is_left_is_named() -> None:
    shown = {"results": [{"item": "patroni", "stdout": "LoadState=loaded\nActiveState=active\nUnitFileState=enabled"}]}
    given = {"isolate_processes": {"rc": 1}, "isolate_port": {}, "isolate_in_force": True}
    found = evaluated("isolate_fence_problems", isolate_services_shown=shown, **given)
    assert found == [["patroni is enabled", "patroni is active"]]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role isolate makes of the variables and of what a host says of itself: its rules, and what an undo goes by."""

from __future__ import annotations

import base64
import json
import re
import typing as t

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


def evaluated_each(cases: list[dict[str, t.Any]], *expressions: str) -> list[list[t.Any]]:
    return role_variables.evaluated_each([GIVEN | case for case in cases], *expressions, roles=("isolate",))


def rules(*connections: str, **given: t.Any) -> list[str]:
    """Return the rules for each of these connections."""
    cases = [{"isolate_ssh": {"stdout": each}, **GIVEN, **given} for each in connections]
    return role_variables.written_each(TEMPLATE, cases, roles=("isolate",))


def slurped(content: str) -> dict[str, str]:
    return {"content": base64.b64encode(content.encode()).decode()}


def test_the_rules_are_those_that_were_looked_at() -> None:
    [written] = rules(
        "192.0.2.11 50000 192.0.2.20 2222",
        lifeboat_isolate_allow=[
            "198.51.100.0/24",
            "2001:db8:5::7",
            {"address": "203.0.113.5", "ports": [443, "8000-8010"]},
            {"address": "203.0.113.53", "ports": 53, "protocol": "udp"},
        ],
        ansible_facts=TIME,
        isolate_mount={"stdout": "nfs4 192.0.2.40:/hosts/db1 rw,vers=4.2,clientaddr=192.0.2.20,addr=192.0.2.40"},
        isolate_disks={"stdout": f"{ISCSI}\n{NVME}\n{PCI}"},
    )
    assert written == GOLDEN.read_text(encoding="utf-8")


def test_only_this_connection_and_named_addresses_stay_open() -> None:
    """And without a time daemon, nobody may ask for the time."""
    opened = {
        "2001:db8::5 50000 2001:db8::20 2222": [("2001:db8::5", "2222")],
        "fe80::1%eth0 50000 fe80::2%eth0 22": [("fe80::1", "22")],
        "": [],
        "0.0.0.0/0 50000 192.0.2.20 22": [],
        "192.0.2.11 50000 192.0.2.20 22 accept": [],
        "192.0.2.11 accept; 50000 192.0.2.20 22": [],
        "example.com 50000 192.0.2.20 22": [],
    }
    for connection, text in zip(opened, rules(*opened), strict=True):
        found = re.findall(r"saddr (\S+) tcp dport (\S+) accept", text)
        port = "2222" if "2222" in connection else "22"
        named = [(address, port) for address in ("192.0.2.10", "2001:db8::10", "192.0.2.99")]
        assert found == opened[connection] + named, connection
        assert "123" not in text


def test_what_is_no_address_network_or_port_is_named() -> None:
    cases: list[tuple[dict[str, t.Any], list[str]]] = [
        ({}, []),
        ({"lifeboat_controllers": ["controller.example.com"]}, ["controller.example.com"]),
        ({"lifeboat_isolate_break_glass": "10.0.0.0/8"}, ["10.0.0.0/8"]),
        ({"lifeboat_isolate_allow": ["10.0.0.1 accept"]}, ["10.0.0.1 accept"]),
        ({"lifeboat_isolate_allow": [{"adress": "10.0.0.1"}]}, ["", "adress"]),
        ({"lifeboat_isolate_allow": [{"address": "10.0.0.1", "ports": ["https"]}]}, ["https"]),
        ({"lifeboat_isolate_allow": [{"address": "10.0.0.1", "protocol": "sctp"}]}, ["sctp"]),
        ({"lifeboat_isolate_allow": ["10.0.0.0/8", {"address": "2001:db8::/32", "ports": [53, "80-90"]}]}, []),
    ]
    assert evaluated_each([given for given, _wrong in cases], "isolate_wrong") == [[wrong] for _given, wrong in cases]


def test_a_root_whose_servers_are_not_known_is_noticed() -> None:
    known = ("ext4 /dev/vda1 rw,relatime", "overlay overlay rw", "nfs4 10.0.0.1:/x rw,addr=10.0.0.1")
    unknown = ("ceph 10.0.0.1:/x rw", "fuse.glusterfs gluster:/x rw", "ext4 /dev/rbd0 rw")
    cases = [{"isolate_mount": {"stdout": mount}} for mount in (*known, *unknown)]
    found = evaluated_each(cases, "isolate_storage_is_unknown | bool")
    assert found == [[False]] * len(known) + [[True]] * len(unknown)


def test_an_undo_goes_back_to_what_was_confirmed() -> None:
    absent, listed = {"rc": 1}, {"rc": 0, "stdout": "table"}
    delete = ["delete", "table", "inet", "lifeboat_isolate"]
    cases = [({}, absent), (slurped("rules"), absent), ({}, listed), (slurped("rules"), listed)]
    given = [{"isolate_rules_read": kept, "isolate_listed": answer} for kept, answer in cases]
    found = evaluated_each(given, "isolate_undo_argv")
    assert found == [[delete], [delete], [delete], [["--file", "/etc/lifeboat-isolate.nft"]]]


def test_exactly_the_roles_that_were_turned_off_are_turned_on() -> None:
    recorded = [{"oid": 20, "name": "app"}, {"oid": 21, "name": "gone"}, {"oid": 22, "name": "given back"}]
    known = [{"oid": 20, "name": "renamed", "login": False}, {"oid": 22, "name": "given back", "login": True}]
    answer = {"standby": False, "sessions": 0, "roles": [], "known": known}
    given = [
        {
            "isolate_logins_slurped": slurped(json.dumps({"system": "7", "roles": recorded})),
            "isolate_roles_answer": {"rc": 0, "stdout": json.dumps({"system": system, **answer})},
        }
        for system in ("7", "8")
    ]
    names = "{} | map(attribute='name') | list"
    same, other = evaluated_each(
        given, names.format("isolate_turn_on"), names.format("isolate_gone"), "isolate_logins_on"
    )
    assert same[:2] == [["renamed"], ["gone"]]
    assert "'{20,21,22}'::oid[]" in same[2]
    assert other[:2] == [[], ["app", "gone", "given back"]], "another cluster has other roles"


def test_a_host_is_fenced_when_nothing_speaks_against_it() -> None:
    down = "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled"
    up = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled"
    cases: list[tuple[int, dict[str, str], bool, str, list[str]]] = [
        (1, {}, True, down, []),
        (0, {}, True, down, ["a server process runs"]),
        (127, {}, True, down, ["its processes cannot be listed"]),
        (1, {"msg": "Timeout"}, False, down, ["port 5432 answers", "the table is not in force"]),
        (1, {}, True, up, ["patroni is enabled", "patroni is active"]),
    ]
    given = [
        {
            "isolate_processes": {"rc": processes},
            "isolate_port": port,
            "isolate_in_force": in_force,
            "isolate_services_shown": {"results": [{"item": "patroni", "stdout": shown}]},
        }
        for processes, port, in_force, shown, _problems in cases
    ]
    assert evaluated_each(given, "isolate_fence_problems") == [[case[-1]] for case in cases]

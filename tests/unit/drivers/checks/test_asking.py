# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports, names and programs of this machine are asked, in bounded time."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import time

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.checks.network import (
    DnsQuestion,
    TcpQuestion,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.checks.program import CommandQuestion

ENVIRON = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def test_an_open_port_passes_and_a_closed_one_is_named() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert TcpQuestion("127.0.0.1", port).ask(5, ENVIRON) == "no connection: Connection refused"
        server.listen()
        assert TcpQuestion("127.0.0.1", port).ask(5, ENVIRON) == ""


@pytest.mark.parametrize(
    ("expect", "found"),
    [(["127.0.0.1"], ""), (["10.0.0.21"], "127.0.0.1"), (["127.0.0.1", "10.0.0.21"], "127.0.0.1")],
)
def test_a_name_has_exactly_the_addresses_of_a_family(expect: list[str], found: str) -> None:
    question = DnsQuestion("127.0.0.1", frozenset(map(ipaddress.ip_address, expect)))
    assert question.ask(5, ENVIRON) == found


def test_a_name_that_is_none_is_told() -> None:
    question = DnsQuestion("nowhere.invalid", frozenset({ipaddress.ip_address("10.0.0.21")}))
    assert question.ask(30, ENVIRON).startswith("a name without an address: ")


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["true"], ""),
        (["false"], "status 1"),
        (["sh", "-c", "echo one >&2; echo 'two\x1b' >&2; exit 3"], "status 3: two\\x1b"),
        (["/nowhere/program"], "/nowhere/program is not installed"),
        (["/etc/passwd"], "/etc/passwd cannot be run"),
        ([sys.executable, "-c", "print('x' * 3_000_000)"], ""),
    ],
)
def test_a_program_ends_with_0_or_is_told(argv: list[str], found: str) -> None:
    assert CommandQuestion(tuple(argv)).ask(20, ENVIRON) == found


def test_a_program_that_hangs_is_ended_with_what_it_started() -> None:
    began = time.monotonic()
    assert CommandQuestion(("sh", "-c", "sleep 30 & wait")).ask(0.2, ENVIRON) == "no end within 0.2 s"
    assert time.monotonic() - began < 5

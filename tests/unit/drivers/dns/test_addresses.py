# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's address is one that others can reach, or the record says what to set."""

from __future__ import annotations

import socket
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns import addresses
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DnsError, UsageError

KNOWN = {"web1.internal": ["10.0.0.21"], "two.internal": ["10.0.0.1", "10.0.0.2"], "self.internal": ["127.0.1.1"]}
KNOWN6 = {"web1.internal": ["2001:db8::21"], "six.internal": ["2001:db8::6"]}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine would resolve."""

    def resolve(name: str, _port: None, family: int, _type: int) -> list[t.Any]:
        found = (KNOWN if family == socket.AF_INET else KNOWN6).get(name)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, None, 0, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_host_has_the_address_that_it_says_or_that_its_name_has() -> None:
    assert addresses.of_host("10.0.0.5", "A", "www A") == "10.0.0.5"
    assert addresses.of_host("web1.internal", "A", "www A") == "10.0.0.21"
    assert addresses.of_host("web1.internal", "AAAA", "www AAAA") == "2001:db8::21"


@pytest.mark.parametrize(
    ("host", "kind", "cause"),
    [
        ("two.internal", "A", "two.internal has 2 addresses, and www A needs one"),
        ("nowhere.internal", "A", "nowhere.internal cannot be resolved"),
        ("self.internal", "A", "127.0.1.1, the address of self.internal, is none that others can reach"),
        ("169.254.0.1", "A", "is none that others can reach"),
        ("0.0.0.0", "A", "is none that others can reach"),
        ("2001:db8::1", "A", "2001:db8::1 cannot be a record of type A"),
    ],
)
def test_an_address_that_nobody_else_could_use_is_never_published(host: str, kind: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause) as refused:
        addresses.of_host(host, kind, "www A")
    assert "ansible_host" in refused.value.remedy


def test_a_server_is_asked_at_its_address() -> None:
    assert addresses.server("192.0.2.53") == "192.0.2.53"
    assert addresses.server("six.internal") == "2001:db8::6"
    with pytest.raises(DnsError, match="cannot be resolved") as unknown:
        addresses.server("nowhere.internal")
    assert "Use its address" in unknown.value.remedy


def test_addresses_of_ipv6_count_where_there_are_no_others() -> None:
    assert addresses.known("web1.internal") == ["10.0.0.21"]
    assert addresses.known("six.internal") == ["2001:db8::6"]
    assert addresses.known("nowhere.internal") == []

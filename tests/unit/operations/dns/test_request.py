# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be meant is refused before anybody is asked."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.base import RecordSet
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.factory import ZoneSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.dns.request import (
    DnsRequest,
    Wish,
    accepted,
    wanted,
    watched,
)

WWW = Wish("www.shop.example", values=("10.0.0.21",))
REQUEST = DnsRequest(ZoneSettings("Shop.example."), (WWW,), ttl=30)


def ask(**changes: t.Any) -> t.Any:
    return wanted(dataclasses.replace(REQUEST, **changes))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"zone": ZoneSettings("shop example")}, "'shop example' is not a DNS name"),
        ({"records": ()}, "records is empty"),
        ({"records": (WWW, dataclasses.replace(WWW, name="WWW.shop.example."))}, "www.shop.example A twice"),
        ({"records": (Wish("www.workshop.example", values=("10.0.0.1",)),)}, "is not in the zone shop.example"),
        ({"records": (Wish("www.shop.example", type="MX"),)}, "The type 'MX' is unknown"),
        ({"records": (Wish("www.shop.example"),)}, "needs either values or host"),
        ({"records": (dataclasses.replace(WWW, host="web1"),)}, "needs either values or host"),
        ({"records": (Wish("www.shop.example", values=("10.0.0",)),)}, "'10.0.0' is not an IPv4 address"),
        ({"records": (Wish("a.shop.example", "CNAME", values=("b.example", "c.example")),)}, "one value only"),
        ({"records": (Wish("a.shop.example", "CNAME", host="web1"),)}, "cannot be the address of a host"),
        (
            {"records": (Wish("www.shop.example", host="WWW.shop.example"),)},
            "is known only by www.shop.example A itself",
        ),
        ({"records": (dataclasses.replace(WWW, replaces=("db1",)),)}, "'db1' is not an IPv4 address"),
        ({"state": "absent"}, "The state 'absent' is unknown"),
        ({"state": "ttl", "ttl": None}, "has no ttl to set"),
        ({"ttl": 0}, "0 is not a TTL"),
        ({"ttl": 10**9}, "is not a TTL"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, t.Any], cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        ask(**changes)


def test_servers_and_resolvers_are_addresses() -> None:
    with pytest.raises(UsageError, match=r"resolvers: 'dns.google'"):
        watched(dataclasses.replace(REQUEST, resolvers=("dns.google",)))


def test_a_host_gives_its_address_now_and_the_one_before() -> None:
    given = {"addresses": {"web1": "10.0.0.21"}, "former_addresses": {"web1": "10.0.0.11"}}
    [found] = ask(records=(Wish("www.shop.example", host="web1"),), **given)
    assert (found.values, found.replaces) == (("10.0.0.21",), ("10.0.0.11",))
    [found] = ask(records=(Wish("www.shop.example", host="web1", replaces=("10.0.0.9",)),), **given)
    assert found.replaces == ("10.0.0.9",)
    given["addresses"] = {"web1": "2001:db8::21"}
    [found] = ask(records=(Wish("www.shop.example", "AAAA", host="web1"),), **given)
    assert (found.values, found.replaces) == (("2001:db8::21",), ())  # its former address was none of that type


def test_accepted_values_are_those_of_the_type_or_none() -> None:
    request = dataclasses.replace(REQUEST, accept=("10.0.0.77", "2001:DB8::77", "none"))
    assert accepted(request, "A") == {"10.0.0.77", "none"}
    assert accepted(request, "AAAA") == {"2001:db8::77", "none"}


def test_a_ttl_is_that_of_the_record_of_all_or_the_present_one() -> None:
    there, none = RecordSet("www.shop.example", "A", 3600, ("10.0.0.11",)), RecordSet("www.shop.example", "A", 60)
    for ttl, own, before, after in (
        (30, 5, there, 5),
        (30, None, there, 30),
        (None, None, there, 3600),
        (None, None, none, 300),
    ):
        [found] = ask(ttl=ttl, records=(dataclasses.replace(WWW, ttl=own),))
        assert found.of(before).ttl == after

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, values and servers are compared in one form, and what is none is named by its option."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name"),
    [("WWW.Shop.example.", "www.shop.example"), ("*.shop.example", "*.shop.example"), ("_x.a-b.c", "_x.a-b.c")],
)
def test_a_name_has_one_form(text: str, name: str) -> None:
    assert base.check_name(text, "zone") == name


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "-a.b", "a b.c", "a.*.b", "bücher.example", "a\nb", "x" * 64, "a." * 128]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a DNS name") as refused:
        base.check_name(text, "zone")
    assert refused.value.details["field"] == "zone"


def test_a_name_lies_in_its_zone_and_not_in_one_that_ends_alike() -> None:
    assert base.within("shop.example", "shop.example")
    assert base.within("a.shop.example", "shop.example")
    assert not base.within("workshop.example", "shop.example")


def test_values_of_a_type_have_one_form() -> None:
    assert base.check_value("AAAA", "2001:DB8::0:1", "records") == "2001:db8::1"
    assert base.check_value("CNAME", "WWW.example.", "records") == "www.example"
    for kind, text in (("A", "2001:db8::1"), ("A", "10.0.0.256"), ("AAAA", "10.0.0.1"), ("CNAME", "a b")):
        with pytest.raises(UsageError):
            base.check_value(kind, text, "records")


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
    ],
)
def test_a_server_is_an_address_and_a_port(text: str, address: str, port: int) -> None:
    server = base.check_server(text, "resolvers")
    assert (server.address, server.port) == (address, port)
    assert str(server) == text


@pytest.mark.parametrize(
    "text", ["", "resolver.example", "192.0.2.1:0", "192.0.2.1:65536", "[192.0.2.1", "192.0.2.1:x"]
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a server"):
        base.check_server(text, "resolvers")

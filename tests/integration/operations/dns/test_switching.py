# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two names move at once, unless somebody else moved one, and the run ends when the last one who is asked knows."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.rfc2136 import Rfc2136Zone
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DnsError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.dns.request import Wish
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.dns.switching import dns_record
from dns_fixtures import asked, free_port, world

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from dns_fixtures import Bind

WAS = {"name": "www.shop.example", "type": "A", "ttl": 2, "values": ["10.0.0.11"]}


def test_two_names_move_and_a_second_run_changes_nothing(primary: Bind) -> None:
    done = dns_record(asked(primary), world())
    assert done.changed
    assert done.error is None
    assert primary.look("www") == (30, ["10.0.0.21"])
    assert primary.look("db") == (30, ["10.0.0.22"])
    assert done.facts["previous"][0] == WAS
    assert "-www.shop.example. 2 IN A 10.0.0.11" in _diff(done.before, done.after)
    assert "+db.shop.example. 30 IN A 10.0.0.22" in _diff(done.before, done.after)
    before = primary.zone()
    again = dns_record(asked(primary), world())
    assert not again.changed
    assert again.facts["summary"] == "The records of shop.example are as wanted."
    assert primary.zone() == before


def test_what_was_before_is_what_to_set_to_go_back(primary: Bind) -> None:
    wishes = (*asked(primary).records, Wish("new.shop.example", values=("10.0.0.24",)))
    before = primary.look("www"), primary.look("db")
    done = dns_record(asked(primary, records=wishes), world())
    assert primary.look("new") == (30, ["10.0.0.24"])
    back = tuple(Wish(**{**each, "values": tuple(each["values"])}) for each in done.facts["previous"])
    assert dns_record(asked(primary, records=back, ttl=None), world()).changed
    assert (primary.look("www"), primary.look("db")) == before
    assert primary.look("new") == (0, [])
    assert not dns_record(asked(primary, records=back, ttl=None), world()).changed


def test_check_mode_shows_the_change_and_makes_none(primary: Bind) -> None:
    before, dead = primary.zone(), free_port()
    planned = dns_record(asked(primary, resolvers=(f"127.0.0.1:{dead}",)), world(dry_run=True))
    assert planned.changed
    assert "+www.shop.example. 30 IN A 10.0.0.21" in _diff(planned.before, planned.after)
    assert planned.facts["summary"] == "www.shop.example A, db.shop.example A would change in shop.example."
    [warning] = planned.warnings
    assert warning.startswith(f"The resolver 127.0.0.1:{dead} gives no answer")
    assert primary.zone() == before


def test_a_change_by_hand_is_shown_and_replaced_only_when_accepted(primary: Bind) -> None:
    primary.by_hand("www", "10.0.0.77")
    before = primary.zone()
    wishes = (
        Wish("www.shop.example", values=("10.0.0.21",), replaces=("10.0.0.11",)),
        Wish("db.shop.example", values=("10.0.0.22",), replaces=("10.0.0.12",)),
    )
    with pytest.raises(DnsError) as refused:
        dns_record(asked(primary, records=wishes), world())
    assert "www.shop.example A is 10.0.0.77 and not 10.0.0.11, which 10.0.0.21 is to replace" in refused.value.cause
    assert "lifeboat_dns_accept=10.0.0.77" in refused.value.remedy
    [conflict] = refused.value.details["conflicts"]
    assert (conflict["found"], conflict["expected"], conflict["wanted"]) == (
        ["10.0.0.77"],
        ["10.0.0.11"],
        ["10.0.0.21"],
    )
    assert primary.zone() == before
    with pytest.raises(DnsError):
        dns_record(asked(primary, records=wishes, accept=("10.0.0.78",)), world())
    assert dns_record(asked(primary, records=wishes, accept=("10.0.0.77",)), world()).changed
    assert primary.look("www") == (30, ["10.0.0.21"])
    assert not dns_record(asked(primary, records=wishes), world()).changed  # the new value is no conflict


def test_records_removed_by_hand_come_back_only_when_accepted(primary: Bind) -> None:
    primary.by_hand("www")
    wish = (Wish("www.shop.example", host="web1", replaces=()),)
    given = {"records": wish, "addresses": {"web1": "10.0.0.21"}, "former_addresses": {"web1": "10.0.0.11"}}
    with pytest.raises(DnsError, match=r"is none and not 10.0.0.11"):
        dns_record(asked(primary, **given), world())
    assert dns_record(asked(primary, **given, accept=("none",)), world()).changed
    assert primary.look("www") == (30, ["10.0.0.21"])


def test_a_change_between_reading_and_writing_is_shown_too(primary: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    update = Rfc2136Zone.update

    def after_somebody_else(zone: Rfc2136Zone, changes: t.Any) -> None:
        primary.by_hand("db", "10.0.0.88")
        update(zone, changes)

    monkeypatch.setattr(Rfc2136Zone, "update", after_somebody_else)
    with pytest.raises(DnsError, match=r"db.shop.example A is 10.0.0.88 and not 10.0.0.12"):
        dns_record(asked(primary), world())
    assert primary.look("www") == (2, ["10.0.0.11"])
    assert primary.look("db") == (3600, ["10.0.0.88"])


def test_the_wait_ends_when_the_last_resolver_has_forgotten(primary: Bind, resolver: Bind) -> None:
    assert resolver.look("www") == (2, ["10.0.0.11"])  # from now on it remembers that for two seconds
    done = dns_record(asked(primary, resolvers=(resolver.address,)), world())
    assert done.error is None
    assert resolver.look("www")[1] == ["10.0.0.21"]
    assert 0.5 < done.facts["waited"] < 30
    assert [(each["kind"], each["agrees"]) for each in done.facts["servers"]] == [
        ("authoritative", True),
        ("resolver", True),
    ]


def test_who_does_not_agree_in_time_is_named_and_another_run_waits_on(
    primary: Bind, bind: Callable[[str], Bind], resolver: Bind
) -> None:
    stale, dead = bind("stale"), free_port()
    servers = (primary.address, stale.address, f"127.0.0.1:{dead}")
    done = dns_record(asked(primary, servers=servers, resolvers=(resolver.address,), timeout=0.3), world())
    assert done.changed
    assert primary.look("www") == (30, ["10.0.0.21"])
    assert done.error is not None
    assert f"{stale.address} answers 10.0.0.11 for www.shop.example A" in done.error.cause
    assert f"127.0.0.1:{dead} gives no answer" in done.error.cause
    # Asked before the authoritative servers agree, it would remember the old value anew.
    assert f"the resolver {resolver.address} was not asked yet" in done.error.cause
    assert "list the remaining ones in servers" in done.error.remedy
    assert len(done.error.details["left"]) == 3
    again = dns_record(asked(primary, resolvers=(resolver.address,)), world())
    assert not again.changed
    assert again.error is None


def test_a_ttl_is_lowered_alone(primary: Bind) -> None:
    names = (Wish("www.shop.example"), Wish("db.shop.example"))
    done = dns_record(asked(primary, records=names, state="ttl", ttl=1), world())
    assert done.changed
    assert "Resolvers may use the former TTL until " in done.facts["summary"]
    assert primary.look("www") == (1, ["10.0.0.11"])
    assert primary.look("db") == (1, ["10.0.0.12"])
    assert not dns_record(asked(primary, records=names, state="ttl", ttl=1), world()).changed
    gone = (Wish("www.shop.example", type="AAAA"),)
    with pytest.raises(UsageError, match="has no AAAA records"):
        dns_record(asked(primary, records=gone, state="ttl", ttl=1), world())


def test_a_server_of_the_zone_that_cannot_be_asked_is_waited_for(primary: Bind) -> None:
    # Nobody listens at port 53 of these addresses, or somebody without that zone.
    given = dataclasses.replace(asked(primary), servers=(), timeout=0.1)
    done = dns_record(given, world())
    assert done.error is not None
    assert "the authoritative server ns.shop.example (127.0.0.1)" in done.error.cause
    assert primary.look("www") == (30, ["10.0.0.21"])


def _diff(before: str, after: str) -> str:
    return "\n".join([*(f"-{line}" for line in before.splitlines()), *(f"+{line}" for line in after.splitlines())])

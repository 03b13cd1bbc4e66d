# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody asks of the records of a zone, and what of it can be meant."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ...drivers.dns import addresses, base
from ...ground.errors import UsageError, require_one_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...drivers.dns.factory import ZoneSettings

STATES = ("present", "ttl")

NONE = "none"
"""How people read, and accept, that there are no records."""

NEW_TTL = 300
"""Seconds for records that are made where there were none, unless another TTL is asked for."""

MOST_TTL = 7 * 86400


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """
    The records of one name and type as somebody writes them: by `values`, or by the `host` whose address is the value.

    No values remove them. `replaces` are the values that may be there now; without them any may.
    """

    name: str
    type: str = "A"
    values: tuple[str, ...] | None = None
    host: str = ""
    ttl: int | None = None
    replaces: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DnsRequest:
    """
    Which records of which zone, with state `present` their values and `ttl`, with state `ttl` only that.

    `addresses` are those of hosts that have them not by their names, `former_addresses` those that hosts had before.
    `accept` are values that may be replaced although nobody expects them. `servers` are asked in place of the zone's
    authoritative servers, then `resolvers`, for `timeout` seconds; None is a minute more than the old TTL.
    """

    zone: ZoneSettings
    records: tuple[Wish, ...]
    state: str = "present"
    ttl: int | None = None
    accept: tuple[str, ...] = ()
    addresses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    former_addresses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    servers: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    timeout: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """The records of one name and type as they shall be; `values` is None where they stay."""

    name: str
    type: str
    ttl: int | None
    values: tuple[str, ...] | None
    replaces: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.type}"

    def of(self, before: base.RecordSet) -> base.RecordSet:
        """Return what becomes of the records that are there."""
        ttl = self.ttl if self.ttl is not None else (before.ttl if before.values else NEW_TTL)
        return base.RecordSet(self.name, self.type, ttl, before.values if self.values is None else self.values)


def wanted(request: DnsRequest) -> list[Wanted]:
    """Return what is asked for. Raise UsageError on what cannot be meant."""
    require_one_of("state", request.state, STATES)
    zone = base.check_name(request.zone.zone, "zone")
    if not request.records:
        raise UsageError("records is empty.", "Name the records to change.", field="records")
    found = [_wanted(request, zone, wish) for wish in request.records]
    twice = [str(one) for one in found if sum(str(one) == str(other) for other in found) > 1]
    if twice:
        raise UsageError(f"records names {twice[0]} twice.", "Write all values into one.", field="records")
    return found


def watched(request: DnsRequest) -> tuple[list[base.Server], list[base.Server]]:
    """Return the authoritative servers and the resolvers that are named. Raise UsageError when one is none."""
    return (
        [base.check_server(text, "servers") for text in request.servers],
        [base.check_server(text, "resolvers") for text in request.resolvers],
    )


def accepted(request: DnsRequest, kind: str) -> set[str]:
    """Return the accepted values that a record of that type can have, or have none."""
    return _fitting(kind, request.accept) | ({NONE} & set(request.accept))


def _wanted(request: DnsRequest, zone: str, wish: Wish) -> Wanted:
    name = base.check_name(wish.name, "records")
    require_one_of("type", wish.type, base.TYPES)
    if not base.within(name, zone):
        raise UsageError(f"{name} is not in the zone {zone}.", "Correct the name, or zone.", field="records")
    replaces = {base.check_value(wish.type, text, "records") for text in wish.replaces}
    if not replaces and wish.host in request.former_addresses:
        replaces = _fitting(wish.type, [request.former_addresses[wish.host]])
    return Wanted(
        name=name,
        type=wish.type,
        ttl=_ttl(request, wish, name),
        values=_values(request, wish, name) if request.state == "present" else None,
        replaces=tuple(sorted(replaces)),
    )


def _ttl(request: DnsRequest, wish: Wish, name: str) -> int | None:
    ttl = request.ttl if wish.ttl is None else wish.ttl
    if ttl is None and request.state == "ttl":
        raise UsageError(f"{name} has no ttl to set.", "Set ttl, in seconds.", field="ttl")
    if ttl is not None and not 0 < ttl <= MOST_TTL:
        raise UsageError(f"ttl: {ttl} is not a TTL.", f"Use 1 to {MOST_TTL} seconds.", field="ttl")
    return ttl


def _values(request: DnsRequest, wish: Wish, name: str) -> tuple[str, ...]:
    record = f"{name} {wish.type}"
    if (wish.values is not None) == bool(wish.host):
        raise UsageError(f"{record} needs either values or host.", "Set one of them.", field="records")
    if wish.values is not None:
        found = {base.check_value(wish.type, text, "records") for text in wish.values}
        if wish.type == "CNAME" and len(found) > 1:
            raise UsageError(f"{record} can have one value only.", "Remove the others.", field="records")
        return tuple(sorted(found))
    if wish.type not in addresses.FAMILIES:
        raise UsageError(f"{record} cannot be the address of a host.", "Set values.", field="records")
    address = request.addresses.get(wish.host) or wish.host
    if base.canonical(address) == name:
        raise UsageError(
            f"The address of {wish.host} is known only by {record} itself.",
            "Set the address of the host (ansible_host), or values.",
            field="records",
        )
    return (addresses.of_host(address, wish.type, record),)


def _fitting(kind: str, texts: Iterable[str]) -> set[str]:
    """Return those that are values of that type, as they are compared."""
    found = set()
    for text in texts:
        with contextlib.suppress(UsageError):
            found.add(base.check_value(kind, text, "accept"))
    return found

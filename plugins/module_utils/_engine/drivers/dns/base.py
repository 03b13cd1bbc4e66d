# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every service that keeps a DNS zone can do, and what names, values and servers look like."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ...ground.errors import DnsError, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TYPES = ("A", "AAAA", "CNAME")

PORT = 53

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SERVER = re.compile(r"\[(?P<six>[^]]+)\](:(?P<port6>\d{1,5}))?|(?P<four>[^:]+)(:(?P<port4>\d{1,5}))?|(?P<bare>.+)")


class Changed(DnsError):
    """The zone is not as it was read, so that nothing of an update was done."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecordSet:
    """
    All records of a name and a type, the values in order. Without values there are none.

    `ttl` is for how many seconds resolvers remember them, or that there are none.
    """

    name: str
    type: str
    ttl: int
    values: tuple[str, ...] = ()

    def same(self, other: RecordSet) -> bool:
        """Whether others are as these. For how long it is remembered that there are none, the zone decides."""
        return self.values == other.values and (not self.values or self.ttl == other.ttl)

    def record(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {"name": self.name, "type": self.type, "ttl": self.ttl, "values": list(self.values)}

    def lines(self) -> str:
        """Return it as lines of a zone file."""
        return "".join(f"{self.name}. {self.ttl} IN {self.type} {value}\n" for value in self.values)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one set of records; `before` is as it was read."""

    before: RecordSet
    after: RecordSet


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """Where a DNS server is asked."""

    address: str
    port: int = PORT

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address and self.port != PORT else self.address
        return address if self.port == PORT else f"{address}:{self.port}"


class Zone(t.Protocol):
    """A zone at the service that keeps it. All methods raise DnsError or its kin."""

    def read(self, name: str, kind: str) -> RecordSet:
        """Return the records of a name and a type as the service itself has them."""

    def update(self, changes: Sequence[Change]) -> None:
        """
        Make all changes, or none of them.

        Raise Changed when the records are not those of `before` any more, and DnsError when the service refuses.
        """

    def settled(self) -> bool:
        """Whether the service says that its last update has reached all of its servers."""

    def nameservers(self) -> Mapping[str, Sequence[str]]:
        """Return the names of the zone's authoritative servers, with their addresses; without any where not known."""


def check_name(text: str, field: str) -> str:
    """Return a name in lower case and without its last dot. Raise UsageError, naming `field`, when it is none."""
    name = canonical(text)
    labels = name.split(".")
    if labels[0] == "*" and len(labels) > 1:
        labels = labels[1:]
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise UsageError(
            f"{field}: {text!r} is not a DNS name.", "Use one such as www.example.com; others as xn--….", field=field
        )
    return name


def canonical(name: str) -> str:
    """Return a name as all are compared."""
    return name.strip().lower().removesuffix(".")


def within(name: str, zone: str) -> bool:
    """Whether a name lies in a zone."""
    return name == zone or name.endswith(f".{zone}")


def check_value(kind: str, text: str, field: str) -> str:
    """Return a value of that type as all are compared. Raise UsageError, naming `field`, when it is none."""
    if kind == "CNAME":
        return check_name(text, field)
    try:
        return str({"A": ipaddress.IPv4Address, "AAAA": ipaddress.IPv6Address}[kind](text.strip()))
    except ValueError:
        wanted = {"A": "an IPv4 address", "AAAA": "an IPv6 address"}[kind]
        raise UsageError(
            f"{field}: {text!r} is not {wanted}.", f"Correct it, or the type {kind}.", field=field
        ) from None


def check_server(text: str, field: str) -> Server:
    """Return the server at `address`, `address:port` or `[address]:port`. Raise UsageError when it is none."""
    found = _SERVER.fullmatch(text.strip())
    if found:
        address = found["six"] or found["four"] or found["bare"]
        port = int(found["port6"] or found["port4"] or PORT)
        try:
            if 0 < port < 65536:
                return Server(str(ipaddress.ip_address(address)), port)
        except ValueError:
            pass
    raise UsageError(
        f"{field}: {text!r} is not the address of a server.",
        "Use one such as 192.0.2.53, 192.0.2.53:5353 or 2001:db8::53.",
        field=field,
    )

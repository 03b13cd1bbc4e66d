# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of hosts, as this machine resolves their names."""

from __future__ import annotations

import ipaddress
import socket
import typing as t

from ...ground.errors import DnsError, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


def known(name: str) -> Sequence[str]:
    """Return the addresses of a name, those of IPv6 only where there are no others; none where it is not known."""
    return _resolved(name, "A") or _resolved(name, "AAAA")


def server(host: str) -> str:
    """Return the address at which a server is asked. Raise DnsError when its name cannot be resolved."""
    if literal(host):
        return host
    found = known(host)
    if not found:
        raise DnsError(
            f"The name of the DNS server {host} cannot be resolved.", "Use its address, which needs no resolver."
        )
    return found[0]


def of_host(host: str, kind: str, record: str) -> str:
    """
    Return the one address of a host that others reach it by, for a `record` of that type.

    Raise UsageError when there is none, when there are several, or when it is one that only means this machine.
    """
    remedy = f"Set the address of the host (ansible_host), or values of {record}."
    found = [host] if literal(host) else _resolved(host, kind)
    if len(found) != 1:
        many = f"has {len(found)} addresses" if found else "cannot be resolved"
        raise UsageError(f"{host} {many}, and {record} needs one.", remedy, field="records")
    address = ipaddress.ip_address(found[0])
    if address.version != {"A": 4, "AAAA": 6}[kind]:
        raise UsageError(f"{address} cannot be a record of type {kind}.", remedy, field="records")
    if address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast:
        raise UsageError(f"{address}, the address of {host}, is none that others can reach.", remedy, field="records")
    return str(address)


def literal(text: str) -> bool:
    """Whether a text is an address and not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _resolved(name: str, kind: str) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(name, None, FAMILIES[kind], socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(item[4][0]) for item in found})

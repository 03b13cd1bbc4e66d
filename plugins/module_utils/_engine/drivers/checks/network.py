# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether a network answers: a port that accepts connections, and a name with its addresses.

A name is looked up as every program of this host does it: with its files, resolvers and caches.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import typing as t

from ...ground import cutoff
from ...ground.units import human_duration

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Address: t.TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclasses.dataclass(frozen=True, slots=True)
class TcpQuestion:
    """Whether a connection to a port is accepted."""

    host: str
    port: int

    changes: t.ClassVar[bool] = False

    @property
    def wanted(self) -> str:
        return f"{self.host} accepts connections on port {self.port}"

    def ask(self, timeout: float, environ: Mapping[str, str]) -> str:
        """Return what came instead, an empty string for what is wanted."""

        def connect() -> str:
            try:
                socket.create_connection((self.host, self.port), timeout).close()
            except (OSError, UnicodeError) as exc:
                return unreached(exc)
            return ""

        return timed(connect, timeout, environ)


@dataclasses.dataclass(frozen=True, slots=True)
class DnsQuestion:
    """Whether a name has exactly these addresses, of the families that are among them."""

    name: str
    expect: frozenset[Address]

    changes: t.ClassVar[bool] = False

    @property
    def wanted(self) -> str:
        return f"{self.name} has {_listed(self.expect)}"

    def ask(self, timeout: float, environ: Mapping[str, str]) -> str:
        """Return what came instead, an empty string for what is wanted."""
        return timed(self._look_up, timeout, environ)

    def _look_up(self) -> str:
        try:
            answers = socket.getaddrinfo(self.name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            return unreached(exc)
        families = {address.version for address in self.expect}
        # A zone, as in fe80::1%eth0, is this host's own name for a link.
        addresses = {ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers}
        found = {address for address in addresses if address.version in families}
        return "" if found == self.expect else _listed(found) or "no address of that family"


def timed(work: Callable[[], str], timeout: float, environ: Mapping[str, str]) -> str:
    """Return what `work` gives, or that it took too long or broke off."""
    try:
        return cutoff.within(timeout, work, environ)
    except TimeoutError:
        return f"no answer within {human_duration(timeout)}"
    except (OSError, EOFError) as exc:
        return f"no answer: the process that asked ended early ({type(exc).__name__})"


def unreached(reason: object) -> str:
    """Return why nobody answered, in words that hold nothing of what was sent."""
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, socket.gaierror):
        return f"a name without an address: {reason.strerror}"
    said = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return f"no connection: {said}"


def _listed(addresses: t.AbstractSet[Address]) -> str:
    return ", ".join(sorted(map(str, addresses)))

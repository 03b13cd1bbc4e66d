# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A zone at a DNS server that takes dynamic updates (RFC 2136) signed by a key (RFC 8945), such as BIND or PowerDNS.

The server's own answers count, which are signed too. An update is one message: it says how each set of records must be,
and the server does all of it or nothing.
"""

from __future__ import annotations

import typing as t

from ...ground.errors import DnsError, UsageError
from . import addresses, base, messages

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .base import Change, Server
    from .messages import Answer, Key

UNMET = {"NXDOMAIN", "NXRRSET", "YXDOMAIN", "YXRRSET"}
"""Codes by which a server says that something is not as the update says that it must be."""


class Rfc2136Zone:
    """The zone `name` at its primary server."""

    def __init__(self, name: str, server: Server, key: Key) -> None:
        self._name = name
        self._server = server
        self._key = key

    def read(self, name: str, kind: str) -> base.RecordSet:
        answer = self._asked(name, kind)
        if answer.alias:
            raise UsageError(
                f"{name} has no {kind} records of its own: it is an alias (CNAME) of {answer.alias}.",
                "Change that name's records, or the CNAME itself.",
                field="records",
            )
        return base.RecordSet(name, kind, answer.ttl, answer.values)

    def update(self, changes: Sequence[Change]) -> None:
        try:
            code = messages.update(self._server, self._name, changes, self._key)
        except DnsError as exc:
            if "why" in exc.details:
                exc.advise("Whether the update arrived is unknown; run again, which does nothing twice.")
            raise
        names = ", ".join(f"{change.after.name} {change.after.type}" for change in changes)
        if code in UNMET:
            raise base.Changed(f"The records changed while this ran ({code}).", "Run again.", code=code)
        if code == "REFUSED":
            raise DnsError(
                f"The DNS server {self._server} does not allow key {self._key.name} to change {names} (REFUSED); "
                "nothing was changed.",
                f"Grant it all of these names and types in update-policy or allow-update of the zone {self._name}.",
                code=code,
            )
        if code != "NOERROR":
            raise DnsError(
                f"The DNS server {self._server} did not change {names} ({code}).",
                f"Check that it is the primary server of {self._name}, and see its log.",
                code=code,
            )

    def settled(self) -> bool:
        return True

    def nameservers(self) -> Mapping[str, Sequence[str]]:
        return {name: self._addresses(name) for name in self._asked(self._name, "NS").values}

    def _addresses(self, name: str) -> Sequence[str]:
        """Return the addresses of a name server, those of the zone itself without asking anybody else."""
        if not base.within(name, self._name):
            return addresses.known(name)
        return self._asked(name, "A").values or self._asked(name, "AAAA").values

    def _asked(self, name: str, kind: str) -> Answer:
        answer = messages.ask(self._server, name, kind, key=self._key)
        if answer.code not in {"NOERROR", "NXDOMAIN"} or not answer.authoritative:
            raise DnsError(
                f"The DNS server {self._server} does not answer for {name} by itself ({answer.code}).",
                f"Check that it is the primary server of the zone {self._name}.",
                code=answer.code,
            )
        return answer

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Waiting until everybody answers what a zone has: first its authoritative servers, then the resolvers.

A resolver that asked an authoritative server which has the old values yet would remember them anew.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

from ...drivers.dns import messages
from ...ground.errors import DnsError
from ...ground.units import human_duration, human_list

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ...drivers.dns.base import RecordSet, Server
    from ...ground.model import World

GRACE = 60.0
"""Seconds that are waited beyond the time for which the old values may be remembered."""

LONGEST_MEMORY = 86400
"""Seconds of what resolvers say that they will remember that are believed."""

SHOWN = 5
"""Values of a server's answer, of which a message tells."""

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between two rounds; the last one stays."""


@dataclasses.dataclass(frozen=True, slots=True)
class Watched:
    """A server that is asked, by its name for people; without an address it cannot be."""

    name: str
    server: Server | None
    resolver: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a server answered last: empty where that is what the zone has, and for how long it remembers others."""

    watched: Watched
    said: str = "was not asked yet"
    remembers: int = 0

    @property
    def agrees(self) -> bool:
        return not self.said

    def record(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        kind = "resolver" if self.watched.resolver else "authoritative"
        return {"server": self.watched.name, "kind": kind, "agrees": self.agrees, "said": self.said}

    def __str__(self) -> str:
        kind = "resolver" if self.watched.resolver else "authoritative server"
        return f"the {kind} {self.watched.name} {self.said}"


def look(watched: Iterable[Watched], records: Sequence[RecordSet]) -> list[Seen]:
    """Ask each server once."""
    return [_asked(one, records) for one in watched]


def wait(
    watched: Sequence[Watched],
    records: Sequence[RecordSet],
    world: World,
    *,
    settled: Callable[[], bool],
    limit: float | None,
) -> list[Seen]:
    """
    Ask until all agree, or for `limit` seconds; None is as long as the servers say that they remember the old values.

    Return what each said last.
    """
    seen = {one: Seen(one) for one in watched}
    until = world.now() + datetime.timedelta(seconds=GRACE if limit is None else limit)
    for resolvers in (False, True):
        for turn in itertools.count():
            left = [one for one in watched if one.resolver == resolvers and not seen[one].agrees]
            seen |= {answered.watched: answered for answered in look(left, records)}
            if all(seen[one].agrees for one in left) and (resolvers or settled()):
                break
            if limit is None and not turn:
                memory = max((min(seen[one].remembers, LONGEST_MEMORY) for one in left), default=0)
                until = max(until, world.now() + datetime.timedelta(seconds=memory + GRACE))
            if not _slept(turn, until, world):
                return list(seen.values())
    return list(seen.values())


def _slept(turn: int, until: datetime.datetime, world: World) -> bool:
    """Sleep until the next round. Return False when there is no time for one."""
    left = (until - world.now()).total_seconds()
    if left <= 0:
        return False
    world.sleep(min(PAUSES[min(turn, len(PAUSES) - 1)], left))
    return True


def _asked(watched: Watched, records: Sequence[RecordSet]) -> Seen:
    """Ask a server for each of the records until it says something else."""
    if watched.server is None:
        return Seen(watched, "has a name that cannot be resolved")
    for record in records:
        try:
            answer = messages.ask(watched.server, record.name, record.type, recursive=watched.resolver)
        except DnsError as exc:
            return Seen(watched, f"gives no answer ({exc.details.get('why', exc.cause)})")
        if said := _difference(answer, record, resolver=watched.resolver):
            return Seen(watched, said, answer.ttl if watched.resolver else 0)
    return Seen(watched, "")


def _difference(answer: messages.Answer, record: RecordSet, *, resolver: bool) -> str:
    """Return what a server says in place of a record, empty where it is that."""
    if answer.code not in {"NOERROR", "NXDOMAIN"}:
        return f"answers {answer.code} for {record.name}"
    if not resolver and not answer.authoritative:
        return f"does not have the zone of {record.name}"
    if answer.values != record.values:
        memory = f", and remembers it for {human_duration(answer.ttl)}" if resolver else ""
        return f"answers {human_list(answer.values, SHOWN) or 'none'} for {record.name} {record.type}{memory}"
    # Resolvers count it down, or have a minimum of their own.
    if not resolver and record.values and answer.ttl > record.ttl:
        return f"answers the TTL {answer.ttl} for {record.name} {record.type}"
    return ""

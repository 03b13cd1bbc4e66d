# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: change records of a zone all at once, if nobody else did, and wait until everybody answers the new ones.

What a run prints as the records before is what another run takes to go back.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...drivers.dns import base, factory
from ...ground.errors import DnsError, UsageError
from ...ground.model import Outcome
from ...ground.units import human_duration
from . import watching
from .request import NONE, accepted, wanted, watched

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ...ground.model import World
    from .request import DnsRequest, Wanted

LISTED = 5
"""Servers that are left, of which a message tells."""


def dns_record(request: DnsRequest, world: World) -> Outcome:
    """
    Change the records, or in a dry run say how; without any change to make, only wait.

    Raise UsageError and KeyRefused before anything is asked, DnsError when the zone cannot be read or changed. When not
    all servers agree in time, the outcome has the error: the zone is changed then.
    """
    wishes = wanted(request)
    servers, resolvers = watched(request)
    zone = factory.open_zone(request.zone, world.environ)
    before = [zone.read(wish.name, wish.type) for wish in wishes]
    changes = [base.Change(old, wish.of(old)) for old, wish in zip(before, wishes, strict=True)]
    _check(request, wishes, changes)
    everybody = _everybody(request, zone, servers, resolvers)
    run = _Run(request, world, zone, changes, everybody)
    return run.planned() if world.dry_run else run.done(wishes)


def _check(request: DnsRequest, wishes: Sequence[Wanted], changes: Sequence[base.Change]) -> None:
    """Raise UsageError or DnsError when what is there may not be replaced."""
    if request.state == "ttl":
        for change in changes:
            if not change.before.values:
                raise UsageError(
                    f"{change.before.name} has no {change.before.type} records whose TTL could be set.",
                    "Correct records.",
                    field="records",
                )
        return
    conflicts = [
        (change, wish.replaces)
        for change, wish in zip(changes, wishes, strict=True)
        if wish.replaces
        and change.before.values not in {change.after.values, wish.replaces}
        and not set(change.before.values or (NONE,)) <= accepted(request, wish.type)
    ]
    if conflicts:
        raise _conflict(conflicts)


def _conflict(found: Sequence[tuple[base.Change, tuple[str, ...]]]) -> DnsError:
    """Return the error for records that somebody changed, with the values that are there and those that should be."""
    causes: list[str] = []
    values: list[str] = []
    for change, expected in found:
        there, name = change.before, f"{change.before.name} {change.before.type}"
        causes.append(
            f"{name} is {_listed(there.values)} and not {_listed(expected)}, which {_listed(change.after.values)} "
            "is to replace: somebody changed it."
        )
        values += there.values or (NONE,)
    return DnsError(
        f"{' '.join(causes)} Nothing was changed.",
        "Find out who changed it and why. To replace it, run again with "
        f"lifeboat_dns_accept={','.join(dict.fromkeys(values))} (option accept).",
        conflicts=[
            {
                "name": change.before.name,
                "type": change.before.type,
                "found": list(change.before.values),
                "expected": list(expected),
                "wanted": list(change.after.values),
            }
            for change, expected in found
        ],
    )


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values or (NONE,))


def _everybody(
    request: DnsRequest, zone: base.Zone, servers: Sequence[base.Server], resolvers: Sequence[base.Server]
) -> list[watching.Watched]:
    """Return who has to agree: the authoritative servers, and for values the resolvers too."""
    if servers:
        authoritative = [watching.Watched(str(server), server) for server in servers]
    else:
        authoritative = [
            watching.Watched(f"{name} ({address})" if address else name, base.Server(address) if address else None)
            for name, found in sorted(zone.nameservers().items())
            for address in found or [""]
        ]
    # Of a TTL no resolver is asked: each remembers the old one as long as that says.
    also = resolvers if request.state == "present" else ()
    return authoritative + [watching.Watched(str(server), server, resolver=True) for server in also]


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    """One run, after the zone was read and nothing stands against the changes."""

    request: DnsRequest
    world: World
    zone: base.Zone
    changes: Sequence[base.Change]
    everybody: Sequence[watching.Watched]

    @property
    def real(self) -> list[base.Change]:
        """What has to change."""
        return [change for change in self.changes if not change.before.same(change.after)]

    def planned(self) -> Outcome:
        """Say what would be done, and who could not be asked whether it was."""
        seen = watching.look(self.everybody, [change.before for change in self.changes])
        warnings = [f"{_sentence(one)} The run would wait for it." for one in seen if not one.agrees]
        return self._outcome(seen, f"would change in {self.request.zone.zone}", warnings=tuple(warnings))

    def done(self, wishes: Sequence[Wanted]) -> Outcome:
        """Change the zone, look whether it was, and wait."""
        began = self.world.now()
        if self.real:
            self._update(wishes)
        after = [change.after for change in self.changes]
        seen = watching.wait(self.everybody, after, self.world, settled=self.zone.settled, limit=self._limit())
        left = [one for one in seen if not one.agrees]
        seconds = (self.world.now() - began).total_seconds()
        return self._outcome(seen, f"changed in {self.request.zone.zone}", seconds, error=self._late(left, seconds))

    def _update(self, wishes: Sequence[Wanted]) -> None:
        try:
            self.zone.update(self.real)
        except base.Changed as exc:
            now = [self.zone.read(change.before.name, change.before.type) for change in self.changes]
            moved = [
                (base.Change(found, wish.of(found)), change.before.values)
                for found, change, wish in zip(now, self.changes, wishes, strict=True)
                if found.values != change.before.values and self.request.state == "present"
            ]
            raise (_conflict(moved) if moved else exc) from exc
        for change in self.real:
            if not (found := self.zone.read(change.after.name, change.after.type)).same(change.after):
                raise DnsError(
                    f"The server took the change of {found.name} {found.type}, but has {_listed(found.values)} with "
                    f"the TTL {found.ttl} instead of {_listed(change.after.values)} with {change.after.ttl}.",
                    "Find out what else writes to this zone, and run again.",
                )

    def _limit(self) -> float | None:
        if self.request.timeout is not None:
            return self.request.timeout
        if self.request.state == "ttl":
            return watching.GRACE
        # Without a change of values, an earlier run made it, and only the resolvers know how long they remember.
        switched = [change.before.ttl for change in self.real if change.before.values != change.after.values]
        return max(switched) + watching.GRACE if switched else None

    def _late(self, left: Sequence[watching.Seen], seconds: float) -> DnsError | None:
        if not left:
            return None
        said = "; ".join(map(str, left[:LISTED])) + (f"; and {len(left) - LISTED} more" if left[LISTED:] else "")
        return DnsError(
            f"The zone {self.request.zone.zone} is as wanted, but after {human_duration(seconds)} not everybody "
            f"answers so: {said}.",
            "Run again to wait on. If such a server is lost, list the remaining ones in servers or resolvers.",
            left=[one.record() for one in left],
        )

    def _outcome(
        self,
        seen: Sequence[watching.Seen],
        verb: str,
        seconds: float = 0.0,
        *,
        warnings: tuple[str, ...] = (),
        error: DnsError | None = None,
    ) -> Outcome:
        facts: dict[str, t.Any] = {
            "records": [change.after.record() for change in self.changes],
            "previous": [change.before.record() for change in self.changes],
            "servers": [one.record() for one in seen],
            "waited": round(seconds, 1),
            "summary": self._summary(verb),
        }
        return Outcome(
            changed=bool(self.real),
            facts=facts,
            before="".join(change.before.lines() for change in self.changes),
            after="".join(change.after.lines() for change in self.changes),
            warnings=warnings,
            error=error,
        )

    def _summary(self, verb: str) -> str:
        names = ", ".join(f"{change.after.name} {change.after.type}" for change in self.real)
        if not names:
            return f"The records of {self.request.zone.zone} are as wanted."
        lowered = [change.before.ttl for change in self.real if change.after.ttl < change.before.ttl]
        if self.request.state == "ttl" and lowered and not self.world.dry_run:
            at = self.world.now() + datetime.timedelta(seconds=max(lowered))
            return f"{names} {verb}. Resolvers may use the former TTL until {at:%Y-%m-%d %H:%M:%S} UTC."
        return f"{names} {verb}."


def _sentence(one: watching.Seen) -> str:
    text = str(one)
    return f"{text[0].upper()}{text[1:].rstrip('.')}."

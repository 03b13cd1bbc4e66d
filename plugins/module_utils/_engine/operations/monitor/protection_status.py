# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How an application is protected at one moment, for whoever shows it: the protection of each component, the runs of
this host, its schedule, and its store. Nothing here reads a store or a clock.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import typing as t

from ...ground import verbs
from ...records.repository import names as repository
from ...records.repository import protection
from ...records.repository.protection import Protection

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence

    from ...records.audit.log import Entry
    from ...records.recovery.events import Mode
    from ...records.recovery.objectives import Objective
    from ...records.recovery.outcome import Outcome as Recovered
    from ...records.repository.catalogue import IntegrityProblem
    from ...records.repository.inventory import Inventory
    from ...records.repository.protection import KnownBackup, Runs
    from ...records.schedule.lateness import Timing
    from ..wal.watching import LogStatus


@dataclasses.dataclass(frozen=True, slots=True)
class StoreUse:
    """What lies in the store below the application, and the room around it where that is known."""

    size: int
    objects: int
    capacity: int | None = None
    available: int | None = None

    @property
    def used(self) -> float | None:
        """The share of the capacity that is taken, by whomever, from 0 to 1."""
        if not self.capacity or self.available is None:
            return None
        return min(max(1 - self.available / self.capacity, 0.0), 1.0)


@dataclasses.dataclass(frozen=True, slots=True)
class ProtectionStatus:
    """
    All of it. `unreadable` says why the catalogue could not be read.

    Then, and where this host may only write to the store, `remembered` says that the backups are those that this host
    remembers making. `own` are the components that it is the one to speak about.
    """

    application: str
    at: datetime.datetime
    subjects: tuple[Protection, ...]
    runs: tuple[Runs, ...]
    own: frozenset[str] = frozenset()
    jobs: tuple[Timing, ...] = ()
    store: StoreUse | None = None
    problems: tuple[IntegrityProblem, ...] = ()
    unreadable: str = ""
    remembered: bool = False
    recoveries: Mapping[Mode, Recovered | None] | None = None
    """What came of the last recovery and the last drill; None where that is not known."""
    objectives: tuple[Objective, ...] = ()
    inventories: tuple[Inventory, ...] = ()
    """What the servers said that they have, one for each cluster that was asked."""
    logs: tuple[LogStatus, ...] = ()

    @property
    def uncompared(self) -> tuple[str, ...]:
        """The clusters of which nobody here knows whether they have a database without a backup."""
        current = {inventory.cluster for inventory in self.inventories if inventory.is_current(self.at)}
        return tuple(sorted({subject.cluster for subject in self.subjects} - current))


def subjects(
    backups: Iterable[KnownBackup],
    entries: Sequence[Entry],
    now: datetime.datetime,
    *,
    exclude: Sequence[str],
    inventories: Sequence[Inventory] = (),
) -> tuple[Protection, ...]:
    """
    Return the databases that have a backup, that should have one because a server has them, or of which this host
    lately tried to make one.
    """
    protected = protection.of(backups)
    lately = [
        entry for entry in entries if entry.operation in verbs.that("makes") and entry.at > now - protection.RECENT
    ]
    tried = {entry.component for entry in lately if "/" in entry.component}
    tried |= {repository.component(each.cluster, name) for each in inventories for name in each.wanted}
    return tuple(
        protected.get(name, Protection(name)) for name in sorted({*protected, *tried}) if not _excluded(name, exclude)
    )


def own(shown: Iterable[Protection], entries: Iterable[Entry], cluster: str | None) -> frozenset[str]:
    """Return the components that a host speaks about: of its `cluster`, or all, and what it backed up or validated."""
    handled = {entry.component for entry in entries if entry.operation in verbs.that("makes", "tests")}
    return frozenset(one.component for one in shown if cluster in {None, one.cluster} or one.component in handled)


def runs(
    entries: Sequence[Entry], now: datetime.datetime, *, exclude: Sequence[str], stored: Iterable[str]
) -> tuple[Runs, ...]:
    """
    Return what was done, by operation and component.

    A database that has no backup (`stored` are those that have) and that nobody touched lately is forgotten: it was
    misspelt or is gone, and the log knows every name there ever was.
    """
    kept = set(stored)
    kept |= {entry.component for entry in entries if entry.at > now - protection.RECENT or "/" not in entry.component}
    known = protection.runs(entries, now)
    return tuple(run for run in known if run.component in kept and not _excluded(run.component, exclude))


def _excluded(component: str, patterns: Sequence[str]) -> bool:
    name = "/".join(repository.shown(component))
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

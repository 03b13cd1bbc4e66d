# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What can be said about an application's backups at one moment, for whoever shows it: metrics and the status page.

It is made of the catalogue, this host's audit log and its schedule, and computed here once, so that two views of it
cannot disagree. Nothing here reads a store or a clock.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import fnmatch
import statistics
import typing as t

from .. import repository, verbs

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..anomalies.judging import Suspicion
    from ..audit.log import Entry
    from ..catalogue.catalogue import Anomaly
    from ..catalogue.inventory import Inventory

WINDOW = datetime.timedelta(days=7)
"""How long a run counts as recent: a weekly restore test is in it, and last month's trouble is not."""

LOOK_BACK = 14
"""Backups before the newest that say what is usual."""

ENOUGH = 3
"""Fewer than this many say nothing about what is usual."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """
    A backup. `rows` and `seconds` are None when nobody here knows; `unread` counts files never read again.

    It stays until `expires` at least; None when that is no date, or no policy is known.
    """

    backup_id: str
    component: str
    finished: datetime.datetime
    size: int
    plain_size: int
    scope: str
    reason: str
    seconds: float | None = None
    rows: int | None = None
    files: int = 0
    unread: int = 0
    verified: bool = False
    suspicions: tuple[Suspicion, ...] = ()
    expires: datetime.datetime | None = None

    @property
    def counts(self) -> bool:
        """Whether it is what a restore of the latest would take: whole, and no emergency backup."""
        return self.scope == "full" and self.reason != "emergency"

    @property
    def ratio(self) -> float | None:
        """How many bytes of data became one in the store."""
        return self.plain_size / self.size if self.size and self.plain_size else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Named:
    """What is about a component: a database, a cluster, or when that is empty, a whole application."""

    component: str

    @property
    def cluster(self) -> str:
        """The cluster as people call it, empty when it is about more than one."""
        return shown_name(self.component)[0]

    @property
    def database(self) -> str:
        """The database as people call it, empty when it is about more than one."""
        return shown_name(self.component)[1]


@dataclasses.dataclass(frozen=True, slots=True)
class Subject(_Named):
    """One database and its backups, oldest first. `here` says that this host is the one to speak about it."""

    backups: tuple[Shown, ...]
    here: bool = True

    @property
    def counting(self) -> tuple[Shown, ...]:
        """The backups that count as the latest, as fresh, as a recovery point."""
        return tuple(backup for backup in self.backups if backup.counts)

    @property
    def newest(self) -> Shown | None:
        """The newest backup that counts."""
        return next(reversed(self.counting), None)

    @property
    def newest_verified(self) -> Shown | None:
        """The newest backup that counts and of which a restore was seen to give the data."""
        return next((backup for backup in reversed(self.counting) if backup.verified), None)

    @property
    def newest_sound(self) -> Shown | None:
        """The newest verified one that nothing speaks against: ciphertext restores as well as data does."""
        sound = (backup for backup in reversed(self.counting) if backup.verified and not backup.suspicions)
        return next(sound, None)

    @property
    def newest_reread(self) -> Shown | None:
        """The newest backup that counts and of which every stored byte was read again."""
        return next((backup for backup in reversed(self.counting) if backup.files and not backup.unread), None)

    @property
    def next_expiry(self) -> datetime.datetime | None:
        """When retention may next let one of its backups go, if nothing is backed up until then."""
        return min((backup.expires for backup in self.backups if backup.expires), default=None)

    @property
    def usual_seconds(self) -> float | None:
        """The median of how long the backups before the newest took, None where too few are known."""
        known = [backup.seconds for backup in self.counting[:-1][-LOOK_BACK:] if backup.seconds is not None]
        return statistics.median(known) if len(known) >= ENOUGH else None


@dataclasses.dataclass(frozen=True, slots=True)
class Runs(_Named):
    """What this host did of one operation on one component."""

    operation: str
    ever: Mapping[str, int]
    recent: Mapping[str, int]
    last: Entry
    last_ok: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """
    A line of the schedule: when it should have run, when it will, and when its operation last ended here.

    `due` is None for a job that was never due since the schedule was written.
    """

    name: str
    operation: str
    due: datetime.datetime | None
    following: datetime.datetime | None
    last: datetime.datetime | None

    @property
    def late(self) -> bool:
        """Whether nothing has run since it was due."""
        return self.due is not None and (self.last is None or self.last < self.due)


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
class Picture:
    """
    All of it. `unreadable` says why the catalogue could not be read.

    Then, and where this host may only write to the store, `remembered` says that the backups are those that this host
    remembers making.
    """

    application: str
    at: datetime.datetime
    subjects: tuple[Subject, ...]
    runs: tuple[Runs, ...]
    jobs: tuple[Job, ...] = ()
    store: StoreUse | None = None
    anomalies: tuple[Anomaly, ...] = ()
    unreadable: str = ""
    remembered: bool = False
    inventories: tuple[Inventory, ...] = ()
    """What the servers said that they have, one for each cluster that was asked."""

    @property
    def uncompared(self) -> tuple[str, ...]:
        """The clusters of which nobody here knows whether they have a database without a backup."""
        current = {inventory.cluster for inventory in self.inventories if inventory.is_current(self.at)}
        return tuple(sorted({subject.cluster for subject in self.subjects} - current))


def subjects(
    backups: Iterable[Shown],
    entries: Sequence[Entry],
    now: datetime.datetime,
    *,
    cluster: str | None,
    exclude: Sequence[str],
    inventories: Sequence[Inventory] = (),
) -> tuple[Subject, ...]:
    """
    Give the databases that have a backup, that should have one because a server has them, or of which this host lately
    tried to make one.

    It speaks about those of its `cluster`, or of all without one, and about those that it backed up or proved.
    """
    by_component: dict[str, list[Shown]] = collections.defaultdict(list)
    for backup in sorted(backups, key=lambda backup: backup.finished):
        by_component[backup.component].append(backup)
    handled = {entry.component for entry in entries if entry.operation in verbs.that("makes", "tests")}
    lately = [entry for entry in entries if entry.operation in verbs.that("makes") and entry.at > now - WINDOW]
    tried = {entry.component for entry in lately if "/" in entry.component}
    tried |= {repository.component(each.cluster, name) for each in inventories for name in each.wanted}
    return tuple(
        Subject(name, tuple(by_component[name]), here=cluster in {None, shown_name(name)[0]} or name in handled)
        for name in sorted(by_component.keys() | tried)
        if not _excluded(name, exclude)
    )


def runs(
    entries: Iterable[Entry], now: datetime.datetime, *, exclude: Sequence[str], stored: Iterable[str]
) -> tuple[Runs, ...]:
    """
    Give what was done, by operation and component.

    A database that has no backup (`stored` are those that have) and that nobody touched lately is forgotten: it was
    misspelt or is gone, and the log knows every name there ever was.
    """
    kept = set(stored)
    grouped: dict[tuple[str, str], list[Entry]] = collections.defaultdict(list)
    for entry in entries:
        if not _excluded(entry.component, exclude):
            grouped[entry.operation, entry.component].append(entry)
        if entry.at > now - WINDOW or "/" not in entry.component:
            kept.add(entry.component)
    return tuple(
        Runs(
            component=component,
            operation=operation,
            ever=collections.Counter(entry.result for entry in group),
            recent=collections.Counter(entry.result for entry in group if entry.at > now - WINDOW),
            last=group[-1],
            last_ok=max((entry.at for entry in group if entry.result == "ok"), default=None),
        )
        for (operation, component), group in sorted(grouped.items())
        if component in kept
    )


def shown_name(component: str) -> tuple[str, str]:
    """
    Give cluster and database as people call them; what concerns a whole cluster has no database.

    A name that is encoded in another way than ours stays as it is and is marked: two databases must not share one.
    """
    raw, _slash, encoded = component.partition("/")
    if not raw or not encoded:
        return component, ""
    cluster, database = repository.cluster_and_database(component)
    if repository.component(cluster, database) != component:
        return raw, f"{encoded} (not decoded)"
    return cluster, database


def _excluded(component: str, patterns: Sequence[str]) -> bool:
    name = "/".join(shown_name(component))
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

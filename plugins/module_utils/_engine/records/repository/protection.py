# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How well a component is protected: its newest backup, the newest that was restored for a test, what is suspicious about
them, and how the last runs ended.

It is computed here once, for whoever tells it: doctor, metrics, status page, list, retention. A backup is
restore-tested when it was restored and compared with its proof, and no later test failed, as the marks in the store and
this host's own log say: the last word counts.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import statistics
import typing as t
from collections.abc import Hashable

from ...drivers.components.base import EXISTING
from ...ground import verbs
from ..audit.log import AuditLog
from . import choosing
from . import names as repository
from .marks import Marks, Word

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..anomalies.judging import Suspicion
    from ..audit.log import Entry
    from .receipts import Receipts
    from .stored_backup import Backup

    Suspicions = Mapping[str, tuple[Suspicion, ...]]

Key = t.TypeVar("Key", bound=Hashable)

RECENT = datetime.timedelta(days=7)
"""How long a run counts as recent: a weekly restore test is in it, and last month's trouble is not."""

LOOK_BACK = 14
"""Backups before the newest that say what is usual."""

ENOUGH = 3
"""Fewer than this many say nothing about what is usual."""

NO_MARKS = Marks()


@dataclasses.dataclass(frozen=True, slots=True)
class KnownBackup:
    """
    A backup, and what is known of it. Sizes are bytes; `rows` and `seconds` are None when nobody here knows.

    `restore_tested_at` is when it was last restored and compared with its proof; it is `refuted` when its last such
    test failed. `unread` counts its `files` that were never read again, None where nobody here knows. It stays until
    `expires` at least; None when that is no date, or no policy is known.
    """

    component: str
    backup_id: str
    started: datetime.datetime
    finished: datetime.datetime
    scope: str
    reason: str
    size: int
    plain_size: int
    kind: str = "logical"
    parents: tuple[str, ...] = ()
    seconds: float | None = None
    rows: int | None = None
    files: int | None = None
    unread: int | None = None
    restore_tested_at: datetime.datetime | None = None
    refuted: bool = False
    pinned: bool = False
    held: bool = False
    suspicions: tuple[Suspicion, ...] = ()
    expires: datetime.datetime | None = None

    @property
    def restore_tested(self) -> bool:
        """Whether it was restored and compared with its proof."""
        return self.restore_tested_at is not None

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
        return repository.shown(self.component)[0]

    @property
    def database(self) -> str:
        """The database as people call it, empty when it is about more than one."""
        return repository.shown(self.component)[1]


@dataclasses.dataclass(frozen=True, slots=True)
class Protection(_Named):
    """The backups of one component, oldest first; of those that `latest` may mean, which is the newest."""

    backups: tuple[KnownBackup, ...] = ()

    @property
    def counting(self) -> tuple[KnownBackup, ...]:
        """The backups that count as the latest, as fresh, as a recovery point."""
        return tuple(filter(choosing.is_latest, self.backups))

    @property
    def newest(self) -> KnownBackup | None:
        """The newest backup."""
        return choosing.newest(self.backups)

    @property
    def newest_restore_tested(self) -> KnownBackup | None:
        """The newest one that was restored and compared with its proof."""
        return choosing.newest(self.backups, lambda one: one.restore_tested)

    @property
    def newest_clean(self) -> KnownBackup | None:
        """The newest one that is not suspicious."""
        return choosing.newest(self.backups, lambda one: not one.suspicions)

    @property
    def newest_sound(self) -> KnownBackup | None:
        """The newest restore-tested one that is not suspicious: ciphertext restores as well as data does."""
        return choosing.newest(self.backups, lambda one: one.restore_tested and not one.suspicions)

    @property
    def newest_reread(self) -> KnownBackup | None:
        """The newest one of which every stored byte was read again."""
        return choosing.newest(self.backups, lambda one: one.unread == 0)

    def total(self, count: Callable[[KnownBackup], int | None]) -> int | None:
        """Return the sum over its backups, None where nobody here knows it of one."""
        counts = [count(backup) for backup in self.backups]
        return None if None in counts else sum(filter(None, counts))

    @property
    def next_expiry(self) -> datetime.datetime | None:
        """When retention may next let one of its backups go, if nothing is backed up until then."""
        return min((backup.expires for backup in self.backups if backup.expires), default=None)

    @property
    def usual_seconds(self) -> float | None:
        """The median of how long those before the newest took that hold as much as it; None where too few are known."""
        alike = [backup for backup in self.counting if backup.scope == self.counting[-1].scope]
        known = [backup.seconds for backup in alike[:-1][-LOOK_BACK:] if backup.seconds is not None]
        return statistics.median(known) if len(known) >= ENOUGH else None


@dataclasses.dataclass(frozen=True, slots=True)
class Runs(_Named):
    """How the runs of one operation on one component ended: counts by result, and the last one."""

    operation: str
    ever: Mapping[str, int]
    recent: Mapping[str, int]
    last: Entry
    last_ok: datetime.datetime | None


def of(backups: Iterable[KnownBackup]) -> dict[str, Protection]:
    """Return the protection of each component that has a backup, by its name."""
    groups: dict[str, list[KnownBackup]] = collections.defaultdict(list)
    for backup in sorted(backups, key=choosing.age):
        groups[backup.component].append(backup)
    return {component: Protection(component, tuple(groups[component])) for component in sorted(groups)}


def stored(
    backups: Iterable[Backup], said: Mapping[str, Marks], entries: Iterable[Entry], suspicions: Suspicions
) -> list[KnownBackup]:
    """Return what is known of the backups in a store. `said` are their marks, `entries` the runs of this host."""
    tests = restore_tests(entries)
    return [
        KnownBackup(
            **{name: getattr(record, name) for name in _SHARED},
            finished=record.finished,
            kind=record.kind,
            parents=tuple(parent.backup_id for parent in record.parents),
            seconds=record.seconds,
            files=len(record.files),
            restore_tested_at=word.at if word and word.passed else None,
            refuted=bool(word and not word.passed),
            pinned=marks.pinned,
            held=marks.held,
            suspicions=suspicions.get(record.backup_id, ()),
        )
        for backup in backups
        for record, marks in [(backup.manifest, said.get(backup.manifest.backup_id, NO_MARKS))]
        for word in [_last(tests.get(record.backup_id), marks.restore_test(backup.manifest_sha256))]
    ]


def remembered(
    receipts: Receipts, application: str, entries: Iterable[Entry], suspicions: Suspicions, now: datetime.datetime
) -> list[KnownBackup]:
    """Return the backups that a host has receipts of and that retention did not let go, as far as it knows."""
    tests = restore_tests(entries)
    return [
        KnownBackup(
            **{name: getattr(receipt, name) for name in _SHARED},
            finished=receipt.at,
            restore_tested_at=word.at if word and word.passed else None,
            refuted=bool(word and not word.passed),
            suspicions=suspicions.get(receipt.backup_id, ()),
        )
        for receipt in receipts.believed(application, None, now)
        for word in [tests.get(receipt.backup_id)]
    ]


_SHARED = ("component", "backup_id", "started", "scope", "reason", "size", "plain_size")
"""What a manifest and a receipt both tell of a backup."""


def read_runs(
    state_dir: str | None, application: str | None = None, now: datetime.datetime | None = None
) -> list[Entry]:
    """
    Return how the runs of this host ended, oldest first. Raise StoreError without the right to read its log.

    With `now`, what was dated by a clock that ran ahead is left out: it would be the newest for as long as that.
    """
    until = now + choosing.FUTURE if now else None
    return [entry for entry in AuditLog(state_dir).entries(application=application, until=until) if entry.is_run]


def restore_tests(entries: Iterable[Entry]) -> dict[str, Word]:
    """Return the last word of a log, oldest entry first, on each backup that was restored for a test, by its id."""
    ended = ((entry.backup_id, entry.at, entry.operation, entry.result, entry.facts) for entry in entries)
    return last_words(end for end in ended if end[0])


def last_words(ended: Iterable[tuple[Key, datetime.datetime, str, str, Mapping[str, t.Any]]]) -> dict[Key, Word]:
    """
    Return the last word on each backup that was restored for a test. What `ended`, oldest first, is the key of the
    backup, and of the run its time, operation, result and facts.
    """
    return {
        key: Word(at, passed)
        for key, at, operation, result, facts in ended
        if (passed := test_result(operation, result, facts)) is not None
    }


def test_result(operation: str, result: str, facts: Mapping[str, t.Any]) -> bool | None:
    """Return what the end of a run says of a backup: it is as it was backed up, it is not, or None for neither."""
    if operation not in verbs.that("tests"):
        return None
    if result == "ok":
        # One that has no proof was compared with nothing.
        return None if facts.get("proof") in {None, "none"} else True
    # What was written to a database that lives is no fault of the backup.
    differs = facts.get("error") == "ProofMismatch" and facts.get("mode") != EXISTING
    return False if differs or facts.get("error") == "Tampered" else None


def _last(*said: Word | None) -> Word | None:
    """Return the last word on a backup."""
    return max(filter(None, said), key=lambda word: word.at, default=None)


def last_runs(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    """Return the last run of each operation on each component."""
    return {(entry.operation, entry.component): entry for entry in entries}


def runs(entries: Sequence[Entry], now: datetime.datetime) -> list[Runs]:
    """Return how the runs of each operation on each component ended."""
    groups: dict[tuple[str, str], list[Entry]] = collections.defaultdict(list)
    for entry in entries:
        groups[entry.operation, entry.component].append(entry)
    last = last_runs(entries)
    return [
        Runs(
            component=component,
            operation=operation,
            ever=collections.Counter(entry.result for entry in group),
            recent=collections.Counter(entry.result for entry in group if entry.at > now - RECENT),
            last=last[operation, component],
            last_ok=max((entry.at for entry in group if entry.result == "ok"), default=None),
        )
        for (operation, component), group in sorted(groups.items())
    ]

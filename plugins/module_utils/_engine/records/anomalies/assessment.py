# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What is known of backups, and which are suspicious, by the best figures that can be had here: this host's memory, then
the encrypted details where a key opens them, then the sizes in the manifests.
"""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ...drivers.components import kinds
from ...ground.errors import RecoveryError, StoreError, Tampered
from ...ground.workers import at_once
from ..repository import catalogue, protection
from ..repository import names as repository
from ..repository.receipts import Receipts
from . import judging
from .backup_figures import Statistics, of

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from ...drivers.components.base import Figures
    from ..audit.log import Entry
    from ..repository.manifest import Manifest
    from ..repository.protection import KnownBackup
    from .backup_figures import Statistic
    from .judging import Suspicion, Thresholds

Found = dict[str, tuple["Suspicion", ...]]


def assess(
    opened: catalogue.Repository,
    backups: Sequence[catalogue.Backup],
    memory: Statistics,
    wanted: Thresholds,
    *,
    keep: bool = True,
) -> Found:
    """
    Return what is suspicious about each of the newest full backups of every component, by backup id.

    With `keep`, details that had to be fetched are added to `memory`, so that they are fetched once. What fails to
    open is a problem of `opened`, and judged by its manifest.
    """
    windows = judging.windows((backup.manifest for backup in backups), wanted)
    newest = {record.backup_id for window in windows for record in window}
    judged = [backup for backup in backups if backup.manifest.backup_id in newest]
    return judging.judged(_figures(opened, judged, memory, keep=keep), wanted)


def known(
    settings: catalogue.RepositorySettings,
    opened: catalogue.Repository,
    backups: Sequence[catalogue.Backup],
    wanted: Thresholds,
    now: datetime.datetime,
    *,
    keep: bool = True,
) -> list[KnownBackup]:
    """Return what is known of each of these backups: from the store, from its marks, and from what ran on this host."""
    found = assess(opened, backups, Statistics(settings.state_dir, settings.place), wanted, keep=keep)
    said = opened.marks(kinds=repository.PROTECTING_MARKS) if backups else {}
    runs: list[Entry] = []
    with contextlib.suppress(StoreError):  # another user's log: the marks have to do
        runs = protection.read_runs(settings.state_dir, opened.application, now)
    return protection.stored(backups, said, runs, found)


def note(memory: Statistics, record: Manifest, figures: Figures, wanted: Thresholds) -> tuple[list[str], list[str]]:
    """
    Remember a backup that was just made; return what is suspicious about it, and what went wrong on the way.

    Nothing here may fail a backup that exists: what goes wrong is reported, and that is all.
    """
    suspicions: list[str] = []
    try:
        current = of(record, figures)
        history = [*memory.of(record.application, record.component), current]
        suspicions = judging.shown(judging.judged(history, wanted).get(current.backup_id, ()))
        memory.add(current)
    except RecoveryError as exc:
        return suspicions, [str(exc)]
    except Exception as exc:  # noqa: BLE001 - a backup that was made stays made
        return suspicions, [f"{record.backup_id} was compared with nothing: {type(exc).__name__}, {exc}"]
    return suspicions, []


def remembered(
    settings: catalogue.RepositorySettings, entries: Iterable[Entry], wanted: Thresholds, now: datetime.datetime
) -> list[KnownBackup]:
    """Return the backups that this host remembers making, for one that may only write to the store or not reach it."""
    found = judging.judged(Statistics(settings.state_dir, settings.place).of(settings.application), wanted)
    receipts = Receipts(settings.state_dir, settings.place, read_only=True)
    return protection.remembered(receipts, settings.application, entries, found, now)


def _figures(
    opened: catalogue.Repository, backups: Sequence[catalogue.Backup], memory: Statistics, *, keep: bool
) -> Iterable[Statistic]:
    known = {entry.backup_id: entry for entry in memory.of(opened.application)} if backups else {}
    figures = {}
    for plain in (of(backup.manifest) for backup in backups):
        last = known.get(plain.backup_id, plain)
        # What is remembered counts while it fits what is signed.
        fits = (last.component, last.size, last.plain_size) == (plain.component, plain.size, plain.plain_size)
        figures[plain.backup_id] = last if fits else plain
    unknown = [each for each in backups if figures[each.manifest.backup_id] is not known.get(each.manifest.backup_id)]
    if unknown and opened.trusted_keys.can_open:
        for read in filter(None, at_once(functools.partial(_opened, opened), unknown)):
            figures[read.backup_id] = read
            # A reader without the right to write here reads them again the next time.
            with contextlib.suppress(RecoveryError):
                if keep:
                    memory.add(read)
    return figures.values()


def _opened(opened: catalogue.Repository, backup: catalogue.Backup) -> Statistic | None:
    figures = kinds.FIGURES.get(backup.manifest.kind)
    try:
        return of(backup.manifest, figures(backup.detail())) if figures else None
    except Tampered as exc:
        opened.problems.append(catalogue.IntegrityProblem("detail", backup.manifest.backup_id, exc.cause))
    except (RecoveryError, KeyError, TypeError, ValueError):
        # One that another key opens, or that is not as its kind has it: its manifest has to do.
        pass
    return None

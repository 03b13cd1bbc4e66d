# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which stored backups are suspicious, by the best figures that can be had here: this host's memory, then the encrypted
details where a key opens them, then the sizes in the manifests.
"""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ...ground.errors import RecoveryError, Tampered
from ...ground.workers import at_once
from ..repository import catalogue
from . import judging
from .backup_figures import Statistics, of_detail, of_manifest

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..repository.choosing import Record
    from ..repository.manifest import Manifest
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
    open is an anomaly of `opened`, and judged by its manifest.
    """
    if not wanted.window:
        return {}
    newest = _windows((backup.manifest for backup in backups), wanted)
    looked_at = {record.backup_id for each in newest for record in each}
    known = {entry.backup_id: entry for entry in memory.of(opened.application)}
    judged = [backup for backup in backups if backup.manifest.backup_id in looked_at]
    figures = _figures(opened, judged, known, memory if keep else None)
    found: Found = {}
    for each in newest:
        found |= judging.judge([figures[record.backup_id] for record in each], wanted)
    return found


def note(
    memory: Statistics, record: Manifest, detail: Mapping[str, t.Any], wanted: Thresholds
) -> tuple[list[str], list[str]]:
    """
    Remember a backup that was just made; give what is suspicious about it, and what went wrong with remembering.

    Nothing here may fail a backup that exists: a disk that refuses is told, and that is all.
    """
    current = of_detail(record, detail)
    history = judging.window([*memory.of(record.application, record.component), current], wanted)
    found = judging.judge(history, wanted).get(current.backup_id, ())
    try:
        memory.add(current)
    except RecoveryError as exc:
        return judging.shown(found), [str(exc)]
    return judging.shown(found), []


def remembered(memory: Statistics, application: str, wanted: Thresholds) -> Found:
    """Return what is suspicious about the backups that this host remembers making, by backup id."""
    found: Found = {}
    for history in _windows(memory.of(application), wanted):
        found |= judging.judge(history, wanted)
    return found


def _windows(history: Iterable[Record], wanted: Thresholds) -> list[list[Record]]:
    """Return what is judged together of each component."""
    groups: dict[str, list[Record]] = {}
    for one in history:
        groups.setdefault(one.component, []).append(one)
    return [judging.window(group, wanted) for group in groups.values()]


def _figures(
    opened: catalogue.Repository,
    backups: Sequence[catalogue.Backup],
    known: Mapping[str, Statistic],
    memory: Statistics | None,
) -> dict[str, Statistic]:
    figures = {}
    unknown = []
    for backup in backups:
        plain = of_manifest(backup.manifest)
        remembered = known.get(plain.backup_id)
        # What is remembered counts while it fits what is signed.
        fits = remembered is not None and (remembered.component, remembered.size, remembered.plain_size) == (
            plain.component,
            plain.size,
            plain.plain_size,
        )
        figures[plain.backup_id] = remembered if remembered is not None and fits else plain
        if not fits:
            unknown.append(backup)
    if unknown and opened.trusted_keys.can_open:
        for read in filter(None, at_once(functools.partial(_opened, opened), unknown)):
            figures[read.backup_id] = read
            _keep(memory, read)
    return figures


def _opened(opened: catalogue.Repository, backup: catalogue.Backup) -> Statistic | None:
    try:
        detail = backup.detail()
        return of_detail(backup.manifest, detail) if "tables" in detail else None
    except Tampered as exc:
        opened.anomalies.append(catalogue.IntegrityProblem("detail", backup.manifest.backup_id, exc.cause))
    except (RecoveryError, KeyError, TypeError, ValueError):
        # One that another key opens, or of another kind of backup: its manifest has to do.
        pass
    return None


def _keep(memory: Statistics | None, statistic: Statistic) -> None:
    # A reader without the right to write here reads them again the next time.
    with contextlib.suppress(RecoveryError):
        if memory is not None:
            memory.add(statistic)

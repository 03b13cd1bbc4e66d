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

from ...drivers.components import kinds
from ...ground.errors import RecoveryError, Tampered
from ...ground.workers import at_once
from ..repository import catalogue, choosing
from . import judging
from .backup_figures import Statistics, of

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...drivers.components.base import Figures
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
    full: dict[str, list[catalogue.Backup]] = {}
    for backup in sorted(backups, key=lambda each: choosing.age(each.manifest)):
        if choosing.is_comparable(backup.manifest):
            full.setdefault(backup.manifest.component, []).append(backup)
    newest = {component: each[-judging.DEPTH * wanted.window :] for component, each in full.items()}
    known = {entry.backup_id: entry for entry in memory.of(opened.application)}
    figures = _figures(opened, [backup for each in newest.values() for backup in each], known, memory if keep else None)
    found: Found = {}
    for each in newest.values():
        found |= judging.judge([figures[backup.manifest.backup_id] for backup in each], wanted)
    return found


def note(memory: Statistics, record: Manifest, figures: Figures, wanted: Thresholds) -> tuple[list[str], list[str]]:
    """
    Remember a backup that was just made; give what is suspicious about it, and what went wrong with telling.

    Nothing here may fail a backup that exists: what goes wrong is told, and that is all.
    """
    suspicions: list[str] = []
    try:
        current = of(record, figures)
        history = memory.of(record.application, record.component)[-judging.DEPTH * max(wanted.window, 1) :]
        suspicions = judging.shown(judging.judge([*history, current], wanted).get(current.backup_id, ()))
        memory.add(current)
    except RecoveryError as exc:
        return suspicions, [str(exc)]
    except Exception as exc:  # noqa: BLE001 - a backup that was made stays made
        return suspicions, [f"{record.backup_id} was compared with nothing: {type(exc).__name__}, {exc}"]
    return suspicions, []


def remembered(memory: Statistics, application: str, wanted: Thresholds) -> Found:
    """Return what is suspicious about the backups that this host remembers making, by backup id."""
    histories: dict[str, list[Statistic]] = {}
    for figures in memory.of(application):
        histories.setdefault(figures.component, []).append(figures)
    found: Found = {}
    for history in histories.values():
        found |= judging.judge(history[-judging.DEPTH * max(wanted.window, 1) :], wanted)
    return found


def _figures(
    opened: catalogue.Repository,
    backups: Sequence[catalogue.Backup],
    known: Mapping[str, Statistic],
    memory: Statistics | None,
) -> dict[str, Statistic]:
    figures = {}
    unknown = []
    for backup in backups:
        plain = of(backup.manifest)
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
    figures = kinds.FIGURES.get(backup.manifest.kind)
    try:
        return of(backup.manifest, figures(backup.detail())) if figures else None
    except Tampered as exc:
        opened.anomalies.append(catalogue.IntegrityProblem("detail", backup.manifest.backup_id, exc.cause))
    except (RecoveryError, KeyError, TypeError, ValueError):
        # One that another key opens, or that is not as its kind has it: its manifest has to do.
        pass
    return None


def _keep(memory: Statistics | None, statistic: Statistic) -> None:
    # A reader without the right to write here reads them again the next time.
    with contextlib.suppress(RecoveryError):
        if memory is not None:
            memory.add(statistic)

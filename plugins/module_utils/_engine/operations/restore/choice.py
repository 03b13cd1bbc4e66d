# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backup a restore means, and what is to be said before it replaces anything.

After an attack the newest backup may hold what the attacker left. Whoever restores it must know before, not after.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ...ground.errors import RecoveryError, UsageError
from ...records.anomalies import assessment, judging
from ...records.anomalies.backup_figures import Statistics
from ...records.repository import catalogue, choosing, newer
from ...records.repository.stored_backup import chain

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ...ground.model import World
    from ...records.repository.catalogue import Backup, Repository


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """
    The backup to restore, last in the `chain` of all that it needs, and `cautions` about it.

    `read` finds another backup of the same component by its id.
    """

    chain: tuple[catalogue.Backup, ...]
    read: Callable[[str], catalogue.Backup]
    cautions: tuple[str, ...] = ()


def choose(
    settings: catalogue.RepositorySettings, component: str, selector: str, thresholds: judging.Thresholds, world: World
) -> Choice:
    """
    Return the backup to restore, with cautions about it.

    Raise UsageError when a newer one is known to have been made and cannot be had: then it must be named. In check mode
    that is a caution.
    """
    opened = catalogue.open_repository(settings, world)
    chosen = newer.choose(opened, component, selector, world.now())
    notes = chosen.notes
    if chosen.certain:
        identity = chosen.backup.manifest.backup_id
        remedy = f"To restore it anyway, set backup: {identity} (lifeboat_restore_from)."
        if not world.dry_run:
            passed_over = [passed.backup_id for passed in chosen.passed]
            raise UsageError(notes[0], remedy, field="backup", backup_id=identity, passed_over=passed_over)
        notes = (f"{notes[0]} The restore will be refused. {remedy}",)
    suspicions = find_suspicions(opened, chosen.backup, Statistics(settings.state_dir, settings.place), thresholds)
    needed = chain(opened.read, chosen.backup)
    return Choice(needed, functools.partial(opened.read, component), (*notes, *suspicions))


def find_suspicions(
    opened: Repository, backup: Backup, memory: Statistics, thresholds: judging.Thresholds
) -> tuple[str, ...]:
    """Return a sentence when `backup` is suspicious, or when that cannot be told; neither stops a restore."""
    record = backup.manifest
    try:
        together = opened.until(backup, judging.DEPTH * thresholds.window)
        found = assessment.assess(opened, together, memory, thresholds, keep=False)
    except RecoveryError as exc:
        return (f"Whether {record.backup_id} is suspicious is unknown: {exc.cause}",)
    suspicions = judging.shown(found.get(record.backup_id, ()))
    if not suspicions:
        return ()
    clean = choosing.newest((each.manifest for each in together), lambda each: not found.get(each.backup_id))
    instead = f"The newest clean one before it is {clean.backup_id}." if clean else "None before it is clean."
    return (f"{record.backup_id} is suspicious. {suspicions[0]} {instead}",)

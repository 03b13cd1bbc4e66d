# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What speaks against the backup that is about to be restored: that it does not look like the ones before it.

After an attack the newest backup may hold what the attacker left. Whoever restores it must know before, not after.
"""

from __future__ import annotations

import typing as t

from ..anomalies import assessment, judging
from ..catalogue import choosing
from ..errors import RecoveryError

if t.TYPE_CHECKING:
    from ..anomalies.statistics import Statistics
    from ..catalogue.catalogue import Backup, Repository


def doubts(opened: Repository, backup: Backup, memory: Statistics) -> tuple[str, ...]:
    """Give a sentence when `backup` is suspicious, or when nobody can tell; a doubt never stops a restore."""
    record = backup.manifest
    try:
        together = opened.until(backup, judging.DEPTH * judging.DEFAULTS.window)
        found = assessment.assess(opened, together, memory, judging.DEFAULTS, keep=False)
    except RecoveryError as exc:
        return (f"Whether {record.backup_id} looks like the ones before it is not known: {exc.cause}",)
    suspicions = judging.shown(found.get(record.backup_id, ()))
    if not suspicions:
        return ()
    clean = choosing.newest((each.manifest for each in together), lambda each: not found.get(each.backup_id))
    instead = f"The newest clean one before it is {clean.backup_id}." if clean else "None before it is clean."
    return (f"{record.backup_id} is suspicious. {suspicions[0]} {instead}",)

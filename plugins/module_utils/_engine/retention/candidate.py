# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A backup as retention sees it.
"""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    import datetime

    from ..catalogue.protection import KnownBackup


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """
    A backup as retention sees it. `parents` are ids of backups that a restore of it needs.

    `failed` is one whose files are not all there; `misdated` one whose own time the store's contradicts; `in_use` says
    who reads it.
    """

    component: str
    backup_id: str
    finished: datetime.datetime
    scope: str = "full"
    kind: str = "logical"
    reason: str = "scheduled"
    size: int = 0
    parents: tuple[str, ...] = ()
    restore_tested: bool = False
    pinned: bool = False
    held: bool = False
    locked_until: datetime.datetime | None = None
    failed: bool = False
    misdated: bool = False
    in_use: str = ""

    @classmethod
    def of(cls, known: KnownBackup, *, failed: bool = False, misdated: bool = False, in_use: str = "") -> Candidate:
        """Return the candidate that a backup is; locks are asked for when it is known which may go."""
        return cls(
            component=known.component,
            backup_id=known.backup_id,
            finished=known.finished,
            scope=known.scope,
            kind=known.kind,
            reason=known.reason,
            size=known.size,
            parents=known.parents,
            restore_tested=known.restore_tested,
            pinned=known.pinned,
            held=known.held,
            failed=failed,
            misdated=misdated,
            in_use=in_use,
        )

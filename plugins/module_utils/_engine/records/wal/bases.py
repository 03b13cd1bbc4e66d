# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A base backup, as far as the log after it is concerned: when it was finished, and what it needs of the log."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from datetime import datetime

    from ...drivers.components.base import WalRange
    from ..repository.catalogue import Backup


@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    """
    A base backup: when it was finished, and the WAL that it needs to be consistent, as positions on a timeline. With
    `included` it has that WAL itself.
    """

    backup_id: str
    finished: datetime
    timeline: int
    start: int
    stop: int
    included: bool = False

    @classmethod
    def of(cls, backup: Backup) -> Base:
        """Return a physical backup as the base of recoveries."""
        needs, record = range_of(backup), backup.manifest
        return cls(record.backup_id, record.finished, needs.timeline, needs.start, needs.stop, needs.included)

    def last(self, size: int) -> int:
        """Return the last segment that it needs: a position at a boundary is the end of the one before."""
        return (self.stop - 1) // size

    def needed_from(self, size: int) -> int:
        """Return the first segment that a recovery from it needs of the store."""
        return self.last(size) + 1 if self.included else self.start // size


def range_of(backup: Backup) -> WalRange:
    """Return the WAL that a physical backup needs."""
    return t.cast("WalRange", backup.manifest.wal)

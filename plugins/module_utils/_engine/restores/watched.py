# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A backup that tells how far it is read, for whoever waits for a restore.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..catalogue.stored_backup import Backup
    from ..progress import Progress


class Watched:
    """Hands on the members of `backup`, and notes the stored bytes of each in `progress`."""

    def __init__(self, backup: Backup, progress: Progress) -> None:
        self._backup = backup
        self._progress = progress
        record = backup.manifest
        progress.plan(
            {f"{number:04d}": sum(file.size for file in record.of_member(f"{number:04d}")) for number in record.numbers}
        )

    def member(self, number: int, _note: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """Yield a member's plaintext, as Backup.member does."""
        shown = self._progress.member(f"{number:04d}")
        yield from self._backup.member(number, shown.note)
        shown.finish()

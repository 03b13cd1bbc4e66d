# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups that tell how far they are read, for whoever waits for a restore."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...drivers.components.base import Described, Stored
    from ...ground.progress import Progress


def tracked(chain: Sequence[Stored], progress: Progress) -> tuple[Tracked, ...]:
    """Return the same backups, which note the stored bytes that are read of them in `progress`."""
    together = len(chain) > 1
    return tuple(Tracked(backup, progress, f"{backup.manifest.backup_id}/" if together else "") for backup in chain)


def expect(chain: Sequence[Tracked], progress: Progress) -> None:
    """Let `progress` expect that all of the backups is read."""
    progress.plan({each.name(number): each.size(number) for each in chain for number in each.manifest.numbers})


class Tracked:
    """Hands on what is in `backup`. Notes its stored bytes, by names that begin with `prefix`, and what was `read`."""

    def __init__(self, backup: Stored, progress: Progress, prefix: str) -> None:
        self._backup = backup
        self._progress = progress
        self._prefix = prefix
        self.check_opens = backup.check_opens
        self.read: set[str] = set()

    @property
    def manifest(self) -> Described:
        """The backup's manifest."""
        return self._backup.manifest

    def name(self, number: int) -> str:
        """Return the name of a member that is shown."""
        return f"{self._prefix}{number:04d}"

    def size(self, number: int) -> int:
        """Return the stored bytes of a member."""
        return self._backup.manifest.stored_size(number)

    def member(self, number: int, _note: Callable[[int], None] | None = None, /) -> Iterator[bytes]:
        """Yield a member's plaintext, as the backup does."""
        shown = self._progress.member(self.name(number), self.size(number))
        yield from self._backup.member(number, shown.note)
        shown.finish()
        self.read.add(f"{number:04d}")

    def record(self, name: str, /) -> dict[str, t.Any]:
        """Return an encrypted record, as the backup does."""
        found = self._backup.record(name)
        self.read.add(name)
        return found

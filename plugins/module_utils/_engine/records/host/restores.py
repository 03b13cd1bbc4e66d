# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The host's own memory of the restores it made: one line of JSON each, in `<state_dir>/restores.jsonl`.

It lies beside the database and not in it: a restored database must be exactly the one that was backed up, its comment
and settings included. Its identity tells whether what is there now is still what a restore put there.
"""

from __future__ import annotations

import dataclasses

from ...ground.host_state import RESTORES
from ...ground.journal import Journal


@dataclasses.dataclass(frozen=True, slots=True)
class Restored:
    """
    A finished restore: into which target of which host, from what, when (ISO, UTC), how long, how large, and which one
    it replaced and kept. `identity` is what the server calls the target itself; `selection` names a part of a backup;
    `proved` is the proof that it was compared with, "none" where it was not, empty where that is not known.
    """

    host: str
    target: str
    identity: int
    component: str
    backup_id: str
    recovery_id: str
    finished: str
    seconds: float
    plain_size: int
    kept: str = ""
    kept_identity: int = 0
    selection: str = ""
    proved: str = ""


class History:
    """The restores of one host. Without a directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None) -> None:
        self._journal = Journal(state_dir, RESTORES, Restored)

    def add(self, restored: Restored) -> None:
        """Append durably. Raise StoreError when the disk refuses."""
        self._journal.add(
            restored,
            unwritten="The restore is complete, but cannot be recorded in",
            remedy="Free space or grant write access there; a rerun would restore again.",
        )

    def last(self, host: str, target: str, identity: int, selection: str = "") -> Restored | None:
        """Return the restore that made what is there now, or None when none did."""
        there = (host, target, identity, selection)
        found = [
            entry
            for entry in self._journal.read()
            if (entry.host, entry.target, entry.identity, entry.selection) == there
        ]
        return found[-1] if identity and found else None

    def kept(self) -> frozenset[tuple[int, str]]:
        """Return identity and name of each one that a restore replaced and kept, whether it is still there or not."""
        return frozenset((entry.kept_identity, entry.kept) for entry in self._journal.read() if entry.kept)

    def estimate(self, plain_size: int) -> float | None:
        """Return the seconds that so many bytes will take, at the rate of the last five restores here."""
        rates = sorted(entry.plain_size / entry.seconds for entry in self._whole()[-5:] if entry.seconds > 0)
        rate = rates[len(rates) // 2] if rates else 0
        return round(plain_size / rate, 1) if rate else None

    def _whole(self) -> list[Restored]:
        return [entry for entry in self._journal.read() if not entry.selection]

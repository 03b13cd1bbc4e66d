# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The host's own memory of the restores it made: one line of JSON each, in `<state_dir>/restores.jsonl`.

It lies beside the database and not in it: a restored database must be exactly the one that was backed up, its comment
and settings included. The database's oid tells whether what is there now is still what a restore put there.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from . import disk
from .errors import StoreError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "restores.jsonl"


@dataclasses.dataclass(frozen=True, slots=True)
class Restored:
    """A finished restore: into which database of which host, from what, when (ISO, UTC), how long, how large."""

    host: str
    target: str
    oid: int
    component: str
    backup_id: str
    recovery_id: str
    finished: str
    seconds: float
    plain_size: int
    kept: str = ""


class History:
    """The restores of one host. Without a directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None) -> None:
        usable = state_dir is not None and os.path.isdir(state_dir)
        self._path = os.path.join(state_dir or "", FILE) if usable else None

    def add(self, restored: Restored) -> None:
        """Append durably. Raise StoreError when the disk refuses."""
        if self._path is None:
            return
        line = json.dumps(dataclasses.asdict(restored), separators=(",", ":")) + "\n"
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, line.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as exc:
            raise StoreError(
                f"The restore is done, but its record cannot be written to {self._path}: {exc.strerror}.",
                "Make room or give the right to write there; a rerun would restore again.",
                path=self._path,
            ) from exc

    def last(self, host: str, target: str, oid: int) -> Restored | None:
        """Give the restore that made the database which is there now, or None when none did."""
        found = [entry for entry in self._read() if (entry.host, entry.target, entry.oid) == (host, target, oid)]
        return found[-1] if oid and found else None

    def estimate(self, plain_size: int) -> float | None:
        """Give the seconds that so many bytes will take, at the rate of the last five restores here."""
        rates = sorted(entry.plain_size / entry.seconds for entry in list(self._read())[-5:] if entry.seconds > 0)
        rate = rates[len(rates) // 2] if rates else 0
        return round(plain_size / rate, 1) if rate else None

    def _read(self) -> Iterator[Restored]:
        if self._path is None or not os.path.exists(self._path):
            return
        text = b"".join(disk.read_blocks(self._path)).decode("utf-8", "replace")
        for line in text.splitlines():
            # The last line may be half a line after a power cut.
            try:
                yield Restored(**json.loads(line))
            except (ValueError, TypeError):
                continue

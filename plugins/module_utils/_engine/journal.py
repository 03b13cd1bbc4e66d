# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a host remembers, as a file of one JSON object a line: appended durably, and read with a torn last line left out.
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

Entry = t.TypeVar("Entry")


class Journal(t.Generic[Entry]):
    """
    The entries, of one frozen dataclass, in `<state_dir>/<name>`.

    Without a directory nothing is kept and nothing is known; `path` is None then.
    """

    def __init__(self, state_dir: str | None, name: str, entry: type[Entry]) -> None:
        usable = state_dir is not None and os.path.isdir(state_dir)
        self.path = os.path.join(state_dir or "", name) if usable else None
        self._entry = entry

    def add(self, entry: t.Any, *, unwritten: str, remedy: str) -> None:
        """Append. Raise StoreError when the disk refuses: `unwritten` begins its cause."""
        if self.path is None:
            return
        line = json.dumps(dataclasses.asdict(entry), separators=(",", ":")) + "\n"
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, line.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as exc:
            raise StoreError(f"{unwritten} {self.path}: {exc.strerror}.", remedy, path=self.path) from exc

    def read(self) -> Iterator[Entry]:
        """Yield the entries, oldest first."""
        if self.path is None or not os.path.exists(self.path):
            return
        text = b"".join(disk.read_blocks(self.path)).decode("utf-8", "replace")
        for line in text.splitlines():
            # The last line may be half a line after a power cut; it is a memory, not the backup.
            try:
                yield self._entry(**json.loads(line))
            except (ValueError, TypeError):
                continue

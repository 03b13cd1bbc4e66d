# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which stored files this host has read again since they were written, in `<state_dir>/reread.jsonl`: one line for each
verification or restore test that read others, written by it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import posixpath
import typing as t

from ...ground import journal
from ...ground.errors import StoreError
from ...ground.host_state import REREAD
from . import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .manifest import Manifest

LARGEST = 16 << 20
"""Bytes of the file beyond which the oldest backups are forgotten; one of a thousand files takes 10 kB."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reread:
    """The files of each backup that were read, by its id: the last parts of their names. `store` is where they lie."""

    application: str
    files: dict[str, list[str]]
    store: str


class RereadFiles:
    """What one host has read of one store. Without a directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None, store: str) -> None:
        self._store = store
        self._journal = journal.BoundedJournal(state_dir, REREAD, Reread, largest=LARGEST, sound=_sound, keep=_newest)

    def add(self, application: str, names: Iterable[str]) -> None:
        """Remember that these objects were read. Where this user may not write, they count as not read."""
        known = self.of(application)
        read: dict[str, list[str]] = collections.defaultdict(list)
        for name in names:
            identity, last = repository.owner(application, name), posixpath.basename(name)
            if identity and last not in known.get(identity, ()):
                read[identity].append(last)
        if read:
            with contextlib.suppress(StoreError):
                entry = Reread(application, read, self._store)
                self._journal.add(entry, unwritten="Reads cannot be recorded in", remedy="Grant write access there.")

    def of(self, application: str) -> dict[str, set[str]]:
        """Return the last parts of the names of the files that were read, by backup id."""
        found: dict[str, set[str]] = collections.defaultdict(set)
        for entry in self._journal.read():
            if (entry.application, entry.store) == (application, self._store):
                for identity, read in entry.files.items():
                    found[identity].update(read)
        return found


def unread(backup: Manifest, read: dict[str, set[str]]) -> int:
    """Return how many files of a backup are not among those that were read."""
    names = read.get(backup.backup_id, set())
    return sum(posixpath.basename(file.name) not in names for file in backup.files)


def _newest(entries: Iterable[Reread]) -> Iterator[bytes]:
    """Yield a line for each backup, the oldest first, as many of the newest as half of the room holds."""
    merged: dict[tuple[str, str, str], set[str]] = collections.defaultdict(set)
    for entry in entries:
        for identity, read in entry.files.items():
            merged[identity, entry.application, entry.store].update(read)
    lines, room = [], LARGEST // 2
    for (identity, application, store), names in sorted(merged.items(), reverse=True):
        lines.append(journal.line(Reread(application, {identity: sorted(names)}, store)))
        room -= len(lines[-1])
        if room < 0:
            break
    yield from reversed(lines)


def _sound(entry: Reread) -> bool:
    """Whether a line that was read is what it has to be."""
    return isinstance(entry.files, dict) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in entry.files.values()
    )

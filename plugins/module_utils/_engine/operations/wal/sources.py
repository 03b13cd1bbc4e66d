# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where the files of a server's log come from: the store, and for what it lacks `pg_wal` of a server that was stopped.

What is stored whole counts, and nothing else of that name. Behind the last whole segment the log may go on: as far as
it was streamed, as a promoted server left it, or as the stopped one has it. The one with most of it is taken.
"""

from __future__ import annotations

import typing as t

from ...drivers.components.postgres import wal_files
from ...ground.errors import NotFound, Tampered
from ...records.wal import unfinished

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.components.postgres.timelines import Ancestor
    from ...drivers.components.postgres.wal_files import WalFile
    from ...records.wal import contents
    from ...records.wal.reading import WalReader
    from .old_wal import OldWal


class Sources:
    """
    Gives the files of one server's log. Safe to use from several threads.

    `gained` are the files that the stopped server gave, `unfinished_given` the segments that nobody stored whole, and
    `refused` says what could not be believed. `passed_over` are segments behind the end of the log: what has their name
    in the store is none of a trusted signer.
    """

    def __init__(self, reader: WalReader, old: OldWal | None = None) -> None:
        self.reader = reader
        self.gained: set[str] = set()
        self.refused: dict[str, None] = {}
        self.unfinished_given: set[str] = set()
        self.passed_over: frozenset[str] = frozenset()
        self._old = old

    @property
    def server(self) -> contents.Server:
        """Whose log it is."""
        return self.reader.server

    def read(self, file: WalFile) -> Iterator[bytes]:
        """Yield what a file holds, as WalReader does; NotFound where none of the sources has anything of it."""
        blocks = self.reader.read(file)
        try:
            first = next(blocks, b"")
        except (NotFound, Tampered) as exc:
            if isinstance(exc, Tampered) and not self._is_strange(file, exc):
                raise
            content = self._elsewhere(file)
            if content is None:
                raise NotFound(exc.cause, name=file.name) from exc
            self.unfinished_given.add(file.name)
            yield content
            return
        yield first
        yield from blocks

    def later(self, file: WalFile) -> str:
        """Return the name of something that is there of the same timeline after a segment; empty if nothing."""
        return self.reader.later(file) or (self._old.later(file) if self._old else "")

    def anything_of(self, timeline: int) -> str:
        """Return the name of some file that the store holds of a timeline; empty if there is none."""
        return self.reader.anything_of(timeline)

    def history(self, timeline: int) -> tuple[Ancestor, ...]:
        """Return on which timelines one is based, by the store's word."""
        return self.reader.history(timeline)

    @property
    def histories(self) -> dict[int, tuple[Ancestor, ...]]:
        """What the stopped server knows of timelines."""
        return self._old.histories if self._old else {}

    @property
    def old_segments(self) -> list[WalFile]:
        """What the stopped server has of the log."""
        return list(self._old.segments.values()) if self._old else []

    def unfinished(self, file: WalFile) -> bool:
        """Whether there is anything of a segment that is not stored whole."""
        return self._elsewhere(file, note=False) is not None

    def _elsewhere(self, file: WalFile, *, note: bool = True) -> bytes | None:
        if file.kind == wal_files.HISTORY:
            return self._old_content(file) if self._old else None
        if file.kind != wal_files.SEGMENT:
            return None
        found = None
        if not self.reader.later(file):
            found = unfinished.find(self.reader, file, self.refuse)
        own = self._old.segment(file) if self._old else None
        if own is not None and (found is None or own.written >= found.written):
            if note:
                self.gained.add(file.name)
            return own.content
        return found.content if found else None

    def refuse(self, cause: str) -> None:
        """Note what could not be believed."""
        self.refused[cause] = None

    def _is_strange(self, file: WalFile, refused: Tampered) -> bool:
        """Whether what has the name of a file may be passed over, as no trusted signer made anything of it."""
        if file.kind == wal_files.HISTORY and not self.reader.anything_of(file.timeline):
            self.refuse(f"{refused.cause} It was not used; find out who stored it.")
            return True
        return file.name in self.passed_over

    def _old_content(self, file: WalFile) -> bytes | None:
        content = self._old.history(file) if self._old else None
        if content is not None:
            self.gained.add(file.name)
        return content

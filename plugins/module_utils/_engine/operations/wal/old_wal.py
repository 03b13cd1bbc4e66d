# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The `pg_wal` of a server that was stopped: it may have what the store never got, the last moments among it.

It belongs to the server's user, who may have put anything there. So no link is followed but the one that initdb makes,
a file counts if it is that user's own and says of itself that it is this server's, and no more of it is read than a
segment has.
"""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ...drivers.components.postgres import wal_files
from ...ground import disk
from ...records.wal import contents, unfinished

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.components.postgres.timelines import Ancestor
    from ...drivers.components.postgres.wal_files import WalFile
    from ...records.wal.unfinished import Unfinished

MOST = 1 << 17
"""Names that are looked at: 2 TiB of segments."""


class OldWal:
    """What user `uid` has of a server's log in `directory`, as it was when this was made; `segments` by name."""

    def __init__(self, directory: str, server: contents.Server, uid: int) -> None:
        self._directory = directory
        self._server = server
        self._uid = uid
        self.segments: dict[str, WalFile] = {}
        self.histories: dict[int, tuple[Ancestor, ...]] = {}
        for name in self._names():
            with contextlib.suppress(ValueError):
                file = wal_files.parse(name)
                if file.kind == wal_files.HISTORY:
                    self._note_history(file)
                elif file.kind == wal_files.SEGMENT and self._is_own(file):
                    self.segments[name] = file

    def segment(self, file: WalFile) -> Unfinished | None:
        """Return a segment, as far as it was written; None where it is not there, or is not what its name says."""
        if file.name not in self.segments:
            return None
        content = self._read(file.name, self._server.segment_size)
        with contextlib.suppress(ValueError):
            if len(content) == self._server.segment_size:
                return unfinished.made(file, self._server, content)
        return None

    def history(self, file: WalFile) -> bytes | None:
        """Return what the history of a timeline holds; None where it is not there."""
        return self._read(file.name, contents.SMALL) if file.timeline in self.histories else None

    def later(self, file: WalFile) -> str:
        """Return the first segment of the same timeline after this one; empty where there is none."""
        return min(
            (name for name, one in self.segments.items() if one.timeline == file.timeline and name > file.name),
            default="",
        )

    def _names(self) -> list[str]:
        with contextlib.suppress(OSError), disk.closing(self._opened()) as handle:
            return sorted(os.listdir(handle))[:MOST]
        return []

    def _opened(self) -> int:
        """Open the directory. Raise OSError where it is not the user's own."""
        handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if os.fstat(handle).st_uid != self._uid:
            os.close(handle)
            raise PermissionError(self._directory)
        return handle

    def _read(self, name: str, limit: int) -> bytes:
        """Return up to `limit` bytes of a file; nothing where it is none of the user's own."""
        with contextlib.suppress(OSError), disk.closing(self._opened()) as directory:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with disk.closing(os.open(name, flags, dir_fd=directory)) as handle:
                found = os.fstat(handle)
                if stat.S_ISREG(found.st_mode) and found.st_uid == self._uid and found.st_nlink == 1:
                    return b"".join(_pieces(handle, limit))
        return b""

    def _is_own(self, file: WalFile) -> bool:
        """Whether a segment says that it is what it is called: PostgreSQL keeps old ones under names to come."""
        start = self._read(file.name, contents.HEADER_BYTES)
        return not contents.refusal(file, self._server, start, self._server.segment_size)

    def _note_history(self, file: WalFile) -> None:
        found = contents.ancestors(file, self._read(file.name, contents.SMALL))
        if found:
            self.histories[file.timeline] = found


def _pieces(handle: int, limit: int) -> Iterator[bytes]:
    while limit > 0 and (piece := os.read(handle, min(limit, 1 << 20))):
        limit -= len(piece)
        yield piece

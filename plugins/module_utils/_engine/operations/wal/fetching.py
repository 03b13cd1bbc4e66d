# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: one file of a server's write-ahead log out of the store, for a recovery.

PostgreSQL takes "not there" for the end of the log and promotes itself, and every status below 126 for "not there"
(access/transam/xlogarchive.c). So a file is absent only when the store says so and nothing can come after it; a hole,
an altered file and a store that does not answer are errors, by which the server stops.
"""

from __future__ import annotations

import os
import typing as t

from ...drivers.components.postgres import wal_files
from ...ground import disk
from ...ground.errors import NotFound, RecoveryError

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ...drivers.components.postgres.wal_files import WalFile
    from ...records.wal.contents import Server


class Log(t.Protocol):
    """What gives the files of one server's log: WalReader from the store alone, Sources from elsewhere too."""

    @property
    def server(self) -> Server: ...

    @property
    def unfinished_given(self) -> Collection[str]: ...

    def read(self, file: WalFile) -> Iterator[bytes]: ...

    def later(self, file: WalFile) -> str: ...

    def anything_of(self, timeline: int) -> str: ...


class Hole(RecoveryError):
    """A file of the log lacks in the store, and the log goes on after it: a recovery would end early there."""


def fetch(reader: Log, name: str, destination: str) -> bool:
    """
    Write a file to `destination`, whole or not at all. False where it is absent, and nothing of the log is after it.
    What root writes belongs to the owner of the directory.

    Raise Hole where something is, and what the store and the keys raise.
    """
    try:
        file = wal_files.parse(name)
    except ValueError as exc:
        raise RecoveryError(f"PostgreSQL asks for {name!r}, which is no file of its log.", "Report this.") from exc
    try:
        disk.write_atomically(destination, reader.read(file), mode=0o600, shared=True)
    except NotFound:
        if os.path.isdir(os.path.dirname(destination) or "."):
            require_absent(reader, file)
            return False
        raise
    return True


def require_absent(reader: Log, file: WalFile) -> None:
    """Raise Hole unless a file that the store does not hold can be the end of the log."""
    if file.kind == wal_files.HISTORY:
        if file.timeline == wal_files.FIRST:  # it is based on nothing, and PostgreSQL asks all the same
            return
        after = reader.anything_of(file.timeline)
        said = f"of timeline {file.timeline} the store holds {after}"
    else:
        after = reader.later(file)
        said = f"the store holds {after}, which is later"
    if after:
        raise Hole(
            f"{file.name} is not in the store, and {said}.",
            "A recovery would end there and lose what came later. If the server that wrote it still has it in pg_wal, "
            "archive it from there; else recover to a moment before it.",
            name=file.name,
            later=after,
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether a file of the write-ahead log holds what its name says: asked before it is stored, and before it is used.
"""

from __future__ import annotations

import typing as t

from ...drivers.components.postgres import timelines, wal_files, wal_header

if t.TYPE_CHECKING:
    from ...drivers.components.postgres.timelines import Ancestor
    from ...drivers.components.postgres.wal_files import WalFile

SMALL = 1 << 20
"""The bytes that a history or the record of a backup may have; real ones have a few hundred."""

HEADER_BYTES = 64
"""As much of a file as is looked at."""


class Server(t.NamedTuple):
    """Whose files they are: the system identifier, and the bytes of a segment."""

    system_identifier: str
    segment_size: int


def limit(file: WalFile, server: Server) -> int:
    """Return the most bytes that a file can have."""
    return server.segment_size if _has_pages(file) else SMALL


def refusal(file: WalFile, server: Server, start: bytes, size: int) -> str:
    """Say what is wrong with a file of `size` bytes that begins so; an empty text where nothing is."""
    if not _has_pages(file):
        return "" if 0 < size <= SMALL else f"has {size} bytes, where 1 to {SMALL} were expected"
    if size != server.segment_size:
        return f"has {size} bytes, where a segment of this server has {server.segment_size}"
    try:
        header = wal_header.read(start)
    except ValueError as exc:
        return str(exc)
    if header.system_identifier != server.system_identifier:
        return f"is of the server with system identifier {header.system_identifier}, not {server.system_identifier}"
    # The first segment of a timeline begins with a copy of its parent's, whose first page names the parent.
    number = file.name.removesuffix(f".{wal_files.PARTIAL}")[8:]
    if header.size != server.segment_size or header.name[8:] != number or header.timeline > file.timeline:
        return f"says that it is {header.name}, of {header.size} bytes"
    return ""


def ancestors(file: WalFile, content: bytes) -> tuple[Ancestor, ...]:
    """Return what a history says. Raise ValueError where it is none."""
    return timelines.parse(content.decode("utf-8", "replace"), file.timeline)


def _has_pages(file: WalFile) -> bool:
    return file.kind in {wal_files.SEGMENT, wal_files.PARTIAL}

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A segment that was never stored whole: as far as wal-stream had it, or as a server left it when it was promoted.

Behind what was written zeros follow, and PostgreSQL takes the first record that is none for the end of the log, be it
cut or not. So all that was committed up to there comes back.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import itertools
import typing as t

from ...drivers.components.postgres import wal_files, wal_header
from ...ground.errors import NotFound, Tampered
from ...ground.units import human_list
from . import contents
from .reading import LOOKED_AT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from ...drivers.components.postgres.wal_files import WalFile
    from ...drivers.stores.base import ObjectInfo
    from .archive import Archive
    from .names import StoredTail
    from .reading import WalReader

NAMED = 3
"""Tails that are named among those that cannot be believed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Unfinished:
    """The content of a segment, as long as a whole one; the first `written` bytes are pages that were written."""

    content: bytes
    written: int


def made(file: WalFile, server: contents.Server, start: bytes) -> Unfinished:
    """Return a segment that begins so. Raise ValueError where it is not what its name says."""
    content = start.ljust(server.segment_size, b"\0")
    if cause := contents.refusal(file, server, content[: contents.HEADER_BYTES], len(content)):
        raise ValueError(cause)
    return Unfinished(content, wal_header.written(content))


def find(reader: WalReader, file: WalFile, refuse: Callable[[str], None]) -> Unfinished | None:
    """
    Return what the store has of a segment that is not stored whole; None where it has nothing.

    What cannot be believed is not used, and `refuse` hears of it. Raise what the store and the keys raise.
    """
    found = [*_streamed(reader, file, refuse), *_left(reader, file, refuse)]
    return max(found, key=lambda one: one.written, default=None)


def behind(archive: Archive, signed: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """
    Yield, for each timeline of which a listing has more than whole segments, its number and that of the last segment
    that is `signed`; where none is, that of the first.
    """
    found: dict[int, list[tuple[int, str]]] = collections.defaultdict(list)
    named = [(tail.file, info.name) for tail, info in archive.tails]
    named += [
        (wal_files.parse(stored.file.name.removesuffix(".partial")), info.name)
        for stored, info in archive.others
        if stored.file.kind == wal_files.PARTIAL
    ]
    for file, name in named:
        with contextlib.suppress(ValueError):
            number, whole = file.number(archive.segment_size), archive.segments.get(file.timeline)
            if not whole or number > whole.last:
                found[file.timeline].append((number, name))
    for timeline, parts in sorted(found.items()):
        latest = sorted(parts, reverse=True)
        yield timeline, next((number for number, name in latest[:LOOKED_AT] if signed(name)), latest[-1][0])


def stored(archive: Archive, reader: WalReader, file: WalFile) -> tuple[datetime, int] | None:
    """
    Return when the store took the last of a segment that is not whole, and how many bytes of it are known by the name.

    None where none of it can be believed.
    """
    tails = ((info, tail) for tail, info in archive.tails if tail.file.name == file.name)
    streamed = ((info.modified, tail.length) for info, tail in _believed(reader, tails, lambda _cause: None))
    others = (info for one, info in archive.others if one.file.name == f"{file.name}.{wal_files.PARTIAL}")
    left = ((info.modified, 0) for info in itertools.islice(others, LOOKED_AT) if reader.signed(info.name))
    return max((*itertools.islice(streamed, 1), *left), default=None)


def _believed(
    reader: WalReader, tails: Iterable[tuple[ObjectInfo, StoredTail]], refuse: Callable[[str], None]
) -> Iterator[tuple[ObjectInfo, StoredTail]]:
    """Yield the tails of a segment that a trusted signer made, the longest first: the others are its beginning."""
    possible = (one for one in tails if one[1].length <= reader.server.segment_size)
    longest = sorted(possible, key=lambda one: one[1].length, reverse=True)
    place = next((place for place, (info, _tail) in enumerate(longest) if reader.counts(info)), len(longest))
    if place:
        strange = [info.name for info, _tail in longest[:place]]
        refuse(f"No trusted signer made {human_list(strange, NAMED)}. It was not used; find out who stored it.")
    yield from (one for one in longest[place:] if reader.counts(one[0]))


def _streamed(reader: WalReader, file: WalFile, refuse: Callable[[str], None]) -> Iterator[Unfinished]:
    """Yield the longest tail that can be believed: the others are its beginning."""
    for info, tail in _believed(reader, reader.tails(file.name), refuse):
        try:
            content = b"".join(reader.opened(info.name, reader.server.segment_size))
            if len(content) != tail.length:
                raise ValueError(f"has {len(content)} bytes")
            yield made(file, reader.server, content)
        except NotFound:  # what is newer has replaced it
            continue
        except (Tampered, ValueError) as exc:
            refuse(_refused(info.name, exc))
        else:
            return


def _left(reader: WalReader, file: WalFile, refuse: Callable[[str], None]) -> Iterator[Unfinished]:
    """Yield what servers left of a segment when they were promoted."""
    partial = wal_files.parse(f"{file.name}.{wal_files.PARTIAL}")
    for name in reader.objects(partial):
        try:
            yield made(file, reader.server, b"".join(reader.opened(name, reader.server.segment_size)))
        except NotFound:
            continue
        except (Tampered, ValueError) as exc:
            refuse(_refused(name, exc))


def _refused(name: str, error: Exception) -> str:
    cause = error.cause if isinstance(error, Tampered) else f"{name} {error}."
    return f"{cause} It was not used; find out who stored it."

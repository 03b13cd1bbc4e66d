# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a store holds of a server's write-ahead log, as its listing says: no key is needed, and no file is read.
"""

from __future__ import annotations

import typing as t

from ...drivers.components.postgres import wal_files
from ..repository import names as repository
from . import names
from .segments import Segments

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from ...drivers.components.base import WalRange
    from ...drivers.stores.base import ObjectInfo, Store
    from .lineage import Branch, Stretch


class Archive:
    """
    The log of one server, by timeline; `histories` and `partials` are the names of their objects.

    `others` are all objects but the segments, and `tails` what was streamed of the segment that the server was at.
    `newest` is when the store took the last object, `bytes` and `count` are of all of them.
    """

    def __init__(self, system_identifier: str, segment_size: int = wal_files.DEFAULT_SIZE) -> None:
        self.system_identifier = system_identifier
        self.segment_size = segment_size
        self.segments: dict[int, Segments] = {}
        self.histories: dict[int, list[str]] = {}
        self.partials: dict[int, list[str]] = {}
        self.others: list[tuple[names.StoredFile, ObjectInfo]] = []
        self.tails: list[tuple[names.StoredTail, ObjectInfo]] = []
        self.newest: datetime | None = None
        self.bytes = 0
        self.count = 0
        self.strange: list[str] = []
        # Segments that have a token or more objects than one: all other names can be told from their numbers.
        self._named: dict[tuple[int, int], list[str]] = {}

    def add(self, info: ObjectInfo, stored: names.StoredFile) -> None:
        """Note an object of it. One whose number its segment size does not allow is strange."""
        file = stored.file
        self._count(info)
        if file.kind != wal_files.SEGMENT:
            self.others.append((stored, info))
        if file.kind == wal_files.HISTORY:
            self.histories.setdefault(file.timeline, []).append(info.name)
        elif file.kind == wal_files.PARTIAL:
            self.partials.setdefault(file.timeline, []).append(info.name)
        elif file.kind == wal_files.SEGMENT:
            try:
                number = file.number(self.segment_size)
            except ValueError:
                self.strange.append(info.name)
                return
            self._note_name(file.timeline, number, info.name, stored)
            self.segments.setdefault(file.timeline, Segments()).add(number, info)

    def add_tail(self, info: ObjectInfo, stored: names.StoredTail) -> None:
        """Note what was streamed of a segment."""
        self._count(info)
        self.tails.append((stored, info))

    def admit(self, timeline: int, number: int, stored: float = 0.0, written: int = 0) -> None:
        """
        Let a segment count for what can be recovered, though no object holds it whole; `written` bytes of it are known.

        An archive in which one does is for judging and planning, and never for deleting.
        """
        self.segments.setdefault(timeline, Segments()).admit(number, stored, written)

    def drop_last(self, timeline: int) -> None:
        """Take out the last segment of a timeline, and the timeline with the last of its segments."""
        held = self.segments[timeline]
        self.count -= len(self._named.pop((timeline, held.last), [""]))
        self.bytes -= held.drop_last()
        if not held:
            del self.segments[timeline]

    def objects(self, application: str, timeline: int, first: int, last: int) -> Iterator[tuple[str, int]]:
        """Yield the objects that hold segments of a range, by number, each with the bytes that count for it."""
        for number, size, _stored in self.segments.get(timeline, Segments()).within(first, last):
            if (timeline, number) in self._named:
                one, *more = self._named[timeline, number]
                yield one, size
                yield from ((name, 0) for name in more)
            else:
                yield self._name(application, timeline, number), size

    def _count(self, info: ObjectInfo) -> None:
        self.bytes += info.size
        self.count += 1
        if self.newest is None or info.modified > self.newest:
            self.newest = info.modified

    def _note_name(self, timeline: int, number: int, name: str, stored: names.StoredFile) -> None:
        """Keep the names of a segment of which one has a token."""
        if (timeline, number) in self._named:
            self._named[timeline, number].append(name)
        elif stored.token:
            held = self.segments.get(timeline, Segments())
            usual = [self._name(name.partition("/")[0], timeline, number)] if held.count(number, number) else []
            self._named[timeline, number] = [*usual, name]

    def _name(self, application: str, timeline: int, number: int) -> str:
        file = wal_files.parse(wal_files.segment(timeline, number, self.segment_size))
        return names.name(application, self.system_identifier, file)

    @property
    def timelines(self) -> tuple[int, ...]:
        """The timelines of which there is anything, by number."""
        return tuple(sorted({*self.segments, *self.histories, *self.partials}))

    def gaps(self, branch: Branch, first: int, last: int) -> Iterator[Stretch]:
        """Yield what a recovery along a branch would lack between two segments, both included."""
        for stretch in branch.stretches(first, last, self.segment_size):
            held = self.segments.get(stretch.timeline, Segments())
            for begin, end in held.missing(stretch.first, stretch.last):
                yield stretch._replace(first=begin, last=end)

    def until(self, branch: Branch, first: int) -> int:
        """Return the last segment that a recovery along a branch reaches without a gap; below `first` where none."""
        reached = first - 1
        for stretch in branch.stretches(first, max(first, self.last(branch)), self.segment_size):
            held = self.segments.get(stretch.timeline, Segments())
            reached = min(held.until(stretch.first), stretch.last)
            if reached < stretch.last:
                break
        return reached

    def last(self, branch: Branch) -> int:
        """Return the last segment that is there of a branch, gaps or not; -1 where there is none."""
        found = -1
        for timeline in branch.timelines:
            if held := self.segments.get(timeline):
                last, left = held.last, branch.end(timeline)
                found = max(found, last if left is None else min(last, left // self.segment_size))
        return found


def collect(infos: Iterable[ObjectInfo], application: str, sizes: t.Mapping[str, int]) -> dict[str, Archive]:
    """Return the archives in a listing, by system identifier. `sizes` are the bytes of a segment, where not 16 MiB."""
    found: dict[str, Archive] = {}
    for info in infos:
        stored = names.parse(application, info.name) or names.parse_tail(application, info.name)
        if stored is None:
            continue
        identifier = stored.system_identifier
        if identifier not in found:
            found[identifier] = Archive(identifier, sizes.get(identifier, wal_files.DEFAULT_SIZE))
        if isinstance(stored, names.StoredTail):
            found[identifier].add_tail(info, stored)
        else:
            found[identifier].add(info, stored)
    return found


def listed(
    store: Store, application: str, sizes: t.Mapping[str, int], system_identifier: str = ""
) -> dict[str, Archive]:
    """Return the archives of an application, or the one of a server, as the store lists them."""
    return collect(store.list(repository.wal(application, system_identifier)), application, sizes)


def lacking(store: Store, application: str, wal: WalRange) -> tuple[str, ...]:
    """Return the names of the segments of a range that the store does not list."""
    files = [wal_files.parse(wal_files.segment(wal.timeline, number, wal.segment_size)) for number in wal.segments]
    directories = dict.fromkeys(names.directory(application, wal.system_identifier, file) for file in files)
    listed = (names.parse(application, info.name) for directory in directories for info in store.list(directory))
    held = {one.file.name for one in listed if one}
    return tuple(file.name for file in files if file.name not in held)

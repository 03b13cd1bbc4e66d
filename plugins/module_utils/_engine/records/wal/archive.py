# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a store holds of a server's write-ahead log, as its listing says: no key is needed, and no file is read.

A year of a busy server is half a million segments: they are kept as runs of numbers that follow one another.
"""

from __future__ import annotations

import array
import bisect
import typing as t
from datetime import UTC, datetime

from ...drivers.components.postgres import wal_files
from ..repository import names as repository
from . import names

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...drivers.components.base import WalRange
    from ...drivers.stores.base import ObjectInfo, Store
    from .lineage import Branch, Stretch


class Segments:
    """The whole segments of one timeline. Add them in the order of their numbers, as a listing has them."""

    def __init__(self) -> None:
        self._numbers = array.array("Q")
        self._stored = array.array("d")
        self._sizes = array.array("Q")
        self.bytes = 0

    def add(self, number: int, info: ObjectInfo) -> None:
        """Note a segment. What has a token beside a file of the usual name is the same segment, and counts once."""
        self.bytes += info.size
        if self._numbers and self._numbers[-1] >= number:
            if self._numbers[-1] == number:
                self._sizes[-1] += info.size
                self._stored[-1] = max(self._stored[-1], info.modified.timestamp())
            return
        self._numbers.append(number)
        self._stored.append(info.modified.timestamp())
        self._sizes.append(info.size)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def first(self) -> int:
        return self._numbers[0]

    @property
    def last(self) -> int:
        return self._numbers[-1]

    def stored(self, number: int) -> datetime | None:
        """Return when a segment was stored, by the store's own time; None where there is none."""
        place = bisect.bisect_left(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] != number:
            return None
        return datetime.fromtimestamp(self._stored[place], UTC)

    def within(self, first: int, last: int) -> Iterator[tuple[int, int, float]]:
        """Yield number, bytes, and when it was stored, in seconds since 1970, of what is there of a range."""
        for place in range(bisect.bisect_left(self._numbers, first), bisect.bisect_right(self._numbers, last)):
            yield self._numbers[place], self._sizes[place], self._stored[place]

    def count(self, first: int, last: int) -> int:
        """Return how many segments of a range are there."""
        return max(0, bisect.bisect_right(self._numbers, last) - bisect.bisect_left(self._numbers, first))

    def size(self, first: int, last: int) -> int:
        """Return the bytes that a range has in the store."""
        begin, end = bisect.bisect_left(self._numbers, first), bisect.bisect_right(self._numbers, last)
        return sum(self._sizes[place] for place in range(begin, end))

    def until(self, first: int) -> int:
        """Return the last segment of those that follow one another from `first`; the one before it where it lacks."""
        place = bisect.bisect_left(self._numbers, first)
        low, high = place, len(self._numbers)
        while low < high:  # numbers ascend, so that as many follow without a gap as have grown by one each
            middle = (low + high) // 2
            if self._numbers[middle] - first == middle - place:
                low = middle + 1
            else:
                high = middle
        return first + (low - place) - 1

    def missing(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges that lack between `first` and `last`, all of them included."""
        number = first
        while number <= last:
            number = self.until(number) + 1
            if number > last:
                return
            place = bisect.bisect_left(self._numbers, number)
            following = self._numbers[place] if place < len(self._numbers) else last + 1
            yield number, min(following - 1, last)
            number = following


class Archive:
    """
    The log of one server, by timeline; `histories` and `partials` are the names of their objects.

    `others` are all objects but the segments, and `tails` what was streamed of the segment that the server was at.
    `newest` is when the store took the last object.
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
            if timeline in self.segments:
                last, left = self.segments[timeline].last, branch.end(timeline)
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

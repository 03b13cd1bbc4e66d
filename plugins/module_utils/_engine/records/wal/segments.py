# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The segments of a timeline that a store holds, with sizes and times, as runs of numbers that follow one another: a year
of a busy server is half a million.
"""

from __future__ import annotations

import array
import bisect
import math
import typing as t
from datetime import UTC, datetime

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.stores.base import ObjectInfo


class Forgotten(LookupError):
    """The time of a segment was asked of which a host has remembered no more than that it is there."""


class Run(t.NamedTuple):
    """Segments that follow one another, the last one included: their bytes, and when the first and last were stored."""

    first: int
    last: int
    began: float
    ended: float
    bytes: int


class Segments:
    """The whole segments of one timeline. Add them in the order of their numbers, as a listing has them."""

    def __init__(self) -> None:
        self._numbers = array.array("Q")
        self._stored = array.array("d")
        self._sizes = array.array("Q")
        self._asked: set[int] = set()
        self._admitted: dict[int, int] = {}
        self._remembered: set[int] = set()
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

    def admit(self, number: int, stored: float = 0.0, written: int = 0) -> None:
        """
        Note a segment that no object holds whole, and that a recovery gets all the same: so many bytes of it at least.
        """
        place = bisect.bisect_left(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] != number:
            self._numbers.insert(place, number)
            self._stored.insert(place, stored)
            self._sizes.insert(place, 0)
            self._admitted[number] = written

    def drop_last(self) -> int:
        """Take out the last segment, and return its bytes. Raise Forgotten where it is remembered with others."""
        if self._numbers[-1] in self._remembered:
            raise Forgotten(self._numbers[-1])
        self._numbers.pop()
        self._stored.pop()
        size = self._sizes.pop()
        self.bytes -= size
        return size

    def backwards(self) -> Iterator[int]:
        """Yield the numbers, the last one first."""
        return reversed(self._numbers)

    def add_run(self, run: Run) -> None:
        """Note what is remembered of a listing. The times of those between first and last are not."""
        count = run.last - run.first + 1
        self.bytes += run.bytes
        self._numbers.extend(range(run.first, run.last + 1))
        self._stored.extend([math.nan] * count)
        self._sizes.extend([0] * count)
        self._stored[-count], self._stored[-1], self._sizes[-1] = run.began, run.ended, run.bytes
        self._remembered.add(run.last)

    def runs(self, *, remembered: bool = False) -> Iterator[Run]:
        """
        Yield its runs. Each segment whose time was asked for ends one, so that its time is remembered too; each end of
        a run that was `remembered` does if that is wanted.
        """
        known = self._asked | self._remembered if remembered else self._asked
        ends = sorted(known | {number - 1 for number in self._admitted})
        place = 0
        while place < len(self._numbers):
            first = self._numbers[place]
            if first in self._admitted:  # for a judgement, and not for the memory
                place += 1
                continue
            cut = bisect.bisect_left(ends, first)
            last = min([self.until(first), *ends[cut : cut + 1]])
            began, ended = self._time(place), self._time(place + last - first)
            yield Run(first, last, began, ended, self.size(first, last))
            place += last - first + 1

    def _time(self, place: int) -> float:
        if math.isnan(self._stored[place]):
            raise Forgotten(self._numbers[place])
        return self._stored[place]

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def first(self) -> int:
        return self._numbers[0]

    @property
    def last(self) -> int:
        return self._numbers[-1]

    def stored(self, number: int) -> datetime | None:
        """
        Return when a segment was stored, by the store's own time; None where there is none.

        Raise Forgotten where it is in the midst of what was remembered.
        """
        place = bisect.bisect_left(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] != number:
            return None
        self._asked.add(number)
        return datetime.fromtimestamp(self._time(place), UTC)

    def end(self, number: int, size: int) -> int:
        """Return the position up to which a segment is there."""
        return number * size + self._admitted.get(number, size)

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

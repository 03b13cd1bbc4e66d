# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Timelines as a tree, and the segments that a recovery along one of its branches reads.

A server that is promoted leaves its timeline and begins another one, whose history names all that it is based on. Where
the switch is in the middle of a segment, that segment exists on both: a recovery towards the later timeline reads the
later one, which begins with a copy of what came before (PostgreSQL, access/transam/xlogrecovery.c).
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres import timelines, wal_files

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...drivers.components.postgres.timelines import Ancestor


class Stretch(t.NamedTuple):
    """Segments that follow one another on one timeline, by their numbers; the last one included."""

    timeline: int
    first: int
    last: int


@dataclasses.dataclass(frozen=True, slots=True)
class Branch:
    """A timeline with all that it is based on, the oldest first."""

    timeline: int
    ancestors: tuple[Ancestor, ...] = ()

    @property
    def timelines(self) -> tuple[int, ...]:
        """All timelines of the branch, the oldest first."""
        return (*(one.timeline for one in self.ancestors), self.timeline)

    def begin(self, timeline: int) -> int:
        """Return the position at which a timeline of the branch begins; the first one begins at 0."""
        begin = 0
        for one in self.ancestors:
            if one.timeline == timeline:
                return begin
            begin = one.end
        return begin

    def end(self, timeline: int) -> int | None:
        """
        Return the position at which the branch leaves a timeline of it; None for its own, which goes on.

        A recovery towards a timeline may have ended before that one began: what it left counts, not what it passed.
        """
        place = self.timelines.index(timeline)
        return min((one.end for one in self.ancestors[place:]), default=None)

    def holds(self, timeline: int, position: int) -> bool:
        """Whether a position that was written on a timeline belongs to the branch."""
        if timeline not in self.timelines:
            return False
        end = self.end(timeline)
        return end is None or position <= end

    def timeline_of(self, number: int, size: int) -> int:
        """Return the timeline whose segment of this number a recovery along the branch reads."""
        begun = (one for one in self.timelines if self.begin(one) // size <= number)
        return max(begun, default=self.timelines[0])

    def segment(self, number: int, size: int) -> str:
        """Return the name of the segment of this number that a recovery along the branch reads."""
        return wal_files.segment(self.timeline_of(number, size), number, size)

    def stretches(self, first: int, last: int, size: int) -> Iterator[Stretch]:
        """Yield what a recovery reads from segment `first` to segment `last`, both included."""
        number = first
        while number <= last:
            timeline = self.timeline_of(number, size)
            following = (self.begin(one) // size for one in self.timelines if one > timeline)
            until = min((begin - 1 for begin in following if begin > number), default=last)
            yield Stretch(timeline, number, min(until, last))
            number = until + 1


class Tree:
    """The timelines of one server, each with its ancestors, by the histories that are at hand."""

    def __init__(self, histories: Mapping[int, tuple[Ancestor, ...]]) -> None:
        for timeline, ancestors in histories.items():
            timelines.check(ancestors, timeline)
        self._histories = dict(histories)

    def branch(self, timeline: int) -> Branch:
        """Return the branch of a timeline. Raise KeyError where its history is not at hand; the first has none."""
        return Branch(timeline, self._histories[timeline] if timeline > wal_files.FIRST else ())

    def children(self, timeline: int) -> tuple[int, ...]:
        """Return the timelines that began directly on this one, by number."""
        return tuple(
            sorted(
                one for one, ancestors in self._histories.items() if ancestors and ancestors[-1].timeline == timeline
            )
        )

    def through(self, timeline: int, position: int) -> tuple[Branch, ...]:
        """Return all branches to which a position on a timeline belongs, by number."""
        branches = (self.branch(one) for one in sorted({wal_files.FIRST, *self._histories}))
        return tuple(branch for branch in branches if branch.holds(timeline, position))

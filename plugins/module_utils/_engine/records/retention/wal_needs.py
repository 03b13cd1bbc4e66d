# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What base backups need of their server's write-ahead log, and what a recovery from them to any time within `keep_wal`
reads, on every branch of the server's timelines.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .planner import CLOCKS

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from ..wal.archive import Archive
    from ..wal.lineage import Branch, Stretch, Tree
    from .calendar import Age

END = 1 << 64
"""A number that no segment has."""


@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    """
    A base backup: of which server's log it needs what is between which positions.

    One that is not `sound` is incomplete or has a time that cannot be right; `in_use` is one that somebody reads;
    `included` is one that contains itself what it needs.
    """

    backup_id: str
    started: datetime.datetime
    finished: datetime.datetime
    system_identifier: str
    timeline: int
    start: int
    stop: int
    sound: bool = True
    in_use: bool = False
    included: bool = False

    def first(self, size: int) -> int:
        """Return the number of the first segment that it needs."""
        return self.start // size

    def last(self, size: int) -> int:
        """Return the number of the last one; a position is where the next byte would be."""
        return max(self.start, self.stop - 1) // size


class _Needed(t.NamedTuple):
    """Segments of a timeline that stay. Of several reasons the one with the lowest rank is told."""

    first: int
    last: int
    rank: int
    reason: str


class Needs:
    """What stays of one server's log because of its bases, and what is missing of it."""

    def __init__(  # noqa: PLR0917
        self,
        archive: Archive,
        branches: Sequence[Branch],
        bases: Sequence[Base],
        keep_wal: Age,
        now: datetime.datetime,
        zone: datetime.tzinfo,
    ) -> None:
        self.gaps: set[Stretch] = set()
        self.cutoff = keep_wal.before(now, zone)
        self._archive = archive
        self._size = archive.segment_size
        self._branches = branches
        self._bases = bases
        self._kept = keep_wal.text
        self._needed: dict[int, list[_Needed]] = {}
        sound = [one for one in bases if one.sound and one.finished <= now + CLOCKS]
        self._newest = max(sound, key=lambda one: (one.finished, one.backup_id), default=None)
        if bases:
            self._for_bases()
            self._for_recovery()
            self._for_newest()

    def why(self, timeline: int, number: int) -> str:
        """Say why a segment is needed; nothing where it is not."""
        fitting = (one for one in self._needed.get(timeline, ()) if one.first <= number <= one.last)
        best = min(fitting, default=None, key=lambda one: (one.rank, one.reason))
        return best.reason if best else ""

    def why_young(self, stored: float) -> str:
        """Say why what was stored then stays, by the store's time in seconds since 1970, which is never too early."""
        if self.cutoff is not None and stored >= self.cutoff.timestamp():
            return f"stored within {self._kept}"
        if self._newest is not None and stored >= self._newest.started.timestamp():
            return f"stored after {self._newest.backup_id} began"
        return ""

    def cuts(self, timeline: int) -> set[int]:
        """Return the numbers at which there may be another reason than for the segment before."""
        return {cut for one in self._needed.get(timeline, ()) for cut in (one.first, one.last + 1)}

    def _for_bases(self) -> None:
        """Keep what each base needs to be consistent, on whichever branch it is recovered."""
        for base in self._bases:
            for branch in self._branches:
                if branch.holds(base.timeline, base.start):
                    stop = base.stop // self._size
                    self._need(branch, base.first(self._size), stop, 2, f"needed by {base.backup_id}")
                if branch.timeline == base.timeline and not base.included:
                    lacking = self._archive.gaps(branch, base.first(self._size), base.last(self._size))
                    self.gaps.update(lacking)

    def _for_recovery(self) -> None:
        """Keep what leads to the end of each branch from the bases with which a recovery within `keep_wal` begins."""
        for branch in self._branches:
            there = [one for one in self._bases if branch.holds(one.timeline, one.stop)]
            if not there:
                continue
            begin = self._begin(there, branch)
            first = begin.first(self._size)
            self._need(branch, first, END, 0, f"keep_wal {self._kept}, from {begin.backup_id}")
            if branch.timeline in self._archive.segments:
                self.gaps.update(self._archive.gaps(branch, first, self._archive.last(branch)))

    def _begin(self, there: Sequence[Base], branch: Branch) -> Base:
        """
        Return the base of a branch from which on all is kept: the newest one before `keep_wal`, or one that began
        earlier and is read or ended later.
        """
        before = [one for one in there if self.cutoff is not None and one.finished <= self.cutoff]
        ready = [one for one in before if one.sound and not self._lacks(one, branch)]
        if not ready:
            return min(there, key=lambda one: one.start)
        newest = max(ready, key=lambda one: (one.finished, -one.start))
        since = [one for one in there if one.in_use or one not in before]
        return min([newest, *since], key=lambda one: one.start)

    def _lacks(self, base: Base, branch: Branch) -> bool:
        """Whether a recovery along a branch cannot begin with a base, because something of its log is missing."""
        lacking = self._archive.gaps(branch, base.first(self._size), base.last(self._size))
        return next(lacking, None) is not None

    def _for_newest(self) -> None:
        """Keep what is newer than the newest base on every timeline, also on one of which there is no base yet."""
        begin = self._newest or min(self._bases, key=lambda one: one.start)
        needed = _Needed(begin.first(self._size), END, 1, f"newer than {begin.backup_id}")
        for timeline in (one.timeline for one in self._branches):
            self._needed.setdefault(timeline, []).append(needed)

    def _need(self, branch: Branch, first: int, last: int, rank: int, reason: str) -> None:
        """
        Keep a range on a branch. Of a timeline that it leaves, the segment in which it does is kept too: a server reads
        that one where the later timeline's is missing.
        """
        for timeline in branch.timelines:
            left = branch.end(timeline)
            begin = max(first, branch.begin(timeline) // self._size)
            end = last if left is None else min(last, left // self._size)
            if begin <= end:
                self._needed.setdefault(timeline, []).append(_Needed(begin, end, rank, reason))


def branches(archive: Archive, tree: Tree | None, bases: Sequence[Base]) -> tuple[Branch, ...]:
    """Return the branch of each timeline of which there is anything; none at all where one has no known history."""
    timelines = {
        *archive.timelines,
        *(one.timeline for one in bases),
        *(tail.file.timeline for tail, _info in archive.tails),
    }
    try:
        return tuple(tree.branch(one) for one in sorted(timelines)) if tree is not None else ()
    except KeyError:
        return ()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a stored log is good for: from which moments to which it recovers, where it lacks files, and whether two servers
wrote it. All of that is in the listing of the store, and in the signed heads of histories; no key is needed.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres import wal_files

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from .archive import Archive
    from .bases import Base
    from .lineage import Branch, Stretch, Tree


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """
    The moments to which a backup recovers along a timeline: from `since` to `until`, when its last segment was stored.

    `until` is None where a segment lacks that the backup itself needs. `gap` is the first that lacks, if any does.
    """

    base: Base
    timeline: int
    since: datetime
    until: datetime | None
    gap: Stretch | None


class Reach(t.NamedTuple):
    """How far a recovery comes: before which position all is stored, and when the last of that was."""

    position: int
    stored: datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Forked:
    """A timeline that went on after another one had left it: two servers took writes, and each has some of them."""

    timeline: int
    child: int
    last: int
    stored: datetime


class Judge:
    """Judges one server's log."""

    def __init__(self, archive: Archive, tree: Tree, bases: Sequence[Base]) -> None:
        self._archive = archive
        self._tree = tree
        self._size = archive.segment_size
        self._bases = sorted(bases, key=lambda base: base.finished)

    @property
    def _timelines(self) -> list[int]:
        return sorted({*self._archive.timelines, *(base.timeline for base in self._bases)})

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The branches that are known; `unknown` has the rest."""
        return tuple(self._tree.branch(one) for one in self._timelines if one not in self.unknown)

    @property
    def unknown(self) -> tuple[int, ...]:
        """The timelines without a history: nothing recovers to them, unless their backup began on them."""
        found = []
        for timeline in self._timelines:
            try:
                self._tree.branch(timeline)
            except KeyError:
                found.append(timeline)
        return tuple(found)

    def windows(self) -> Iterator[Window]:
        """Yield the window of each backup along each branch through it, by backup and timeline."""
        for base in self._bases:
            for branch in self.branches:
                if branch.holds(base.timeline, base.stop):
                    yield self._window(base, branch)

    @property
    def newest(self) -> int:
        """The newest timeline to which anything recovers."""
        return max((window.timeline for window in self.windows() if window.until), default=wal_files.FIRST)

    def reach(self, timeline: int) -> Reach | None:
        """Return how far the newest backup that is whole recovers along a timeline; None where none does."""
        branch = next((one for one in self.branches if one.timeline == timeline), None)
        for base in reversed(self._bases if branch else ()):
            window = self._window(base, branch) if branch and branch.holds(base.timeline, base.stop) else None
            if branch and window and window.until:
                last = self._archive.until(branch, base.needed_from(self._size))
                held = self._archive.segments.get(branch.timeline_of(last, self._size))
                return Reach(max(base.stop, held.end(last, self._size) if held else 0), window.until)
        return None

    def gaps(self) -> list[Stretch]:
        """Return what lacks on the way from the oldest backup to the end of each branch, each stretch once."""
        found: dict[Stretch, None] = {}
        for branch in self.branches:
            usable = [base for base in self._bases if branch.holds(base.timeline, base.stop)]
            if usable:
                first = min(base.needed_from(self._size) for base in usable)
                found |= dict.fromkeys(self._archive.gaps(branch, first, self._archive.last(branch)))
        return list(found)

    def forked(self) -> Iterator[Forked]:
        """Yield the timelines that were written after another one had begun on them."""
        for branch in self.branches:
            if not branch.ancestors:
                continue
            parent, end = branch.ancestors[-1]
            held, own = self._archive.segments.get(parent), self._archive.segments.get(branch.timeline)
            if not held or not own:
                continue
            last, began = held.last, own.stored(own.first)
            stored = held.stored(last)
            if last > end // self._size and stored and began and stored > began:
                yield Forked(parent, branch.timeline, last, stored)

    def _window(self, base: Base, branch: Branch) -> Window:
        first, needed = base.needed_from(self._size), base.last(self._size)
        last = self._archive.until(branch, first)
        gap = next(self._archive.gaps(branch, first, max(self._archive.last(branch), needed)), None)
        until = base.finished if base.included else None
        if last >= max(first, needed):
            until = self._archive.segments[branch.timeline_of(last, self._size)].stored(last)
        return Window(base, branch.timeline, base.finished, until, gap)


def named(stretch: Stretch, size: int) -> dict[str, t.Any]:
    """Return a stretch by the names of its segments, for machines."""
    return {
        "timeline": stretch.timeline,
        "first": wal_files.segment(stretch.timeline, stretch.first, size),
        "last": wal_files.segment(stretch.timeline, stretch.last, size),
        "segments": stretch.last - stretch.first + 1,
    }

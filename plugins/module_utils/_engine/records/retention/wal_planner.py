# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Retention of the write-ahead log, as a pure function, once it is decided which base backups stay.

Of a server's log stays (1) what each base needs to be consistent, (2) all that leads from the newest base that is older
than `keep_wal`, and from those after it, to the end of every branch, (3) every history while there is a base, (4) what
is newer than the newest base, by its number or by when it was stored, and what was stored within `keep_wal`, and (5)
everything where none of that can be told, or where more than the policy's share would go.

One run may always remove what lies between two bases: with a base a week and a log of two, that is more than the usual
share. Gaps are told, and nothing is removed because of them.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

from ...drivers.components.postgres import wal_files
from .wal_needs import Base, Needs, branches

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..wal.archive import Archive
    from ..wal.lineage import Stretch, Tree
    from .calendar import Age

KEEP_WAL = "14d"
"""How far back a recovery to any time is possible, where nobody says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What to keep. `max_delete_share` is the most percent of a server's log that goes at once, unless by `force`."""

    keep_wal: Age
    max_delete_share: int
    zone: datetime.tzinfo = datetime.UTC
    force: bool = False


class Range(t.NamedTuple):
    """The segments of one timeline between two numbers, both included, and why they stay or go."""

    timeline: int
    first: int
    last: int
    segments: int
    size: int
    goes: bool
    reason: str


class Single(t.NamedTuple):
    """A history, a label, a partial segment or a tail, and why it stays or goes."""

    name: str
    size: int
    goes: bool
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class ServerPlan:
    """
    What becomes of one server's log. `refused` says why all of it stays whatever the bases need: it is `limited` where
    the share does that, and `unsure` where it cannot be told what they need.
    """

    archive: Archive
    ranges: tuple[Range, ...]
    singles: tuple[Single, ...]
    gaps: tuple[Stretch, ...]
    refused: str = ""
    limited: bool = False
    unsure: bool = False

    @property
    def going(self) -> tuple[Range | Single, ...]:
        """What goes."""
        ranges = (one for one in self.ranges if one.goes)
        return (*ranges, *(one for one in self.singles if one.goes))

    def objects(self, application: str) -> Iterator[tuple[str, int]]:
        """Yield all objects that go, with their bytes: segments first, the oldest first, and histories last."""
        for one in self.going:
            if isinstance(one, Range):
                yield from self.archive.objects(application, one.timeline, one.first, one.last)
            else:
                yield one.name, one.size


def plan(  # noqa: PLR0917
    archives: Mapping[str, Archive],
    trees: Mapping[str, Tree],
    bases: Iterable[Base],
    gone: Iterable[Base],
    rules: Rules,
    now: datetime.datetime,
    *,
    refused: str = "",
) -> tuple[ServerPlan, ...]:
    """
    Decide on the log of each server. `bases` are those that stay, `gone` those that this run lets go.

    `trees` lacks a server whose histories cannot all be believed; `refused` says why nothing may go at all.
    """
    stay, went = list(bases), list(gone)
    found = []
    for identifier, archive in sorted(archives.items()):
        own = [one for one in stay if one.system_identifier == identifier]
        lost = [one for one in went if one.system_identifier == identifier]
        server = _Server(archive, trees.get(identifier), own, lost, rules, now)
        found.append(server.planned(refused, alone=not stay))
    return tuple(found)


class _Server:
    """The log of one server, and what it is needed for."""

    def __init__(  # noqa: PLR0917
        self,
        archive: Archive,
        tree: Tree | None,
        bases: Sequence[Base],
        gone: Sequence[Base],
        rules: Rules,
        now: datetime.datetime,
    ) -> None:
        self._archive = archive
        self._bases = bases
        self._gone = gone
        self._rules = rules
        self._branches = branches(archive, tree, bases)
        self._needs = Needs(archive, self._branches, bases, rules.keep_wal, now, rules.zone)

    def planned(self, refused: str, *, alone: bool) -> ServerPlan:
        """Return the plan; with `refused` everything stays, and where it is `alone`, without any base at all."""
        unsure = bool(refused) or (bool(self._bases) and not self._branches)
        refused = refused or self._kept() or ("no base backup exists" if alone else "")
        made = dataclasses.replace(self._decided(refused), unsure=unsure)
        if not refused and not self._rules.force and (much := self._too_much(made)):
            return dataclasses.replace(self._decided(much), limited=True)
        return made

    def _kept(self) -> str:
        """Say why all of it stays, although the listings are whole; nothing where something may go."""
        kept, cutoff = self._rules.keep_wal.text, self._needs.cutoff
        if cutoff is None:
            return f"keep_wal {kept}"
        if self._bases:
            return "" if self._branches else "a timeline has no history that can be believed"
        if self._gone:
            return "the last base backup of its server goes in this run"
        if self._archive.newest is not None and self._archive.newest >= cutoff:
            return f"its server has no base backup, and archived within {kept}"
        return ""

    def _decided(self, refused: str) -> ServerPlan:
        segments = self._archive.segments
        ranges = [one for timeline in sorted(segments) for one in self._ranges(timeline, refused)]
        ranges.sort(key=lambda one: (next(segments[one.timeline].within(one.first, one.last))[2], one[:2]))
        return ServerPlan(
            self._archive,
            tuple(ranges),
            tuple(sorted(self._singles(refused), key=lambda one: (".history." in one.name, one.name))),
            tuple(sorted(self._needs.gaps)),
            refused,
        )

    def _ranges(self, timeline: int, refused: str) -> Iterator[Range]:
        """Yield the segments of a timeline, those together that follow one another and have one reason."""
        held = self._archive.segments[timeline]
        pieces = self._pieces(timeline, refused)
        for (goes, reason), group in itertools.groupby(pieces, lambda piece: piece[2:]):
            parts = list(group)
            first, last = parts[0][0], parts[-1][1]
            yield Range(timeline, first, last, held.count(first, last), held.size(first, last), goes, reason)

    def _pieces(self, timeline: int, refused: str) -> Iterator[tuple[int, int, bool, str]]:
        """Yield first and last of what has one reason, whether it goes, and the reason."""
        held = self._archive.segments[timeline]
        if refused:
            yield held.first, held.last, False, refused
            return
        cuts = sorted(cut for cut in self._needs.cuts(timeline) if held.first < cut <= held.last)
        for begin, following in itertools.pairwise([held.first, *cuts, held.last + 1]):
            if not held.count(begin, following - 1):
                continue
            if why := self._needs.why(timeline, begin):
                yield begin, following - 1, False, why
                continue
            there = held.within(begin, following - 1)
            for young, group in itertools.groupby(there, lambda one: self._needs.why_young(one[2])):
                numbers = [number for number, _size, _stored in group]
                yield numbers[0], numbers[-1], not young, young or self._unneeded

    @property
    def _unneeded(self) -> str:
        kept = self._rules.keep_wal.text
        return f"older than {kept}, and no base backup needs it" if self._bases else "its server has no base backup"

    def _singles(self, refused: str) -> Iterator[Single]:
        """Yield what is no whole segment. A label or a partial segment stays as long as the segment of its number."""
        for stored, info in self._archive.others:
            if stored.file.kind == wal_files.HISTORY:
                why = "its server has base backups" if self._bases else ""
            else:
                why = self._why(stored.file, info.modified)
            yield Single(info.name, info.size, not (refused or why), refused or why or self._unneeded)
        for tail, info in self._archive.tails:
            why = self._why(tail.file, info.modified, tail=True)
            yield Single(info.name, info.size, not (refused or why), refused or why or self._unneeded)
        for name in self._archive.strange:
            yield Single(name, 0, False, f"no segment of {self._archive.segment_size} bytes has this name")

    def _why(self, file: wal_files.WalFile, stored: datetime.datetime, *, tail: bool = False) -> str:
        """Say why what belongs to a segment stays. A tail is needed until the whole segment is there."""
        try:
            number = file.number(self._archive.segment_size)
        except ValueError:
            return f"no segment of {self._archive.segment_size} bytes has this name"
        held = self._archive.segments.get(file.timeline)
        stale = tail and held is not None and held.count(number, number)
        needed = "" if stale else self._needs.why(file.timeline, number)
        return needed or self._needs.why_young(stored.timestamp())

    def _too_much(self, made: ServerPlan) -> str:
        """Say that more would go than may at once; nothing where not."""
        total = sum(map(len, self._archive.segments.values()))
        going = sum(one.segments for one in made.ranges if one.goes)
        share = self._rules.max_delete_share
        if going <= max(-(-total * share // 100), self._longest()):  # rounded up, as the planner of backups does
            return ""
        return f"{going} of its {total} segments would go, more than {share} percent"

    def _longest(self) -> int:
        """Return how many segments there are between two bases that follow one another, where they are the most."""
        numbers = sorted(one.first(self._archive.segment_size) for one in (*self._bases, *self._gone))
        between = (
            sum(held.count(first, following - 1) for held in self._archive.segments.values())
            for first, following in itertools.pairwise(numbers)
        )
        return max(between, default=0)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backup a recovery begins with, along which branch of timelines it goes, and what stands against it.

PostgreSQL decides that while it recovers, and promotes itself where the log ends: early at a hole, and on the branch
that an earlier recovery left. So it is decided here, before anything is touched, and each refusal names its cause.
"""

from __future__ import annotations

import collections
import functools
import typing as t

from ...drivers.components.postgres import wal_files
from ...ground.errors import NotFound, UsageError
from ...records.wal import targets
from .plan import Plan

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ...drivers.components.postgres.wal import Ended
    from ...records.wal.archive import Archive
    from ...records.wal.bases import Base
    from ...records.wal.lineage import Branch, Stretch, Tree
    from ...records.wal.targets import Target

FIELD = "target"


class _Held(t.NamedTuple):
    """A branch that holds the target: at a position, which belongs to one of its timelines."""

    branch: Branch
    base: Base
    timeline: int
    position: int


class Planner:
    """
    Plans recoveries of one server.

    `ended` reads the transactions that end in a segment of a timeline. It is asked for a few of them only.
    """

    def __init__(
        self, bases: Sequence[Base], archive: Archive, tree: Tree, ended: Callable[[int, int], Sequence[Ended]]
    ) -> None:
        self._bases = sorted(bases, key=lambda base: base.finished)
        self._archive = archive
        self._size = archive.segment_size
        self._tree = tree
        self._ended = functools.cache(ended)

    def plan(self, target: Target, *, timeline: int | None = None, backup_id: str = "") -> Plan:
        """
        Return the plan of a recovery. Raise NotFound or UsageError that names what stands against it.

        Without `timeline` that one is taken which holds the target, if only one does.
        """
        bases = self._chosen(backup_id)
        branches = [self._branch(timeline)] if timeline else self._branches()
        if target.kind == targets.IMMEDIATE:
            return self._immediate(target, bases, branches)
        if target.kind in {"time", "lsn"}:
            return self._held(target, bases, branches)
        return self._to_the_end(target, bases, branches, asked=timeline is not None)

    def _chosen(self, backup_id: str) -> list[Base]:
        found = [base for base in self._bases if not backup_id or base.backup_id == backup_id]
        if not found:
            what = f"The backup {backup_id} is none" if backup_id else "There is no physical backup"
            raise NotFound(
                f"{what} of the server with system identifier {self._archive.system_identifier}.",
                "List its backups with playbook lifeboat.recovery.list.",
            )
        return found

    def _branches(self) -> list[Branch]:
        found = []
        for timeline in self._archive.timelines or (1,):
            try:
                found.append(self._tree.branch(timeline))
            except KeyError:  # a history that was never stored; what began on that timeline needs none
                continue
        return found or [self._tree.branch(1)]

    def _branch(self, timeline: int) -> Branch:
        try:
            return self._tree.branch(timeline)
        except KeyError as exc:
            raise NotFound(
                f"The store has no {wal_files.history(timeline)}, so timeline {timeline} is unknown.",
                f"Use one of the timelines {_listed(self._archive.timelines)}.",
            ) from exc

    def _immediate(self, target: Target, bases: Sequence[Base], branches: Iterable[Branch]) -> Plan:
        base = bases[-1]
        branch = next((one for one in branches if one.holds(base.timeline, base.stop)), None)
        if branch is None:
            raise UsageError(f"{base.backup_id} is not on that timeline.", "Leave out timeline.", field="timeline")
        last = base.last(self._size)
        self._require_whole(branch, base, last)
        return Plan(target, base, branch, base.needed_from(self._size), last)

    def _held(self, target: Target, bases: Sequence[Base], branches: Sequence[Branch]) -> Plan:
        """Return the plan to a time or a position, on the one branch that holds it."""
        found = [held for branch in branches if (held := self._find(target, bases, branch))]
        if not found:
            raise self._out_of_reach(target, bases, branches)
        points: dict[tuple[int, int], list[_Held]] = collections.defaultdict(list)
        for held in found:
            points[held.timeline, held.position].append(held)
        if len(points) > 1:
            several = sorted({timeline for timeline, _position in points})
            raise UsageError(
                f"{len(several)} timelines hold {target}: {_listed(several)}.",
                "Set timeline to the one that is meant: each holds other transactions after the point where they part.",
                field="timeline",
                timelines=several,
            )
        ((own, position), meant) = points.popitem()
        # The timeline on which it lies is the shortest way; its last segment may only be there on a later one.
        best = next((held for held in meant if held.branch.timeline == own), meant[-1])
        first, last = best.base.needed_from(self._size), position // self._size
        return Plan(target, best.base, best.branch, first, last, position=position)

    def _find(self, target: Target, bases: Sequence[Base], branch: Branch) -> _Held | None:
        """Return where a branch holds the target; None where it does not, or where no backup leads there."""
        early = [base for base in bases if branch.holds(base.timeline, base.stop) and _before(base, target)]
        if not early:
            return None
        base = early[-1]
        first = base.needed_from(self._size)
        last = self._archive.until(branch, first)
        if target.position is not None:
            position: int | None = target.position + (
                not target.exclusive
            )  # the record that begins there belongs to it
        else:
            position = self._stop(target, branch, first, last)
        if position is None or position // self._size > last:
            return None
        timelines = (one for one in branch.timelines if branch.holds(one, position) and branch.begin(one) <= position)
        return _Held(branch, base, next(timelines, branch.timeline), position)

    def _stop(self, target: Target, branch: Branch, first: int, last: int) -> int | None:
        """
        Return the position at which a recovery to a time stops: the first transaction that ended later.

        Transactions end nearly in the order of their times, which is enough to look for the segment by halves.
        """
        at = t.cast("datetime", target.at)
        latest = functools.partial(self._latest, branch, first)
        if first > last or not _is_later(latest(last), at, exclusive=target.exclusive):
            return None
        low, high = first, last
        while low < high:
            middle = (low + high) // 2
            if _is_later(latest(middle), at, exclusive=target.exclusive):
                high = middle
            else:
                low = middle + 1
        ended = self._ended(branch.timeline_of(low, self._size), low)
        return next((one.position for one in ended if _is_later(one.at, at, exclusive=target.exclusive)), None)

    def _latest(self, branch: Branch, first: int, number: int) -> datetime | None:
        """Return when the last transaction ended by the end of a segment; None where none did since `first`."""
        for one in range(number, first - 1, -1):
            if ended := self._ended(branch.timeline_of(one, self._size), one):
                return max(transaction.at for transaction in ended)
        return None

    def _to_the_end(self, target: Target, bases: Sequence[Base], branches: Sequence[Branch], *, asked: bool) -> Plan:
        """Return the plan to what is found only by reading the log: its end, a transaction, or a name."""
        newest = branches[-1]
        others = [branch for branch in branches[:-1] if self._goes_on(branch, newest)]
        if others and target.kind != targets.LATEST and not asked:
            several = [one.timeline for one in (*others, newest)]
            raise UsageError(
                f"{target} can be on several timelines: {_listed(several)}.",
                "Set timeline to the one that is meant.",
                field="timeline",
            )
        usable = [base for base in bases if newest.holds(base.timeline, base.stop)]
        if not usable:
            raise NotFound(
                f"No physical backup leads to timeline {newest.timeline}.",
                f"Set timeline; there are {_listed(self._archive.timelines)}.",
            )
        base = usable[-1]
        last = max(self._archive.last(newest), base.last(self._size))
        warnings = tuple(
            f"Timeline {one.timeline} goes on after the point where timeline {newest.timeline} left it: what was "
            "committed there is not part of this recovery."
            for one in others
        )
        if target.kind == targets.LATEST:
            self._require_whole(newest, base, last)
        else:
            self._require_whole(newest, base, base.last(self._size))
            gaps = self._archive.gaps(newest, base.needed_from(self._size), last)
            warnings += tuple(
                f"{_segments(gap, self._size)} not stored: the recovery ends there at the latest." for gap in gaps
            )
        return Plan(target, base, newest, base.needed_from(self._size), last, warnings)

    def _goes_on(self, branch: Branch, other: Branch) -> bool:
        """Whether a branch has whole segments behind the point where another one left it."""
        held = self._archive.segments.get(branch.timeline)
        if not held:
            return False
        left = other.end(branch.timeline) if branch.timeline in other.timelines else None
        return left is None or held.last > left // self._size

    def _require_whole(self, branch: Branch, base: Base, last: int) -> None:
        """Raise NotFound unless each segment that a recovery reads is stored, or in the backup."""
        first = base.needed_from(self._size)
        for gap in self._archive.gaps(branch, first, last):
            raise self._gap(branch, base, gap)

    def _gap(self, branch: Branch, base: Base, gap: Stretch) -> NotFound:
        reached = self._archive.until(branch, base.needed_from(self._size))
        until = ""
        if reached >= base.last(self._size):
            latest = self._latest(branch, base.needed_from(self._size), reached)
            until = f" Up to it a recovery is possible: to {latest.isoformat()}." if latest else ""
        return NotFound(
            f"{_segments(gap, self._size)} not stored, which a recovery from {base.backup_id} needs.",
            f"If the server that wrote it still has it in pg_wal, archive it from there.{until}",
            first=wal_files.segment(gap.timeline, gap.first, self._size),
            last=wal_files.segment(gap.timeline, gap.last, self._size),
        )

    def _out_of_reach(self, target: Target, bases: Sequence[Base], branches: Sequence[Branch]) -> Exception:
        """Return why no branch holds the target."""
        early = [base for base in bases if _before(base, target)]
        if not early:
            oldest = bases[0]
            return UsageError(
                f"{target} is before the end of the oldest backup, {oldest.backup_id}, which was finished at "
                f"{oldest.finished.isoformat()}.",
                "Use a later target: a recovery cannot end before its backup was complete.",
                field=FIELD,
            )
        base = early[-1]
        branch = next((one for one in reversed(branches) if one.holds(base.timeline, base.stop)), branches[-1])
        first = base.needed_from(self._size)
        for gap in self._archive.gaps(branch, first, self._archive.last(branch)):
            return self._gap(branch, base, gap)
        latest = self._latest(branch, first, self._archive.until(branch, first))
        if latest is None:
            return UsageError(
                f"Nothing is stored of what was written after {base.backup_id}, so {target} cannot be reached.",
                "Use target: immediate to recover the moment of its end.",
                field=FIELD,
            )
        return UsageError(
            f"{target} is later than what is stored, whose last transaction ended at {latest.isoformat()}.",
            "Use target: latest to recover all of it.",
            field=FIELD,
        )


def _before(base: Base, target: Target) -> bool:
    if target.position is not None:
        return base.stop <= target.position
    return base.finished <= t.cast("datetime", target.at)


def _is_later(found: datetime | None, at: datetime, *, exclusive: bool) -> bool:
    return found is not None and (found >= at if exclusive else found > at)


def _segments(gap: Stretch, size: int) -> str:
    first = wal_files.segment(gap.timeline, gap.first, size)
    if gap.first == gap.last:
        return f"{first} is"
    return f"{gap.last - gap.first + 1} segments from {first} to {wal_files.segment(gap.timeline, gap.last, size)} are"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recovery is planned along the one branch that holds its target, or refused with the names of what is in the way."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.timelines import (
    Ancestor,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.wal import Ended
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import NotFound, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.planning import (
    Plan,
    Planner,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import (
    archive,
    lineage,
    names,
    targets,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.bases import Base
from hypothesis import given
from hypothesis import strategies as st

SIZE = 1 << 20
SYSTEM = "7312345678901234567"
BEGAN = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def at(segment: float) -> int:
    """Return the position so far into the log, in segments."""
    return int(segment * SIZE)


def when(segment: float) -> datetime:
    """Return when a server of these tests was there: it writes a segment a minute, a transaction each six seconds."""
    return BEGAN + timedelta(minutes=segment)


class World:
    """
    What is stored: for each timeline the segments, and where it began. Its server's clock is the position, plus what
    later timelines are late.
    """

    def __init__(
        self, stored: dict[int, t.Iterable[int]], histories: dict[int, tuple[Ancestor, ...]] | None = None
    ) -> None:
        self.stored = {timeline: sorted(numbers) for timeline, numbers in stored.items()}
        self.histories = histories or {}
        self.late = {timeline: timedelta(minutes=100 * place) for place, timeline in enumerate(sorted(stored))}
        self.looked: list[tuple[int, int]] = []

    def ended(self, timeline: int, number: int) -> list[Ended]:
        self.looked.append((timeline, number))
        tree = lineage.Tree(self.histories)
        branch = tree.branch(timeline)
        found = []
        for tenth in range(10):
            place = number + tenth / 10 + 0.05
            own = next(
                one for one in branch.timelines if branch.end(one) is None or at(place) < t.cast("int", branch.end(one))
            )
            found.append(Ended(at(place), when(place) + self.late[own], committed=True))
        return found

    def planner(self, *bases: Base) -> Planner:
        infos = [
            ObjectInfo(names.name("shop", SYSTEM, wal_files.parse(name)), 1, BEGAN)
            for timeline, numbers in self.stored.items()
            for name in (
                *(wal_files.segment(timeline, number, SIZE) for number in numbers),
                *([wal_files.history(timeline)] if timeline in self.histories else []),
            )
        ]
        infos.sort(key=lambda info: info.name)
        held = archive.collect(infos, "shop", {SYSTEM: SIZE}).get(SYSTEM) or archive.Archive(SYSTEM, SIZE)
        return Planner(bases or (base(1),), held, lineage.Tree(self.histories), self.ended)


def base(segment: int, timeline: int = 1, late: int = 0) -> Base:
    """Return a backup that began and ended in a segment."""
    finished = when(segment + 0.5) + timedelta(minutes=late)
    return Base(f"backup-{timeline}-{segment}", finished, timeline, at(segment + 0.1), at(segment + 0.5))


def time(segment: float, minutes: int = 0, **how: t.Any) -> targets.Target:
    moment = when(segment) + timedelta(minutes=minutes)
    return targets.parse({"time": moment.isoformat()}, **how)


def told(plan: Plan) -> tuple[str, int, int, int]:
    return plan.base.backup_id, plan.branch.timeline, plan.first, plan.last


FORKED = {2: (Ancestor(1, at(6.5)),)}


def test_the_newest_backup_before_the_moment_is_taken() -> None:
    planner = World({1: range(1, 20)}).planner(base(1), base(8), base(15))
    assert told(planner.plan(time(12.31))) == ("backup-1-8", 1, 8, 12)
    assert told(planner.plan(time(8.5))) == ("backup-1-8", 1, 8, 8)
    assert told(planner.plan(time(8.4))) == ("backup-1-1", 1, 1, 8)
    assert told(planner.plan(time(12.31), backup_id="backup-1-1")) == ("backup-1-1", 1, 1, 12)
    assert told(planner.plan(targets.parse("latest"))) == ("backup-1-15", 1, 15, 19)
    assert told(planner.plan(targets.parse("immediate"))) == ("backup-1-15", 1, 15, 15)
    assert told(planner.plan(targets.parse({"lsn": wal_files.shown(at(12.31))}))) == ("backup-1-8", 1, 8, 12)


def test_few_segments_are_looked_into() -> None:
    world = World({1: range(1, 50_000)})
    assert told(world.planner().plan(time(31_234.5))) == ("backup-1-1", 1, 1, 31_234)
    assert len(set(world.looked)) < 20


@given(st.integers(16, 190), st.booleans())
def test_the_segment_is_that_of_the_first_transaction_that_is_not_meant(tenths: int, exclusive: bool) -> None:
    """The transactions are at 0.05, 0.15 and so on: a moment at one of them belongs to it, or not."""
    plan = World({1: range(1, 20)}).planner().plan(time(tenths / 10 + 0.05, exclusive=exclusive))
    following = tenths / 10 + 0.05 + (0 if exclusive else 0.1)
    assert plan.last == int(following + 1e-9)


@pytest.mark.parametrize("target", [time(12.3), targets.parse("latest")])
def test_a_hole_before_the_target_is_named(target: targets.Target) -> None:
    planner = World({1: {*range(1, 20)} - {7, 8}}).planner()
    with pytest.raises(NotFound) as caught:
        planner.plan(target)
    first, last = (wal_files.segment(1, number, SIZE) for number in (7, 8))
    assert caught.value.cause.startswith(f"2 segments from {first} to {last} are not stored")
    assert when(6.95).isoformat() in caught.value.remedy
    assert told(planner.plan(time(6.5))) == ("backup-1-1", 1, 1, 6)


def test_a_hole_after_the_target_stops_nothing_but_what_may_lie_behind_it() -> None:
    planner = World({1: {*range(1, 20)} - {7}}).planner()
    plan = planner.plan(targets.parse({"name": "before it broke"}))
    assert plan.warnings == (f"{wal_files.segment(1, 7, SIZE)} is not stored: the recovery ends there at the latest.",)
    assert told(World({1: {*range(1, 20)} - {7}}).planner(base(1), base(9)).plan(time(12.3))) == (
        "backup-1-9",
        1,
        9,
        12,
    )


def test_a_backup_whose_own_segments_lack_is_refused() -> None:
    with pytest.raises(NotFound, match=f"{wal_files.segment(1, 1, SIZE)} is not stored"):
        World({1: range(2, 9)}).planner().plan(targets.parse("immediate"))


def test_moments_that_are_too_early_or_too_late_are_told_from_what_is_there() -> None:
    planner = World({1: range(1, 20)}).planner()
    with pytest.raises(UsageError, match="is before the end of the oldest backup, backup-1-1, which was finished at "):
        planner.plan(time(1.4))
    with pytest.raises(UsageError) as caught:
        planner.plan(time(25))
    assert when(19.95).isoformat() in caught.value.cause
    with pytest.raises(UsageError, match="is later than what is stored"):
        planner.plan(targets.parse({"lsn": wal_files.shown(at(20))}))


def test_a_moment_that_both_timelines_hold_is_asked_about() -> None:
    world = World({1: range(1, 200), 2: range(6, 20)}, FORKED)
    planner = world.planner()
    with pytest.raises(UsageError, match=r"2 timelines hold time .*: 1, 2") as caught:
        planner.plan(time(10.3, minutes=100))
    assert caught.value.details["timelines"] == [1, 2]
    assert told(planner.plan(time(10.3, minutes=100), timeline=2)) == ("backup-1-1", 2, 1, 10)
    assert told(planner.plan(time(10.3, minutes=100), timeline=1)) == ("backup-1-1", 1, 1, 110)
    with pytest.raises(UsageError, match="2 timelines hold lsn"):
        planner.plan(targets.parse({"lsn": wal_files.shown(at(10))}))


@pytest.mark.parametrize("moment", [3.3, 6.3])
def test_a_moment_before_they_part_is_the_same_on_both(moment: float) -> None:
    plan = World({1: range(1, 200), 2: range(6, 20)}, FORKED).planner().plan(time(moment))
    assert told(plan) == ("backup-1-1", 1, 1, int(moment))


def test_where_the_abandoned_timeline_has_no_whole_last_segment_the_later_one_is_read() -> None:
    world = World({1: range(1, 6), 2: range(6, 20)}, FORKED)
    assert told(world.planner().plan(time(6.3))) == ("backup-1-1", 2, 1, 6)
    assert told(world.planner().plan(time(8.3, minutes=100))) == ("backup-1-1", 2, 1, 8)
    latest = world.planner().plan(targets.parse("latest"))
    assert told(latest) == ("backup-1-1", 2, 1, 19)
    assert latest.warnings == ()


def test_what_the_abandoned_timeline_went_on_with_is_told() -> None:
    world = World({1: range(1, 12), 2: range(6, 20)}, FORKED)
    (warning,) = world.planner().plan(targets.parse("latest")).warnings
    assert warning.startswith("Timeline 1 goes on after the point where timeline 2 left it")
    with pytest.raises(UsageError, match="xid 7 can be on several timelines: 1, 2"):
        world.planner().plan(targets.parse({"xid": "7"}))
    assert told(world.planner().plan(targets.parse({"xid": "7"}), timeline=1)) == ("backup-1-1", 1, 1, 11)


def test_a_backup_of_another_branch_does_not_lead_there() -> None:
    world = World({1: range(1, 12), 2: range(6, 20)}, FORKED)
    planner = world.planner(base(1), base(9), base(12, 2, late=100))
    assert told(planner.plan(time(10.3), timeline=1)) == ("backup-1-9", 1, 9, 10)
    assert told(planner.plan(time(10.3, minutes=100), timeline=2)) == ("backup-1-1", 2, 1, 10)
    assert told(planner.plan(time(14.3, minutes=100))) == ("backup-2-12", 2, 12, 14)
    with pytest.raises(NotFound, match=r"no 00000009.history"):
        planner.plan(targets.parse("latest"), timeline=9)


def test_without_a_backup_there_is_nothing_to_begin_with() -> None:
    planner = World({1: range(1, 12)}).planner()
    with pytest.raises(NotFound, match="The backup backup-x is none of the server"):
        planner.plan(targets.parse("latest"), backup_id="backup-x")


ALONE = dataclasses.replace(base(1), included=True)
"""A backup that has its WAL in itself: segment 1 was never archived."""


def test_a_backup_with_its_own_wal_begins_what_was_archived_after_it() -> None:
    planner = World({1: range(2, 20)}).planner(ALONE)
    assert told(planner.plan(time(12.31))) == ("backup-1-1", 1, 2, 12)
    assert told(planner.plan(targets.parse({"lsn": wal_files.shown(at(5.5))}))) == ("backup-1-1", 1, 2, 5)
    assert told(planner.plan(targets.parse("latest"))) == ("backup-1-1", 1, 2, 19)


def test_a_backup_with_its_own_wal_needs_none_of_the_store_for_its_own_moment() -> None:
    plan = World({1: []}).planner(ALONE).plan(targets.parse("immediate"))
    assert (plan.first, plan.last) == (2, 1)
    with pytest.raises(UsageError, match="Nothing is stored of what was written after backup-1-1"):
        World({1: []}).planner(ALONE).plan(time(12.31))


def test_a_hole_after_a_backup_with_its_own_wal_is_told() -> None:
    planner = World({1: [2, 3, 5]}).planner(ALONE)
    with pytest.raises(NotFound, match="000000010000000000000004 is not stored") as caught:
        planner.plan(targets.parse("latest"))
    assert "Up to it a recovery is possible" in str(caught.value.remedy)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which segments stay: beside a model, and against what must never go, on histories that hypothesis makes up.

LIFEBOAT_HISTORIES says how many.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
import wal_model as model
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.timelines import (
    Ancestor,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.calendar import parse_age
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.wal_needs import Base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.wal_planner import Rules, plan
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import names
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.archive import collect
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.lineage import Tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HISTORIES = int(os.environ.get("LIFEBOAT_HISTORIES", "2000"))

SYSTEM = "7312345678901234567"
OTHER = "7399999999999999999"
SIZE = model.SIZE
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TOKEN = "0123456789abcdef"

RARELY = st.sampled_from([False] * 7 + [True])


def name_of(timeline, number, token="", system=SYSTEM):
    return names.name("shop", system, wal_files.parse(wal_files.segment(timeline, number, SIZE)), token)


def history_of(timeline, system=SYSTEM):
    return names.name("shop", system, wal_files.parse(wal_files.history(timeline)))


def base(days, timeline, start, stop, token="", **facts):
    """Return a base that ended so many days ago; positions are numbers of segments."""
    at = NOW - days * DAY
    facts.setdefault("started", at - timedelta(hours=1))
    return Base(
        f"backup-{timeline}-{days}{token}", facts.pop("started"), at, facts.pop("system", SYSTEM),
        timeline, int(start * SIZE), int(stop * SIZE), **facts,
    )  # fmt: skip


def decided(objects, bases, gone=(), *, keep="14d", share=100, force=False, forks=None, refused=""):
    """Decide on an archive of objects, given as name and days since they were stored; 100 bytes each."""
    infos = [ObjectInfo(name, 100, NOW - days * DAY) for name, days in sorted(objects.items())]
    archives = collect(infos, "shop", {SYSTEM: SIZE, OTHER: SIZE})
    trees = dict.fromkeys(archives, Tree(forks or {}))
    rules = Rules(parse_age(keep, "keep_wal"), share, force=force)
    return plan(archives, trees, bases, gone, rules, NOW, refused=refused)


def gone_of(plans):
    return [name for one in plans for name, _size in one.objects("shop")]


# A year of a server by the day: number n was stored when it was 100 - n days old.
DAILY = {name_of(1, n): 100 - n for n in range(100)}


def test_what_lies_before_the_newest_base_that_is_older_than_keep_wal_goes():
    bases = [base(20, 1, 80.5, 80.7), base(16, 1, 84.1, 84.2), base(8, 1, 92.1, 92.2)]
    [made] = decided(DAILY, bases)
    assert gone_of([made]) == [name_of(1, n) for n in range(100) if n < 84 and n != 80]
    assert [(one.first, one.last, one.segments, one.size, one.goes, one.reason) for one in made.ranges] == [
        (0, 79, 80, 8000, True, "older than 14d, and no base backup needs it"),
        (80, 80, 1, 100, False, "needed by backup-1-20"),
        (81, 83, 3, 300, True, "older than 14d, and no base backup needs it"),
        (84, 99, 16, 1600, False, "keep_wal 14d, from backup-1-16"),
    ]
    assert made.gaps == ()
    assert sum(one.size for one in made.going) == 8300


def test_while_no_base_is_that_old_the_oldest_leads_to_the_end():
    assert gone_of(decided(DAILY, [base(9, 1, 91, 91.2), base(2, 1, 98, 98.2)])) == [
        name_of(1, n)
        for n in range(86)  # those between are younger than keep_wal
    ]


@pytest.mark.parametrize("facts", [{"sound": False}, {"stop": 84.2}])
def test_a_base_that_nobody_can_recover_from_is_no_reason_to_let_something_go(facts):
    held = {name: days for name, days in DAILY.items() if name != name_of(1, 84)}
    held = held if "stop" in facts else DAILY
    bases = [base(20, 1, 80.1, 80.2), base(16, 1, 84.1, 84.2, sound=facts.get("sound", True)), base(8, 1, 92.1, 92.2)]
    assert gone_of(decided(held, bases)) == [name_of(1, n) for n in range(80)]


def test_a_gap_is_told_and_closed_by_nothing():
    held = {name: days for name, days in DAILY.items() if name not in {name_of(1, 88), name_of(1, 89), name_of(1, 50)}}
    [made] = decided(held, [base(16, 1, 84.1, 84.2), base(8, 1, 92.1, 92.2)])
    assert made.gaps == ((1, 88, 89),)
    assert gone_of([made]) == [name_of(1, n) for n in range(84) if n != 50]


def test_a_branch_that_was_left_stays_as_long_as_it_can_be_reached():
    forks = {2: (Ancestor(1, int(90.5 * SIZE)),)}
    held = DAILY | {name_of(2, n): 100 - n for n in range(90, 100)} | {history_of(2): 10}
    assert gone_of(decided(held, [base(16, 1, 84.1, 84.2), base(8, 2, 92.1, 92.2)], forks=forks)) == [
        name_of(1, n) for n in range(84)
    ]
    # Of the first timeline no base is left.
    old = {name: days + 100 for name, days in held.items()}
    made = decided(old, [base(108, 2, 92.1, 92.2), base(50, 2, 98.1, 98.2)], forks=forks)
    gone = [name_of(1, n) for n in range(98)] + [name_of(2, n) for n in range(90, 98) if n != 92]
    assert sorted(gone_of(made)) == sorted(gone)


def test_a_timeline_without_history_lets_everything_stay():
    [made] = decided(DAILY | {name_of(2, 90): 10}, [base(16, 1, 84.1, 84.2)])
    assert gone_of([made]) == []
    assert {one.reason for one in made.ranges} == {"a timeline has no history that can be believed"}


def test_what_belongs_to_a_segment_goes_with_it():
    label = names.name("shop", SYSTEM, wal_files.parse("000000010000000000000003.00000028.backup"))
    partial = names.name("shop", SYSTEM, wal_files.parse("000000010000000000000004.partial"), TOKEN)
    kept = [
        names.name("shop", SYSTEM, wal_files.parse("000000010000000000000054.00000028.backup")),
        names.name("shop", SYSTEM, wal_files.parse("000000010000000000000064.partial"), TOKEN),
        f"shop/wal/{SYSTEM}/stream/000000010000000000000064/00001000.lbx",
        history_of(1),
    ]
    gone = [
        label, partial, name_of(1, 5, TOKEN), name_of(1, 5, TOKEN[::-1]), name_of(1, 101),
        f"shop/wal/{SYSTEM}/stream/000000010000000000000054/00001000.lbx",
    ]  # fmt: skip
    held = DAILY | dict.fromkeys([*gone[:4], *kept, gone[5]], 90)
    [made] = decided(held, [base(16, 1, 84.1, 84.2), base(8, 1, 92.1, 92.2)])
    assert sorted(gone_of([made])) == sorted([name_of(1, n) for n in range(84)] + gone[:4] + gone[5:])
    assert made.ranges[0].size == 8600
    assert sorted(one.name for one in made.singles if not one.goes) == sorted(kept)


def test_more_than_the_share_stays_but_for_what_lies_between_two_bases():
    bases = [base(30, 1, 70.1, 70.2), base(16, 1, 84.1, 84.2), base(8, 1, 92.1, 92.2)]
    [made] = decided(DAILY, bases, share=30)
    assert gone_of([made]) == []
    assert made.refused == "83 of its 100 segments would go, more than 30 percent"
    assert gone_of(decided(DAILY, bases, share=30, force=True))
    recent = {name: days for name, days in DAILY.items() if days <= 30}
    assert gone_of(decided(recent, bases, share=30)) == [name_of(1, n) for n in range(71, 84)]


@pytest.mark.parametrize(
    ("days", "bases", "gone", "reason"),
    [
        (30, [base(1, 1, 1, 1.2, system=OTHER)], [], ""),
        (13, [base(1, 1, 1, 1.2, system=OTHER)], [], "its server has no base backup, and archived within 14d"),
        (
            30,
            [base(1, 1, 1, 1.2, system=OTHER)],
            [base(40, 1, 5, 5.2)],
            "the last base backup of its server goes in this run",
        ),
        (30, [], [], "no base backup exists"),
    ],
)  # fmt: skip
def test_the_log_of_a_server_without_a_base_goes_once_it_is_silent(days, bases, gone, reason):
    held = {name_of(1, n): days for n in range(3)} | {name_of(2, 3): days, history_of(2): days}
    [made] = decided(held, bases, gone)
    assert gone_of([made]) == ([] if reason else sorted(held, key=lambda name: ".history" in name))
    assert made.refused == reason
    [made] = decided(held, bases, gone, share=30)
    assert gone_of([made]) == []


def test_a_listing_that_failed_lets_everything_stay():
    [made] = decided(DAILY, [base(16, 1, 84.1, 84.2)], refused="2 backups are not listed")
    assert gone_of([made]) == []
    assert made.ranges == ((1, 0, 99, 100, 10000, False, "2 backups are not listed"),)


def test_forever_keeps_all():
    assert gone_of(decided(DAILY, [base(16, 1, 84.1, 84.2)], keep="forever")) == []


def test_what_somebody_reads_leads_to_the_end():
    bases = [base(30, 1, 70.1, 70.2, in_use=True), base(16, 1, 84.1, 84.2), base(8, 1, 92.1, 92.2)]
    assert gone_of(decided(DAILY, bases)) == [name_of(1, n) for n in range(70)]


@st.composite
def histories(draw):
    positions = st.integers(0, (model.LAST - 4) * 4).map(lambda quarter: quarter * SIZE // 4)
    forks, begins = {}, {1: 0}
    for timeline in range(2, draw(st.integers(1, 5)) + 1):
        parent = draw(st.sampled_from(sorted(begins)))
        begins[timeline] = max(begins[parent], draw(positions))
        forks[timeline] = (parent, begins[timeline])
    held = {}
    pace = draw(st.sampled_from([1, 1, 2, 5]))
    for timeline, begin in begins.items():
        first = begin // SIZE
        lost = draw(st.sets(st.integers(first, model.LAST), max_size=2))
        oldest = draw(st.integers(first, model.LAST) if draw(RARELY) else st.just(first))
        for number in range(oldest, draw(st.integers(first, model.LAST)) + 1):
            if number not in lost:
                late = draw(st.integers(0, 30)) if draw(RARELY) else 0
                held[timeline, number] = NOW - max(0, (model.LAST - number) * pace - late) * DAY
    bases = []
    for number in range(draw(st.integers(0, 7))):
        timeline = draw(st.sampled_from(sorted(begins)))
        start = max(begins[timeline], draw(positions))
        stop = start + draw(st.integers(0, 8)) * SIZE // 4
        days = draw(st.integers(-3, 300)) if draw(RARELY) else (model.LAST - stop // SIZE) * pace
        facts = {"sound": not draw(RARELY), "in_use": draw(RARELY) and draw(RARELY)}
        made = base(days, timeline, start / SIZE, stop / SIZE, f"-{number}", **facts)
        bases.append(made)
    # Backups that a lock or a pin keeps are among those that stay, however old.
    stays = [draw(st.sampled_from([True, True, False])) for _base in bases]
    return model.History(
        forks, held,
        [one for one, stay in zip(bases, stays, strict=True) if stay],
        [one for one, stay in zip(bases, stays, strict=True) if not stay],
        NOW, draw(st.sampled_from([1, 7, 14, 40])) * DAY, draw(st.sampled_from([10, 30, 100])), draw(st.booleans()),
    )  # fmt: skip


def planned(history, refused=""):
    """Return the names that go, as the planner says."""
    ancestors = {}
    for timeline, (parent, position) in history.forks.items():
        ancestors[timeline] = (*ancestors.get(parent, ()), Ancestor(parent, position))
    objects = {name_of(*place): (NOW - at) / DAY for place, at in history.held.items()}
    objects |= {history_of(timeline): 300 for timeline in history.forks}
    made = decided(
        objects, history.bases, history.gone, keep=f"{history.keep.days}d", share=history.share, force=history.force,
        forks=ancestors, refused=refused,
    )  # fmt: skip
    assert sum(one.segments for each in made for one in each.ranges) == len(history.held)
    assert all(one.reason for each in made for one in (*each.ranges, *each.singles))
    return gone_of(made)


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_the_plan_is_the_models_and_breaks_no_promise(history):
    named = planned(history)
    assert len(named) == len(set(named))
    if history.bases:
        assert not [name for name in named if "history" in name]
        assert set(named) == {name_of(*place) for place in model.deleted(history)}
    check_promises(history, {place for place in history.held if name_of(*place) in named})


@settings(max_examples=max(100, HISTORIES // 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_a_failed_listing_deletes_nothing_of_any_history(history):
    assert planned(history, "a listing failed") == []


def check_promises(history, gone):
    """What holds whatever is asked for, said without the model's rules."""
    for one in history.bases:
        for branch in history.on(one.timeline, one.stop):
            assert not gone & history.reads(branch, one.start // SIZE, one.stop // SIZE)
    if newest := [one for one in history.bases if one.sound and one.finished <= NOW]:
        start = max(newest, key=lambda one: (one.finished, one.backup_id)).start
        assert not {place for place in gone if place[1] >= start // SIZE}
    # To each time within keep_wal, on each branch, the base that a recovery begins with leads to the end.
    for branch in history.timelines:
        there = [one for one in history.bases if branch in history.on(one.timeline, one.stop) and one.sound]
        there = [one for one in there if not history.lacks(one, branch)]
        for at in (history.cutoff, *(one.finished for one in there if one.finished > history.cutoff)):
            if ready := [one for one in there if one.finished <= at]:
                begin = max(ready, key=lambda one: (one.finished, -one.start))
                assert not gone & history.reads(branch, begin.start // SIZE)

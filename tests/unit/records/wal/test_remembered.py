# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking at a log again costs a few requests, finds what was added, and within a week what went."""

from __future__ import annotations

import bisect
import json
import types
import typing as t
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.timelines import (
    Ancestor,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import names, remembered, unfinished
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.lineage import Branch
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.remembered import Memory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.segments import Forgotten, Segments

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.remembered import Listed

SYSTEM = "7312345678901234567"
SIZE = 16 << 20
BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
PAGE = 1000
YEAR = 526_000
"""Segments of a year, one a minute."""

PART = 10
"""So small a part of it is listed here: the requests of a look must not depend on that."""


class Counting:
    """A store of names that counts requests as S3 does: a page for each thousand names, and one at the least."""

    def __init__(self) -> None:
        self.objects: dict[str, ObjectInfo] = {}
        self._names: list[str] = []
        self.requests = 0

    def add(self, file: str, minute: float, size: int = 10) -> None:
        name = names.name("shop", SYSTEM, wal_files.parse(file), "0" * 16 if file.endswith(".partial") else "")
        if name not in self.objects:
            bisect.insort(self._names, name)
        self.objects[name] = ObjectInfo(name, size, BEGAN + timedelta(minutes=minute))

    def put(self, name: str) -> None:
        bisect.insort(self._names, name)
        self.objects[name] = ObjectInfo(name, 1, BEGAN)

    def segments(self, numbers: t.Iterable[int], timeline: int = 1, *, minute: int = 0) -> None:
        for number in numbers:
            self.add(wal_files.segment(timeline, number, SIZE), minute + number)

    def remove(self, number: int, timeline: int = 1) -> None:
        name = names.name("shop", SYSTEM, wal_files.parse(wal_files.segment(timeline, number, SIZE)))
        self._names.remove(name)
        del self.objects[name]

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        place = max(bisect.bisect_left(self._names, prefix), bisect.bisect_right(self._names, after))
        self.requests += 1
        for count, name in enumerate(islice(self._names, place, None)):
            if not name.startswith(prefix):
                return
            if count and count % PAGE == 0:
                self.requests += 1
            yield self.objects[name]


class Watcher:
    """Who looks at a log as the metrics do, with what a host remembers, and asks for the end of each timeline."""

    def __init__(self, state: Path) -> None:
        self.store = Counting()
        self.memory = Memory(str(state), "shop", "s3://bucket")

    def look(self, minute: float) -> Listed:
        """Look at that minute, and remember it."""
        store, now = t.cast("Store", self.store), BEGAN + timedelta(minutes=minute)
        self.store.requests = 0
        listed = remembered.again(store, "shop", self.memory.read().get(SYSTEM), SIZE, now)
        if listed is None:
            listed = remembered.whole(store, "shop", SYSTEM, SIZE, now)
        for segments in listed.archive.segments.values():
            segments.stored(segments.last)
        self.memory.keep({SYSTEM: listed})
        return listed

    def missing(self, minute: float) -> list[tuple[int, int]]:
        """Return what lacks of the first timeline at that minute."""
        segments = self.look(minute).archive.segments[1]
        return [*segments.missing(segments.first, segments.last)]


@pytest.fixture
def watcher(tmp_path: Path) -> Watcher:
    return Watcher(tmp_path)


def test_the_hourly_look_at_a_year_costs_a_handful_of_requests(watcher: Watcher, tmp_path: Path) -> None:
    count = YEAR // PART
    watcher.store.segments(range(1, count))
    assert len(watcher.look(count).archive.segments[1]) == count - 1
    assert watcher.store.requests == -(-(count - 1) // PAGE)
    for hour in range(1, 25):
        upto = count + 60 * hour
        watcher.store.segments(range(upto - 60, upto))
        listed = watcher.look(upto)
        assert watcher.store.requests == 2
        segments = listed.archive.segments[1]
        assert (segments.first, segments.last, len(segments)) == (1, upto - 1, upto - 1)
        assert segments.stored(segments.last) == BEGAN + timedelta(minutes=upto - 1)
        assert (listed.archive.count, listed.archive.bytes) == (upto - 1, 10 * (upto - 1))
    [path] = tmp_path.iterdir()
    assert path.stat().st_size < 1000


def test_a_segment_that_disappears_is_found_by_the_weekly_look(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 100))
    assert watcher.missing(100) == []
    watcher.store.remove(50)
    assert watcher.missing(200) == []
    week = remembered.WHOLE_EVERY / timedelta(minutes=1)
    assert watcher.missing(100 + week) == [(50, 50)]


def test_a_gap_that_is_filled_later_is_none(watcher: Watcher) -> None:
    watcher.store.segments([*range(1, 20), *range(21, 30)])
    assert watcher.missing(30) == [(20, 20)]
    assert watcher.missing(31) == [(20, 20)]
    watcher.store.segments([20])
    assert watcher.missing(32) == []
    assert watcher.look(33).archive.count == 29


def test_an_old_gap_is_not_listed_each_time(watcher: Watcher) -> None:
    watcher.store.segments([*range(1, 20), *range(21, 5000)])
    later = 5000 + remembered.YOUNG / timedelta(minutes=1)
    assert watcher.missing(later) == [(20, 20)]
    assert watcher.missing(later + 60) == [(20, 20)]
    assert watcher.store.requests == 2


def test_a_timeline_that_begins_is_listed_with_all_others(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 20))
    watcher.look(20)
    watcher.store.add(wal_files.history(2), 21)
    watcher.store.segments([19, 20], timeline=2)
    watcher.store.add(f"{wal_files.segment(1, 19, SIZE)}.partial", 21)
    listed = watcher.look(22)
    assert listed.whole == BEGAN + timedelta(minutes=22)
    assert listed.archive.timelines == (1, 2)
    again = watcher.look(23)
    assert again.whole == listed.whole
    assert (again.archive.histories, again.archive.partials) == (listed.archive.histories, listed.archive.partials)
    assert again.archive.count == listed.archive.count == len(watcher.store.objects)


def test_a_primary_that_went_on_after_its_failover_is_seen_at_once(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 20))
    watcher.store.add(wal_files.history(2), 21)
    watcher.store.segments([19, 20], timeline=2)
    watcher.look(22)
    watcher.store.segments([20, 21], minute=60)
    segments = watcher.look(90).archive.segments[1]
    assert segments.stored(segments.last) == BEGAN + timedelta(minutes=81)


def test_the_time_of_a_segment_in_the_midst_is_not_made_up(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 20))
    watcher.look(20)
    segments = watcher.look(21).archive.segments[1]
    with pytest.raises(Forgotten):
        segments.stored(10)
    listed = remembered.whole(t.cast("Store", watcher.store), "shop", SYSTEM, SIZE, BEGAN + timedelta(minutes=22))
    listed.archive.segments[1].stored(10)
    watcher.memory.keep({SYSTEM: listed})
    assert watcher.look(23).archive.segments[1].stored(10) == BEGAN + timedelta(minutes=10)


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"format": "lifeboat-logs/1", "logs": {"1": {}}}'])
def test_a_memory_that_is_none_of_ours_is_no_memory(watcher: Watcher, tmp_path: Path, damage: str) -> None:
    watcher.store.segments(range(1, 20))
    watcher.look(20)
    [path] = tmp_path.iterdir()
    path.write_text(damage)
    assert watcher.memory.read() == {}
    assert watcher.missing(21) == []


def test_runs_that_make_no_sense_are_no_memory(watcher: Watcher, tmp_path: Path) -> None:
    watcher.store.segments(range(1, 20))
    watcher.look(20)
    [path] = tmp_path.iterdir()
    told = json.loads(path.read_text())
    for runs in ([[5, 1, 0, 0, 0]], [[1, 1 << 40, 0, 0, 0]], [[5, 6, 0, 0, 0], [6, 7, 0, 0, 0]]):
        told["logs"][SYSTEM]["segments"]["1"] = runs
        path.write_text(json.dumps(told))
        assert watcher.memory.read() == {}


def test_a_clock_that_went_back_lists_all(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 20))
    watcher.look(100)
    assert watcher.look(50).whole == BEGAN + timedelta(minutes=50)


def test_all_logs_are_found_with_a_request_each(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 3000))
    store = t.cast("Store", watcher.store)
    watcher.store.requests = 0
    assert [*remembered.identifiers(store, "shop")] == [SYSTEM]
    assert watcher.store.requests == 2
    assert remembered.all_of(store, "shop", {}, BEGAN)[SYSTEM].archive.count == 2999


def test_a_segment_that_is_not_whole_is_judged_and_not_remembered(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 10))
    segments = watcher.look(10).archive.segments[1]
    segments.admit(10, BEGAN.timestamp(), 4096)
    segments.admit(11, BEGAN.timestamp(), 4096)
    assert (segments.last, segments.end(9, SIZE), segments.end(11, SIZE)) == (11, 10 * SIZE, 11 * SIZE + 4096)
    assert [run.last for run in segments.runs()] == [9]
    watcher.store.segments([12])
    assert watcher.missing(13) == [(10, 11)]


def test_a_timeline_of_which_there_is_only_a_tail_is_looked_at_twice(watcher: Watcher) -> None:
    watcher.store.segments(range(1, 10))
    listed = watcher.look(10)
    listed.archive.admit(2, 10, BEGAN.timestamp(), 4096)
    watcher.memory.keep({SYSTEM: listed})
    name = names.tail("shop", SYSTEM, wal_files.segment(2, 10, SIZE), 4096)
    for empty in (False, True):
        held = watcher.look(11).archive
        if empty:
            held.segments[2] = Segments()
        held.add_tail(ObjectInfo(name, 10, BEGAN), t.cast("names.StoredTail", names.parse_tail("shop", name)))
        assert list(unfinished.behind(held, lambda _name: True)) == [(2, 10)]
        assert held.last(Branch(2, (Ancestor(1, 10 * SIZE),))) == 9


@pytest.mark.parametrize("name", ["~x", "\u00e9", "zzz/y", "~"])
def test_a_strange_name_costs_a_request_and_no_more(watcher: Watcher, name: str) -> None:
    watcher.store.segments(range(1, 10))
    watcher.look(10)
    for strange in (f"shop/wal/{SYSTEM}/{name}", f"shop/wal/{SYSTEM}/00000001/{name}", f"shop/wal/{name}"):
        watcher.store.put(strange)
    store = t.cast("Store", watcher.store)
    assert list(islice(remembered.identifiers(store, "shop"), 5)) == [SYSTEM]
    assert watcher.look(11).whole == BEGAN + timedelta(minutes=10)


def test_a_store_that_lists_what_was_passed_is_not_asked_for_ever(watcher: Watcher) -> None:
    watcher.store.segments([1])
    store = t.cast("Store", types.SimpleNamespace(list=lambda prefix, _after: watcher.store.list(prefix)))
    assert list(islice(remembered.identifiers(store, "shop"), 5)) == [SYSTEM]


def test_what_is_taken_out_is_taken_out_of_the_memory(watcher: Watcher) -> None:
    watcher.store.segments([*range(1, 10), 12])
    listed = remembered.whole(t.cast("Store", watcher.store), "shop", SYSTEM, SIZE, BEGAN)
    listed.archive.drop_last(1)
    watcher.memory.keep({SYSTEM: listed})
    again = watcher.memory.read()[SYSTEM].archive
    assert (again.segments[1].last, again.count, again.bytes) == (9, 9, 90)
    with pytest.raises(Forgotten):
        again.drop_last(1)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listing tells from when to when a log recovers, what lacks in it, and whether two servers wrote it."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import UTC, datetime, timedelta

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.timelines import (
    Ancestor,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import archive, names
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.bases import Base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.judging import (
    Forked,
    Judge,
    named,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.lineage import Stretch, Tree

SIZE = 16 << 20
SYSTEM = "7312345678901234567"
BEGAN = datetime(2026, 11, 28, tzinfo=UTC)


def at(segment: float) -> int:
    return int(segment * SIZE)


def when(minute: int) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def stored_at(file: str, minute: int) -> ObjectInfo:
    return ObjectInfo(names.name("shop", SYSTEM, wal_files.parse(file)), 1, when(minute))


def judged(
    stored: dict[int, dict[int, int]], *anchors: Base, histories: dict[int, tuple[Ancestor, ...]] | None = None
) -> Judge:
    """Return the judge of a log: for each timeline its segments, each with the minute when it was stored."""
    infos = [
        ObjectInfo(
            names.name("shop", SYSTEM, wal_files.parse(wal_files.segment(timeline, number, SIZE))), 1, when(minute)
        )
        for timeline, segments in stored.items()
        for number, minute in segments.items()
    ]
    infos += [
        ObjectInfo(names.name("shop", SYSTEM, wal_files.parse(wal_files.history(timeline))), 1, BEGAN)
        for timeline in histories or {}
    ]
    held = archive.collect(sorted(infos, key=lambda info: info.name), "shop", {})[SYSTEM]
    return Judge(held, Tree(histories or {}), anchors)


def anchor(segment: int, timeline: int = 1) -> Base:
    return Base(f"backup-{timeline}-{segment}", when(segment), timeline, at(segment + 0.1), at(segment + 0.5))


def minutes(numbers: t.Iterable[int]) -> dict[int, int]:
    return {number: number + 1 for number in numbers}


def told(judge: Judge) -> list[tuple[str, int, datetime | None, Stretch | None]]:
    return [(one.base.backup_id, one.timeline, one.until, one.gap) for one in judge.windows()]


def test_a_log_without_a_gap_recovers_from_its_backups_to_its_end() -> None:
    judge = judged({1: minutes(range(1, 10))}, anchor(2), anchor(5))
    assert told(judge) == [("backup-1-2", 1, when(10), None), ("backup-1-5", 1, when(10), None)]
    assert [window.since for window in judge.windows()] == [when(2), when(5)]
    assert judge.gaps() == []
    assert list(judge.forked()) == []


def test_a_gap_ends_the_window_of_earlier_backups() -> None:
    judge = judged({1: minutes({*range(1, 10)} - {4, 5})}, anchor(2), anchor(7))
    gap = Stretch(1, 4, 5)
    assert told(judge) == [("backup-1-2", 1, when(4), gap), ("backup-1-7", 1, when(10), None)]
    assert judge.gaps() == [gap]
    assert named(gap, SIZE) == {
        "timeline": 1,
        "first": "000000010000000000000004",
        "last": "000000010000000000000005",
        "segments": 2,
    }


def test_a_backup_without_its_own_segment_recovers_nowhere() -> None:
    assert told(judged({1: minutes(range(3, 10))}, anchor(2))) == [("backup-1-2", 1, None, Stretch(1, 2, 2))]


def test_a_backup_that_has_its_log_itself_recovers_to_its_end_and_with_an_archive_further() -> None:
    alone = dataclasses.replace(anchor(2), included=True)
    assert told(judged({1: minutes(range(7, 9))}, alone)) == [("backup-1-2", 1, when(2), Stretch(1, 3, 6))]
    assert told(judged({1: minutes(range(3, 9))}, alone)) == [("backup-1-2", 1, when(9), None)]
    assert judged({1: minutes(range(3, 9))}, alone).gaps() == []


def test_what_lacks_before_the_oldest_backup_lacks_nobody() -> None:
    assert judged({1: minutes({*range(1, 10)} - {2})}, anchor(4)).gaps() == []


FORK = {2: (Ancestor(1, at(5.5)),)}


def test_a_failover_goes_on_along_the_timeline_that_began() -> None:
    judge = judged({1: minutes(range(1, 5)), 2: minutes(range(5, 9))}, anchor(2), histories=FORK)
    assert told(judge) == [("backup-1-2", 1, when(5), None), ("backup-1-2", 2, when(9), None)]
    assert judge.gaps() == []
    assert list(judge.forked()) == []


def test_what_the_former_primary_did_not_archive_is_a_gap() -> None:
    judge = judged({1: minutes(range(1, 4)), 2: minutes(range(5, 9))}, anchor(2), histories=FORK)
    assert judge.gaps() == [Stretch(1, 4, 4)]


def test_two_servers_that_write_are_told_from_one_that_archived_its_rest() -> None:
    before = judged({1: minutes(range(1, 7)), 2: {5: 20, 6: 21}}, anchor(2), histories=FORK)
    assert list(before.forked()) == []
    after = judged({1: {**minutes(range(1, 6)), 6: 30}, 2: {5: 20, 6: 21}}, anchor(2), histories=FORK)
    assert list(after.forked()) == [Forked(1, 2, 6, when(30))]


def test_a_timeline_without_a_history_is_known_as_such() -> None:
    judge = judged({1: minutes(range(1, 5)), 2: minutes(range(5, 9))}, anchor(2))
    assert judge.unknown == (2,)
    assert told(judge) == [("backup-1-2", 1, when(5), None)]

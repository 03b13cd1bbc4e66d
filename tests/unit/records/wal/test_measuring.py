# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A heartbeat counts when all of the log up to it is stored, on the way that the server itself has gone."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.heartbeat import (
    Beat,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.timelines import (
    Ancestor,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import archive, measuring, names
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.bases import Base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.judging import Judge
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.lineage import Tree

SIZE = 16 << 20
SYSTEM = "7312345678901234567"
BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
BASE = Base("backup-1", BEGAN, 1, SIZE // 2, SIZE - 100)
INCLUDED = dataclasses.replace(BASE, included=True)
FORK = {2: (Ancestor(1, 3 * SIZE + SIZE // 2),)}


def when(minute: float) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def judged(
    stored: dict[int, t.Iterable[int]], *bases: Base, histories: dict[int, tuple[Ancestor, ...]] | None = None
) -> Judge:
    """Return the judge of a log: segment 4 of a timeline was stored in minute 4."""
    files = [(wal_files.segment(line, number, SIZE), number) for line, some in stored.items() for number in some]
    files += [(wal_files.history(timeline), 0) for timeline in histories or {}]
    infos = [ObjectInfo(names.name("shop", SYSTEM, wal_files.parse(file)), 1, when(minute)) for file, minute in files]
    held = archive.collect(sorted(infos, key=lambda info: info.name), "shop", {}).get(SYSTEM)
    return Judge(held or archive.Archive(SYSTEM, SIZE), Tree(histories or {}), bases)


def pulse(*segments: float, now: float = 10, timeline: int = 1, timeout: float = 5) -> measuring.Pulse:
    """Return a pulse whose beats are at these places of the log, each in the minute of that number."""
    beats = [Beat(when(number), int(number * SIZE)) for number in segments]
    return measuring.Pulse(when(now), timeline, timedelta(minutes=timeout), beats)


@pytest.mark.parametrize(
    ("stored", "histories", "beating", "expected"),
    [
        # All up to segment 3 is stored: what is in segment 4 is not.
        ({1: range(4)}, {}, pulse(1.5, 3.9, 4.1), (3.9, "heartbeat")),
        # A position at the end of what is stored lies within it.
        ({1: range(4)}, {}, pulse(1.5, 4), (4, "heartbeat")),
        ({1: (0, 1, 3, 4)}, {}, pulse(1.5, 2.5, 3.5, 4.5), (1.5, "heartbeat")),
        # No beat lies there, or the server has none: the time counts at which the last one was stored.
        ({1: range(4)}, {}, pulse(7, 8), (3, "store")),
        ({1: range(4)}, {}, pulse(), (3, "store")),
        ({1: range(4)}, {}, None, (3, "store")),
        # The server was promoted in segment 3. What another one went on to write on timeline 1 is not of it.
        ({1: range(9)}, FORK, pulse(2.5, 3.2, 4.5, timeline=2), (2.5, "heartbeat")),
        ({1: range(3), 2: range(3, 5)}, FORK, pulse(2.5, 3.2, 4.5, timeline=2), (4.5, "heartbeat")),
        # The history of its timeline is not stored: nobody knows what leads there.
        ({1: range(9)}, {}, pulse(2.5, timeline=2), None),
        # The backup itself lacks a segment, or is all that there is.
        ({1: range(1, 5)}, {}, pulse(1.5), None),
    ],
)
def test_what_is_lost_is_known_by_the_newest_beat_before_the_first_segment_that_lacks(
    stored: dict[int, t.Iterable[int]],
    histories: dict[int, tuple[Ancestor, ...]],
    beating: measuring.Pulse | None,
    expected: tuple[float, str] | None,
) -> None:
    loss = measuring.measure(judged(stored, BASE, histories=histories), beating, when(11))
    if expected is None:
        assert loss == measuring.Loss()
        assert set(loss.facts.values()) == {None}
        return
    minute, source = expected
    assert (loss.until, loss.source) == (when(minute), source)
    assert loss.seconds == round(((10 if source == "heartbeat" else 11) - minute) * 60)


def test_a_backup_with_its_own_log_recovers_its_end() -> None:
    judge = judged({}, INCLUDED)
    assert measuring.measure(judge, pulse(0.5, 1.5), when(9)).until == when(0.5)
    assert measuring.measure(judge, None, when(9)) == measuring.Loss(BEGAN, 9 * 60, "store")


def told(loss: measuring.Loss, beating: measuring.Pulse, *, based: bool = True) -> list[str]:
    return list(measuring.problems(loss, beating, based=based))


def test_beats_that_stop_and_a_loss_beyond_what_is_set_are_problems() -> None:
    beats = pulse(*range(0, 100, 5), now=100)
    assert told(measuring.Loss(when(75), 25 * 60, "heartbeat"), beats) == []
    [said] = told(measuring.Loss(when(74), 26 * 60, "heartbeat"), beats)
    assert said == "A recovery would lose up to the last 26 min; by archive_timeout and the heartbeats it is 10 min."
    # Without archive_timeout nothing is set.
    assert told(measuring.Loss(when(0), 6000, "heartbeat"), pulse(*range(0, 100, 5), now=100, timeout=0)) == []

    late = pulse(*range(0, 100, 5), now=111)
    [said] = told(measuring.Loss(when(95), 16 * 60, "heartbeat"), late)
    assert said == "The last heartbeat of the server was 16 min ago: see the log of job heartbeat on its host."
    # Who beats once an hour may be silent for longer.
    assert told(measuring.Loss(when(120), 60 * 60, "heartbeat"), pulse(0, 60, 120, now=180)) == []
    assert "was never" in told(measuring.Loss(when(0), 1, "store"), pulse())[0]


def test_of_a_server_without_a_heartbeat_only_that_nothing_recovers_is_a_problem() -> None:
    without = dataclasses.replace(pulse(), has_heartbeat=False)
    assert told(measuring.Loss(when(0), 9999, "store"), without) == []
    assert told(measuring.Loss(), without, based=False) == []
    assert told(measuring.Loss(), without) == [
        "Nothing that is stored recovers to timeline 1, on which the server writes."
    ]


def test_of_what_was_streamed_counts_what_is_known_of_it() -> None:
    judge = judged({1: range(4)}, BASE)
    judge._archive.admit(1, 4, when(4).timestamp(), SIZE // 2)
    beats = pulse(3.9, 4.4, 4.6)
    assert measuring.measure(judge, beats, when(11)).until == when(4.4)

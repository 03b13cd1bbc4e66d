# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps take what they took before, and steps that move data as long as their bytes need."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import expecting, forecast
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Begin,
    End,
    Expected,
    Plan,
    PlannedStep,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import State, fold
from hypothesis import given
from hypothesis import strategies as st
from recovery_story import events, opened, point

MB = 1_000_000


def step(identity: str, kind: str = "custom", stage: int = 1, component: str = "") -> PlannedStep:
    return PlannedStep(identity, "1", kind, ("db1",), component, stage)


def plan(*steps: PlannedStep) -> Plan:
    return Plan("data_loss", "1", steps)


def ran(
    one: PlannedStep,
    seconds: float,
    *,
    day: int = 1,
    mode: str = "recover",
    size: int = 0,
    moving: float = 0,
    **end: t.Any,
) -> State:
    """Return a recovery in which a step took so long, on that day."""
    facts = {forecast.BYTES: size, forecast.MILLISECONDS: round(moving * 1000)} if size else {}
    began = dataclasses.replace(opened(), plan=plan(one), mode=mode)
    said = {"step": one.id, "attempt": 1, "result": "ok", "accepted": False, "reason": "", "hosts": {}, **end}
    ended = End(**said, changed=None, facts=facts)
    start = day * 24 * 60
    return fold(events((start, began), (start, Begin(one.id, 1)), (start + seconds / 60, ended)))


def expected(one: PlannedStep, *earlier: State, size: int = 0, mode: str = "recover") -> Expected:
    return forecast.expect(plan(one), {one.id: size}, mode, earlier)[one.id]


def test_a_step_takes_the_median_of_its_last_five_runs() -> None:
    start = step("start", "start")
    runs = [ran(start, seconds, day=day) for day, seconds in enumerate((900, 10, 30, 20, 12, 14))]
    assert expected(start, *runs) == Expected(14, 7, 5)  # the one of 900 seconds is too old
    assert expected(start, *reversed(runs)) == expected(start, *runs)


def test_without_history_there_is_a_guess_that_says_so() -> None:
    assert expected(step("start", "start")).runs == 0
    guess = expected(step("restore", "restore"), size=2000 * MB)
    assert (guess.error, guess.runs, guess.seconds) == (None, 0, 160)
    assert expecting.said(guess) == "2 min 40 s (guess)"


def test_one_run_says_nothing_of_its_error() -> None:
    start = step("start", "start")
    assert expected(start, ran(start, 30)) == Expected(30, None, 1)
    assert expecting.said(Expected(30, None, 1)) == "30 s (1 run)"
    assert expecting.said(Expected(30, 4, 2)) == "30 s ± 4 s"


def test_a_step_that_moves_data_takes_a_fixed_part_and_its_bytes() -> None:
    restore = step("restore", "restore")
    runs = [ran(restore, 10 + size / 10, size=size * MB, moving=size / 10, day=size) for size in (100, 200, 400)]
    assert expected(restore, *runs, size=1000 * MB) == Expected(110, 0, 3)
    assert expected(restore, *runs, size=0) == Expected(10, 0, 3)


def test_the_error_is_that_of_the_runs_without_each_of_them() -> None:
    start = step("start", "start")
    # 20 without it from 10 and 30; 10 from 25; 30 from 15
    assert expected(start, ran(start, 10, day=1), ran(start, 20, day=2), ran(start, 30, day=3)).error == 15


def test_where_the_time_of_moving_was_not_recorded_the_whole_counts() -> None:
    restore = step("restore", "restore")
    assert expected(restore, ran(restore, 50), size=1000 * MB) == Expected(50, None, 1)


def test_drills_are_for_drills_and_count_for_recoveries_only_while_there_are_none() -> None:
    start = step("start", "start")
    drill, real = ran(start, 10, mode="drill", day=2), ran(start, 50, day=1)
    assert expected(start, drill) == Expected(10, None, 1)
    assert expected(start, drill, real) == Expected(50, None, 1)
    assert expected(start, drill, real, mode="drill") == Expected(10, None, 1)


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("start", {"result": "failed"}),
        ("start", {"result": "skipped"}),
        ("restore", {"result": "failed", "accepted": True}),
    ],
)
def test_only_what_was_done_counts(kind: str, end: dict[str, t.Any]) -> None:
    one = step(kind, kind)
    assert expected(one, ran(one, 10, **end)).runs == 0


def test_a_step_that_may_fail_takes_as_long_when_it_does() -> None:
    fence = step("fence_lost", "fence_lost")
    assert expected(fence, ran(fence, 4, result="failed", accepted=True)) == Expected(4, None, 1)


def test_steps_are_alike_by_their_type_and_those_of_users_by_their_id_too() -> None:
    assert expected(step("restore_all", "restore"), ran(step("restore", "restore"), 10)).runs == 1
    assert expected(step("warm_cache"), ran(step("warm_cache"), 10)).runs == 1
    assert expected(step("warm_cache"), ran(step("other"), 10)).runs == 0


def test_bytes_are_those_of_the_clusters_of_the_hosts() -> None:
    points = {"main/shop": point(-20), "other/users": point(-20)}
    both = plan(step("restore", "restore"), step("start", "start"))
    assert forecast.sizes(both, points, {"db1": "main"}) == {"restore": 100}
    assert forecast.sizes(both, points, {}) == {"restore": 200}


def test_of_steps_side_by_side_the_longest_counts() -> None:
    steps = plan(step("a"), step("b", stage=2), step("c", stage=2), step("d", stage=3))
    known = {"a": Expected(10, 1, 3), "b": Expected(5, 1, 5), "c": Expected(20, 2, 4), "d": Expected(7, None, 1)}
    assert expecting.total(steps, known) == Expected(37, None, 1)
    assert expecting.total(steps, known, but=["d"]) == Expected(30, 3, 3)
    assert expecting.total(steps, known, until="b") == Expected(30, 3, 3)
    assert expecting.total(steps, {}) == Expected(0, None, 0)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**10)), max_size=8), st.integers(0, 10**11))
def test_the_same_journals_give_the_same_forecast(runs: list[tuple[int, int]], size: int) -> None:
    restore = step("restore", "restore")
    states = [ran(restore, s, size=b, moving=s / 2, day=day) for day, (s, b) in enumerate(runs)]
    found = expected(restore, *states, size=size)
    assert found == expected(restore, *reversed(states), size=size)
    assert found.seconds >= 0
    assert found.runs == min(len(runs), 5)
    assert (found.error is None) == (len(runs) < 2)


def test_a_log_is_replayed_at_a_rate_of_its_own() -> None:
    """A hundred seconds for 100 MB and 20 for 10 MB of the log, and ten beside; then for twice as much of the log."""
    one = step("pitr", "pitr")
    facts = {
        forecast.BYTES: 100 * MB,
        forecast.MILLISECONDS: 100_000,
        forecast.LOG_BYTES: 10 * MB,
        forecast.LOG_MILLISECONDS: 20_000,
    }
    (before,) = (ran(one, 130),)
    attempt = before.attempts[0]
    ended = dataclasses.replace(attempt.end, facts=facts)
    known = dataclasses.replace(before, attempts=(dataclasses.replace(attempt, end=ended),))
    assert forecast.replayed(known) == {"pitr": 10 * MB}
    found = forecast.expect(plan(one), {"pitr": 100 * MB}, "recover", [known], logs={"pitr": 20 * MB})
    assert found == {"pitr": Expected(150, None, 1)}
    assert forecast.expect(plan(one), {"pitr": 200 * MB}, "recover", [known])["pitr"].seconds == 210

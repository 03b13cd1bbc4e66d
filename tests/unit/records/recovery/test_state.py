# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a recovery stands follows from its events alone."""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Approve,
    Begin,
    Close,
    End,
    Event,
    Expected,
    Leave,
    Open,
    Plan,
    PlannedStep,
    Point,
    Repin,
    Run,
    Waiting,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import State, fold

START = datetime.datetime(2026, 11, 30, 1, 0, tzinfo=datetime.UTC)
POINT = Point("backup-1", START, START, True, 10, 100)
OTHER = Point("backup-0", START, START, False, 10, 100)


def run(number: int) -> Run:
    return Run(f"{number:016x}", "alice", "admin1", "m", "b", "i", number, "1")


def plan(*steps: str, digest: str = "1") -> Plan:
    return Plan("data_loss", digest, tuple(PlannedStep(each, digest, "restore", ("db1",), "", 1) for each in steps))


def opened(*steps: str, digest: str = "1", **values: t.Any) -> Open:
    given = {
        "reason": "",
        "replace": {},
        "failover": {},
        "points": {"main/shop": POINT},
        "forecast": {},
        "incident_at": START,
        "confirmed": (),
        "resumed": False,
        **values,
    }
    return Open(plan=plan(*(steps or "abc"), digest=digest), mode="recover", **given)


def ended(step: str, result: t.Any = "ok", attempt: int = 1, *, accepted: bool = False) -> End:
    return End(step, attempt, result, accepted, "", {}, True, {})


def folded(*whats: t.Any) -> State:
    """Fold these, ten seconds apart; each `open` is of another run."""
    events, number = [], 0
    for place, what in enumerate(whats):
        number += isinstance(what, Open)
        at = START + datetime.timedelta(seconds=10 * place)
        events.append(Event("shop", "recovery-1", place + 1, "", at, run(number), what))
    assert json.dumps(fold(events).facts()) == json.dumps(fold(list(events)).facts())
    return fold(events)


def test_what_ended_well_was_skipped_or_is_accepted_is_settled() -> None:
    state = folded(
        opened("a", "b", "c", "d"),
        *(Begin("a", 1), ended("a")),
        ended("b", "skipped"),
        *(Begin("c", 1), ended("c", "failed", accepted=True)),
        *(Begin("d", 1), ended("d", "failed")),
    )
    assert state.settled == {"a": "ok", "b": "skipped", "c": "failed"}
    assert (state.failed, state.interrupted) == (["d"], [])


def test_the_last_attempt_decides_and_all_count_for_the_time() -> None:
    state = folded(opened(), Begin("a", 1), ended("a", "failed"), Begin("a", 2), ended("a", attempt=2))
    assert (state.settled, state.failed) == ({"a": "ok"}, [])
    assert state.seconds == {"a": 20.0}
    again = folded(opened(), Begin("a", 1), ended("a", "failed"), opened(resumed=True), Begin("a", 1), ended("a"))
    assert (again.settled, again.seconds) == ({"a": "ok"}, {"a": 20.0})


def test_a_step_that_did_not_end_was_interrupted_until_it_is_done_again() -> None:
    cut = [opened(), Begin("a", 1), ended("a"), Begin("b", 1)]
    assert folded(*cut).interrupted == ["b"]
    assert folded(*cut, opened(resumed=True)).interrupted == ["b"]
    assert folded(*cut, opened(resumed=True), Begin("b", 1), ended("b")).interrupted == []


def test_the_end_of_another_run_ends_no_attempt_of_this_one() -> None:
    state = folded(opened(), Begin("a", 1), opened(resumed=True), ended("a", "skipped"))
    assert [attempt.end is None for attempt in state.attempts] == [True, False]


def test_steps_that_go_on_at_the_same_time_end_each_by_itself() -> None:
    state = folded(opened(), Begin("a", 1), Begin("b", 1), ended("a"), ended("b", "failed"))
    assert (state.settled, state.failed) == ({"a": "ok"}, ["b"])
    assert state.seconds == {"a": 20.0, "b": 20.0}


def test_a_run_waits_until_another_opens_the_recovery() -> None:
    waits = [opened(), Begin("a", 1), ended("a"), Waiting("b", "Open for writing?")]
    assert folded(*waits).waiting == "b"
    assert (folded(*waits, Leave("waiting")).left, folded(*waits, Leave("waiting")).waiting) == ("waiting", "b")
    resumed = folded(*waits, Leave("waiting"), opened(resumed=True), Approve("b", "bob"), Approve("b", "eve"))
    assert (resumed.waiting, resumed.left, resumed.approved) == ("", "", ["b"])
    assert [each.by for each in resumed.approvals] == ["bob", "eve"]


def test_points_are_those_of_the_last_choice() -> None:
    assert folded(opened(), Repin({"main/shop": OTHER})).points == {"main/shop": OTHER}


def test_the_forecast_is_that_of_the_beginning_with_what_was_planned_later() -> None:
    first, again, other = (Expected(seconds, None, 1) for seconds in (5, 9, 3))
    state = folded(opened(forecast={"a": first}), opened(forecast={"a": again, "b": other}, resumed=True))
    assert state.forecast == {"a": first, "b": other}


def test_a_plan_that_changed_tells_the_steps_that_are_still_to_be_done() -> None:
    state = folded(opened("a", "b"), Begin("a", 1), ended("a"), opened("a", "b", "c", digest="2", resumed=True))
    assert state.plan_changed == ("b", "c")


def test_the_end_is_told() -> None:
    state = folded(opened(), Close("ok"))
    assert (state.closed, state.facts()["finished"], state.facts()["result"]) == ("ok", True, "ok")
    assert state.last_at == START + datetime.timedelta(seconds=10)


def test_who_is_at_work_on_what() -> None:
    state = folded(opened(), Begin("a", 1), ended("a"), opened(resumed=True))
    assert (state.run.id, state.at_work) == (f"{2:016x}", "")
    assert folded(opened(), Begin("a", 1), ended("a"), Begin("b", 1)).at_work == "b"

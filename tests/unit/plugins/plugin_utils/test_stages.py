# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which steps of a stage begin, are tried again, and end, and how."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _stages

NOW = 1000.0


def step(identity: str, **changed: t.Any) -> dict[str, t.Any]:
    known = {"id": identity, "hosts": ["db1", "db2"], "timeout": 60, "attempts": 1, "accepts_failure": False}
    return {**known, "approval": "", "empty": "", "exclusive": False, **changed}


def said(step_id: str, attempt: int = 1, *, ok: bool = True, message: str = "") -> dict[str, t.Any]:
    return {"recover_results": {step_id: {"attempt": attempt, "ok": ok, "message": message}}}


def ended(known: dict[str, t.Any], results: dict[str, t.Any], **changed: t.Any) -> dict[str, t.Any]:
    opened = _stages.begins([known], {known["id"]: "run"}, {}, [], NOW)["open"]
    return _stages.ends([known], opened, results, changed.get("attempt", 1), changed.get("now", NOW + 9))


def test_steps_begin_wait_and_are_skipped() -> None:
    steps = [step("a"), step("b", approval="Go?"), step("c"), step("over")]
    found = _stages.begins(steps, {"a": "run", "b": "wait"}, {}, ["over"], NOW)
    assert list(found["open"]) == ["a"]
    assert found["open"]["a"] == {"left": ["db1", "db2"], "began": NOW, "deadline": NOW + 60}
    assert [each["id"] for each in found["wait"]] == ["b"]
    assert [(each["step"], each["result"]) for each in found["ended"]] == [("c", "skipped")]


def test_a_step_without_hosts_is_skipped_for_that_reason() -> None:
    found = _stages.begins([step("a", hosts=[], empty="no host is in application")], {}, {}, [], NOW)
    assert [(each["result"], each["reason"]) for each in found["ended"]] == [("skipped", "no host is in application")]


def test_no_step_begins_beside_one_that_is_refused() -> None:
    found = _stages.begins([step("a"), step("b")], {"a": "run", "b": "refuse"}, {"b": "It requires x."}, [], NOW)
    assert found["open"] == {}
    assert [(each["step"], each["result"], each["message"]) for each in found["ended"]] == [
        ("b", "failed", "It requires x.")
    ]


def test_a_step_without_a_limit_has_no_deadline() -> None:
    assert _stages.begins([step("a", timeout=0)], {"a": "run"}, {}, [], NOW)["open"]["a"]["deadline"] == 0


def test_a_step_is_ok_when_all_its_hosts_are() -> None:
    found = ended(step("a"), {"db1": said("a"), "db2": said("a")})
    assert [(each["result"], each["seconds"], each["hosts"]) for each in found["ended"]] == [("ok", 9.0, {})]


def test_a_host_that_said_nothing_failed() -> None:
    (end,) = ended(step("a"), {"db1": said("a"), "db2": {}})["ended"]
    assert end["result"] == "failed"
    assert end["message"] == "db2: became unreachable, or left the step without a result"


def test_a_host_that_cannot_be_reached_is_told_so() -> None:
    (end,) = ended(step("a"), {"db1": said("a"), "db2": {"recover_probe": {"unreachable": True}}})["ended"]
    assert end["message"] == "db2: cannot be reached"


def test_what_a_host_said_before_does_not_count() -> None:
    known = step("a", attempts=3)
    found = ended(known, {"db1": said("a", 1), "db2": said("a", 2)}, attempt=2)
    assert found["open"]["a"]["left"] == ["db1"]


def test_a_failed_step_is_tried_again_where_it_failed() -> None:
    found = ended(step("a", attempts=2), {"db1": said("a"), "db2": said("a", ok=False, message="no")})
    assert found["ended"] == []
    assert found["left"] == ["db2"]
    end, begin = found["events"]
    assert (end["state"], end["result"], end["hosts"], end["accepted"]) == ("end", "failed", {"db2": "no"}, False)
    assert begin == {"state": "begin", "step": "a", "attempt": 2}


def test_nothing_is_tried_again_after_the_deadline() -> None:
    found = ended(step("a", attempts=2), {"db1": said("a"), "db2": {}}, now=NOW + 61)
    assert [each["result"] for each in found["ended"]] == ["failed"]
    assert found["ended"][0]["message"].startswith("It did not end within 1 min.")
    assert found["open"] == {}


def test_a_failure_may_be_accepted() -> None:
    (end,) = ended(step("a", accepts_failure=True), {"db1": {}, "db2": {}})["ended"]
    assert (end["result"], end["accepted"]) == ("failed", True)


RECOVERY = {"settled": {"a": "ok"}, "steps_seconds": {"a": 5.0}, "approved": [], "forecast_total": None}


def table(*known: str, recovery: dict[str, t.Any] | None = None, ended: t.Any = (), **more: t.Any) -> list[list[str]]:
    plan = {"steps": [{"id": each, "hosts": ["db1"]} for each in known]}
    found = _stages.table(plan, {**RECOVERY, "forecast": {}, **(recovery or {})}, ended, **{"approvals": {}, **more})
    return [line.split() for line in found]


def test_the_table_says_what_each_step_came_to() -> None:
    (end,) = ended(step("b", hosts=["db1"]), {"db1": said("b", ok=False, message="disk\x1b[2J full")})["ended"]
    heading, *lines, whole = table("a", "b", "c", ended=[end])
    assert heading == ["STEP", "RESULT", "FORECAST", "TOOK", "HOSTS"]
    assert lines[0] == ["a", "ok", "before", "-", "5", "s", "db1"]
    assert lines[1][:2] == ["b", "failed"]
    assert "\x1b" not in " ".join(lines[1])
    assert lines[2] == ["c", "-", "-", "-", "db1"]
    assert whole == ["Forecast", "of", "the", "whole:", "-."]


def test_the_table_shows_the_forecast() -> None:
    recovery = {
        "forecast": {"a": {"seconds": 30, "error": 4, "runs": 3}, "b": {"seconds": 60, "error": None, "runs": 0}},
        "forecast_total": {"seconds": 90, "error": None, "runs": 0},
    }
    _heading, a, b, whole = table("a", "b", recovery=recovery)
    assert " ".join(a) == "a ok before 30 s ± 4 s 5 s db1"
    assert " ".join(b) == "b - 1 min (guess) - db1"
    assert " ".join(whole) == "Forecast of the whole: 1 min 30 s (guess)."


def test_check_mode_tells_what_will_wait_for_an_approval() -> None:
    waits = "waits for approval: Go?"
    assert " ".join(table("b", approvals={"b": "Go?"}, check=True)[1]).endswith(waits)
    for more in ({}, {"check": True, "recovery": {"approved": ["b"]}}):
        assert waits not in " ".join(table("b", approvals={"b": "Go?"}, **more)[1])


def test_what_was_moved_is_recorded() -> None:
    results = {host: said("a") for host in ("db1", "db2")}
    assert ended(step("a"), results)["ended"][0]["facts"] == {}
    for host, pairs in (("db1", [(100, 1.5), (50, 1)]), ("db2", [(10, 0.25)])):
        results[host]["recover_results"]["a"]["moved"] = [{"bytes": size, "seconds": took} for size, took in pairs]
    found = ended(step("a"), results)
    assert found["events"][0]["facts"] == {"bytes": 160, "data_milliseconds": 2500}


def test_a_step_that_ended_well_may_tell_something() -> None:
    found = ended(step("a"), {"db1": said("a", message="no damage"), "db2": said("a")})
    (end,) = found["ended"]
    assert (end["result"], end["hosts"], end["message"]) == ("ok", {"db1": "no damage"}, "db1: no damage")


def test_the_journal_keeps_what_a_step_told_of_each_host() -> None:
    results = {host: said("a") for host in ("db1", "db2")}
    results["db2"]["recover_results"]["a"]["facts"] = {"timeline": 2}
    (event,) = ended(step("a"), results)["events"]
    assert event["facts"] == {"db2 timeline": 2}
    (event,) = ended(step("b"), {"db1": said("b", ok=False, message="no"), "db2": said("b")})["events"]
    assert event["facts"] == {}

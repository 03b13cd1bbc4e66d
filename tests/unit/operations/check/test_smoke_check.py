# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks are asked again while their time lasts, all are asked, and each failure is told."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import CheckFailed, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.check.smoke_check import (
    SmokeCheckRequest,
    smoke_check,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.checks.parsing import SmokeCheck

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome


@dataclasses.dataclass
class Scripted:
    """A question whose answers are given, the last for ever; asking takes so many seconds."""

    clock: Clock
    answers: list[str]
    changes: bool = False
    seconds: float = 0.0
    wanted: str = "it answers"
    limits: list[float] = dataclasses.field(default_factory=list)

    def ask(self, timeout: float, environ: Mapping[str, str]) -> str:
        self.limits.append(timeout)
        self.clock.sleep(self.seconds)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "in vain":
            raise UsageError("The file is missing.", "Write it.")
        return answer


@dataclasses.dataclass
class Clock:
    """Time that goes on when somebody sleeps."""

    at: datetime.datetime = datetime.datetime(2026, 11, 30, tzinfo=datetime.UTC)

    def sleep(self, seconds: float) -> None:
        self.at += datetime.timedelta(seconds=seconds)

    def ask(self, *checks: SmokeCheck, dry_run: bool = False) -> Outcome:
        world = World(now=lambda: self.at, sleep=self.sleep, environ={}, dry_run=dry_run)
        return smoke_check(SmokeCheckRequest(checks), world)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def check(question: Scripted, name: str = "health", within: float = 0.0) -> SmokeCheck:
    return SmokeCheck(name, "http", question, within, 10.0)


def test_what_is_right_passes_at_once(clock: Clock) -> None:
    outcome = clock.ask(check(Scripted(clock, [""]), within=60))
    assert outcome.error is None
    assert outcome.facts["checks"][0] == {
        "name": "health",
        "kind": "http",
        "result": "passed",
        "wanted": "it answers",
        "found": "",
        "attempts": 1,
        "seconds": 0.0,
    }
    assert outcome.facts["summary"] == "1 of 1 check passed."


def test_it_is_asked_again_until_it_is_right(clock: Clock) -> None:
    outcome = clock.ask(check(Scripted(clock, ["status 502", "status 502", ""]), within=60))
    assert outcome.error is None
    assert outcome.facts["checks"][0]["attempts"] == 3


def test_it_is_asked_once_without_time(clock: Clock) -> None:
    outcome = clock.ask(check(Scripted(clock, ["status 502", ""])))
    assert isinstance(outcome.error, CheckFailed)
    assert str(outcome.error).startswith("0 of 1 check passed. health failed: wanted that it answers; came status 502.")


def test_every_failure_is_told_with_its_last_answer(clock: Clock) -> None:
    broken = check(Scripted(clock, ["status 502", "status 503"]), "a", within=3)
    wrong = check(Scripted(clock, ["0"]), "b")
    outcome = clock.ask(broken, wrong, check(Scripted(clock, [""]), "c"))
    said = str(outcome.error)
    assert "a failed after 4 attempts: wanted that it answers; came status 503." in said
    assert "b failed: wanted that it answers; came 0." in said
    assert outcome.facts["failed_checks"] == ["a", "b"]
    assert [each["result"] for each in outcome.facts["checks"]] == ["failed", "failed", "passed"]


def test_the_times_of_all_checks_begin_together(clock: Clock) -> None:
    began = clock.at
    clock.ask(*(check(Scripted(clock, ["no"]), name, within=30) for name in "abcd"))
    assert (clock.at - began).total_seconds() == 30


def test_the_last_attempt_ends_about_when_the_time_is_up(clock: Clock) -> None:
    slow = Scripted(clock, ["no answer"], seconds=4)
    clock.ask(check(slow, within=12))
    assert slow.limits == [10.0, 7.0, 2.0]


def test_asking_in_vain_is_not_repeated(clock: Clock) -> None:
    outcome = clock.ask(check(Scripted(clock, ["in vain"]), within=60))
    assert outcome.facts["checks"][0]["attempts"] == 1
    assert "The file is missing. Write it" in str(outcome.error)


def test_check_mode_asks_nothing_that_may_change_something(clock: Clock) -> None:
    writing, reading = Scripted(clock, ["no"], changes=True), Scripted(clock, [""])
    outcome = clock.ask(check(writing, "a"), check(reading, "b"), dry_run=True)
    assert outcome.error is None
    assert not writing.limits
    assert reading.limits
    assert [each["result"] for each in outcome.facts["checks"]] == ["skipped", "passed"]
    assert outcome.facts["summary"] == "1 of 2 checks passed, 1 skipped because they may change something."


def test_what_a_server_says_forges_no_line(clock: Clock) -> None:
    outcome = clock.ask(check(Scripted(clock, ["\x1b[2J\nok: everything"])))
    assert str(outcome.error).isprintable()
    assert all(line.isprintable() for line in outcome.facts["table"])
    assert all(str(value).isprintable() for value in outcome.facts["checks"][0].values())

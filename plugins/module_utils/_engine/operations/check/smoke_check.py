# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: ask a running application whether it works, until it does or its time is up."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import CheckFailed, RecoveryError
from ...ground.model import Outcome
from ...ground.printing import columns, printable, shortened
from ...ground.units import human_count, human_duration

if t.TYPE_CHECKING:
    from datetime import datetime

    from ...ground.model import World
    from ...records.checks.parsing import SmokeCheck

PAUSE = 1.0
"""Seconds between two rounds of questions."""

LONGEST = 300
"""Letters of what is wanted, and of what came, in the sentence of an error."""


@dataclasses.dataclass(frozen=True, slots=True)
class SmokeCheckRequest:
    """What to ask."""

    checks: tuple[SmokeCheck, ...]


@dataclasses.dataclass(slots=True)
class _Asked:
    """A check, and what came of it so far: `found` is what came instead of what is wanted."""

    check: SmokeCheck
    found: str = ""
    attempts: int = 0
    seconds: float = 0.0
    settled: bool = False

    @property
    def skipped(self) -> bool:
        return not self.attempts

    @property
    def failed(self) -> bool:
        return bool(self.found)

    @property
    def result(self) -> str:
        return "skipped" if self.skipped else "failed" if self.failed else "passed"

    def fact(self) -> dict[str, t.Any]:
        check = self.check
        told = {"name": check.name, "kind": check.kind, "result": self.result, "wanted": check.question.wanted}
        return {**told, "found": self.found, "attempts": self.attempts, "seconds": round(self.seconds, 3)}

    def row(self) -> tuple[str, ...]:
        took = "-" if self.skipped else human_duration(self.seconds)
        said = f"wanted: {self.check.question.wanted}; came: {self.found}" if self.failed else ""
        return (self.result, self.check.name, took, said)


def smoke_check(request: SmokeCheckRequest, world: World) -> Outcome:
    """
    Ask all, and those again whose answer is not right while their time lasts, which begins now for all of them.

    Facts hold each check with what was wanted and what came. The outcome's error is CheckFailed when one failed. In a
    dry run nothing is asked that may change something.
    """
    asked = [_Asked(check, settled=world.dry_run and check.question.changes) for check in request.checks]
    began = world.now()
    while open_now := [each for each in asked if not each.settled]:
        for each in open_now:
            _ask(each, began, world)
        if not all(each.settled for each in asked):
            world.sleep(PAUSE)
    return _outcome(asked)


def _ask(asked: _Asked, began: datetime, world: World) -> None:
    check, before = asked.check, _since(began, world)
    # The last try ends about when the time is up, but is not so short that nobody could answer.
    limit = min(check.timeout, max(check.within - before, PAUSE)) if check.within else check.timeout
    try:
        asked.found = printable(check.question.ask(limit, world.environ))
        vain = False
    except RecoveryError as exc:  # a file or a library is missing: asking again would not help
        asked.found, vain = str(exc), True
    asked.attempts += 1
    asked.seconds = _since(began, world)
    asked.settled = not asked.found or vain or asked.seconds >= check.within


def _since(began: datetime, world: World) -> float:
    return max((world.now() - began).total_seconds(), 0.0)


def _outcome(asked: list[_Asked]) -> Outcome:
    failed = [each for each in asked if each.failed]
    skipped = sum(each.skipped for each in asked)
    passed = f"{len(asked) - len(failed) - skipped} of {human_count(len(asked), 'check')} passed"
    summary = f"{passed}{f', {skipped} skipped because they may change something' if skipped else ''}."
    facts = {
        "checks": [each.fact() for each in asked],
        "failed_checks": [each.check.name for each in failed],
        "summary": summary,
        "table": columns([each.row() for each in asked]),
    }
    if not failed:
        return Outcome(changed=False, facts=facts)
    cause = f"{summary.rstrip('.')}. {' '.join(map(_sentence, failed))}"
    remedy = "See docs/application.md for what each kind asks."
    return Outcome(changed=False, facts=facts, error=CheckFailed(cause, remedy))


def _sentence(asked: _Asked) -> str:
    check = asked.check
    wanted, found = (shortened(text, LONGEST).rstrip(".") for text in (check.question.wanted, asked.found))
    tries = f" after {human_count(asked.attempts, 'attempt')}" if asked.attempts > 1 else ""
    return f"{check.name} failed{tries}: wanted that {wanted}; came {found}."

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How a recovery stands: its events, folded. The same events give the same state, whoever folds them and when.

A step is settled when it ended well, was skipped, or failed and that was accepted: no run does it again. One that began
and did not end was interrupted, or goes on at this moment: the events alone cannot tell.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from . import expecting, forms
from .events import Aim, Approve, Begin, Close, End, Leave, Open, Repin, TornDown, Waiting

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from .events import Event, Expected, Plan, Point, Run


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a step, and how it ended; `end` and `ended` are None where it did not."""

    step: str
    number: int
    run: Run
    began: datetime.datetime
    end: End | None = None
    ended: datetime.datetime | None = None

    @property
    def seconds(self) -> float:
        """How long it took, 0 where it did not end."""
        return (self.ended - self.began).total_seconds() if self.ended else 0.0

    @property
    def settled(self) -> bool:
        """Whether the step is over with it."""
        return self.end is not None and (self.end.result != "failed" or self.end.accepted)


@dataclasses.dataclass(frozen=True, slots=True)
class Approval:
    """Who let a step begin, and when."""

    step: str
    by: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """For what a run stopped, and when."""

    step: str
    text: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """
    A recovery up to its last event.

    `opened` is what the last run began with, `started` and `first` are of the first one. `left` and `closed` are the
    results with which a run, or all of it, ended; empty where it did not. `plan_changed` are the steps that were still
    to be done when the last run opened it with another plan, and are others in that. `torn_down` is how a drill left
    its hosts, None while it works on them. `target` is the moment to which whole servers are recovered, as JSON, empty
    where databases are restored instead.
    """

    application: str
    recovery_id: str
    first: Open
    opened: Open
    started: datetime.datetime
    last_at: datetime.datetime
    runs: tuple[Run, ...]
    points: dict[str, Point]
    attempts: tuple[Attempt, ...] = ()
    approvals: tuple[Approval, ...] = ()
    waits: tuple[Wait, ...] = ()
    plan_changed: tuple[str, ...] = ()
    waiting: str = ""
    left: str = ""
    closed: str = ""
    torn_down: TornDown | None = None
    target: str = ""

    @property
    def run(self) -> Run:
        """The last run."""
        return self.runs[-1]

    @property
    def plan(self) -> Plan:
        """The plan of the last run."""
        return self.opened.plan

    @property
    def title(self) -> str:
        """What a sentence about it begins with."""
        noun = {"recover": "Recovery", "drill": "Drill"}[self.opened.mode]
        return f"{noun} {self.recovery_id} of plan {self.plan.name}"

    @property
    def forecast(self) -> dict[str, Expected]:
        """How long each step was to take when it was first planned."""
        return {**self.opened.forecast, **self.first.forecast}

    @property
    def latest(self) -> dict[str, Attempt]:
        """The last attempt at each step, in the order in which they first began."""
        return {attempt.step: attempt for attempt in self.attempts}

    @property
    def settled(self) -> dict[str, str]:
        """The steps that are over, with their results."""
        return {step: one.end.result for step, one in self.latest.items() if one.end and one.settled}

    @property
    def failed(self) -> list[str]:
        """The steps that failed and are to be tried again."""
        return [step for step, one in self.latest.items() if one.end and not one.settled]

    @property
    def interrupted(self) -> list[str]:
        """The steps that began and did not end."""
        return [step for step, one in self.latest.items() if one.end is None]

    @property
    def approved(self) -> list[str]:
        """The steps that somebody let begin."""
        return list(dict.fromkeys(approval.step for approval in self.approvals))

    @property
    def seconds(self) -> dict[str, float]:
        """How long each step took, all attempts together."""
        return {step: round(sum(one.seconds for one in self.attempts if one.step == step), 3) for step in self.latest}

    @property
    def canaries(self) -> dict[str, int]:
        """How many canaries the last attempts at the steps `planted`, and how many of them were `found`."""
        said = [one.end.facts for one in self.latest.values() if one.end]
        return {
            name: sum(int(value) for facts in said for key, value in facts.items() if key.rpartition(" ")[2] == fact)
            for name, fact in (("planted", "canaries"), ("found", "canaries_found"))
        }

    @property
    def at_work(self) -> str:
        """The step that the last run began last, empty where it began none."""
        return next((one.step for one in reversed(self.attempts) if one.run == self.run), "")

    def shown(self) -> str:
        """Return what a diff shows of it."""
        lines = [
            self.title,
            *(f"{component}: {point.backup_id}" for component, point in sorted(self.points.items())),
            *([f"whole servers to {self.target}"] if self.target else []),
            *(f"{name} is replaced by {other}" for name, other in sorted(self.opened.replace.items())),
            *(f"{other} takes the place of {name}" for name, other in sorted(self.opened.failover.items())),
            *(f"approved: {step}" for step in self.approved),
            *(f"{step}: {result}" for step, result in self.settled.items()),
        ]
        return "".join(f"{line}\n" for line in lines)

    def facts(self) -> dict[str, t.Any]:
        """Return what a module's result says of it."""
        return {
            "id": self.recovery_id,
            "plan": self.plan.name,
            "mode": self.opened.mode,
            "run": self.run.id,
            "resumed": self.opened.resumed,
            "started": forms.time_text(self.started),
            "finished": bool(self.closed),
            "result": self.closed or self.left,
            "settled": self.settled,
            "failed": self.failed,
            "interrupted": self.interrupted,
            "waiting": self.waiting,
            "approved": self.approved,
            "plan_changed": list(self.plan_changed),
            "replace": self.opened.replace,
            "failover": self.opened.failover,
            "target": json.loads(self.target or "null"),
            "points": forms.record(self.points),
            "confirmed": list(self.opened.confirmed),
            "incident_at": forms.time_text(self.opened.incident_at),
            "canaries": self.canaries,
            "torn_down": forms.record(self.torn_down.left) if self.torn_down else None,
            "forecast": forms.record(self.forecast),
            "forecast_total": forms.record(expecting.total(self.plan, self.forecast)),
            "steps_seconds": self.seconds,
        }


def fold(events: Sequence[Event]) -> State:
    """Return how a recovery stands. `events` are all of it up to the last, of which the first opens it."""
    first = events[0]
    opened = t.cast("Open", first.what)
    state = State(
        application=first.application,
        recovery_id=first.recovery_id,
        first=opened,
        opened=opened,
        started=first.at,
        last_at=first.at,
        runs=(),
        points=opened.points,
    )
    for event in events:
        state = dataclasses.replace(state, last_at=event.at, **_changes(state, event))
    return state


def _changes(state: State, event: Event) -> dict[str, t.Any]:
    """Return what is otherwise after an event."""
    changes: dict[str, t.Any] = {}
    match event.what:
        case Open() as what:
            runs, changed = (*state.runs, event.run), tuple(_changed(state, what.plan))
            changes = {"opened": what, "points": what.points, "runs": runs, "plan_changed": changed}
            changes |= {"waiting": "", "left": ""}
        case Approve() as what:
            changes = {"approvals": (*state.approvals, Approval(what.step, what.by, event.at))}
        case Begin() as what:
            attempt = Attempt(what.step, what.attempt, event.run, event.at)
            changes = {"attempts": (*state.attempts, attempt), "waiting": "", "torn_down": None}
        case End() as what:
            changes = {"attempts": _ended(state.attempts, what, event)}
        case Waiting() as what:
            changes = {"waits": (*state.waits, Wait(what.step, what.text, event.at)), "waiting": what.step}
        case Repin() as what:
            changes = {"points": {**state.points, **what.points}}
        case Aim() as what:
            changes = {"target": what.target}
        case TornDown() as what:
            changes = {"torn_down": what}
        case Leave() | Close() as what:
            changes = {"left" if isinstance(what, Leave) else "closed": what.result}
    return changes


def _changed(state: State, plan: Plan) -> Iterator[str]:
    """Yield the steps of a plan that are to be done and are not as they were."""
    for step in plan.steps:
        if step.id not in state.settled and state.plan.digest_of(step.id) != step.digest:
            yield step.id


def _ended(attempts: tuple[Attempt, ...], end: End, event: Event) -> tuple[Attempt, ...]:
    """Return the attempts after one ended. What is skipped ends without having begun."""
    for place in reversed(range(len(attempts))):
        one = attempts[place]
        if (one.step, one.number, one.run, one.end) == (end.step, end.attempt, event.run, None):
            ended = dataclasses.replace(one, end=end, ended=event.at)
            return (*attempts[:place], ended, *attempts[place + 1 :])
    return (*attempts, Attempt(end.step, end.attempt, event.run, event.at, end, event.at))

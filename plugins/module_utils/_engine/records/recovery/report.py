# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What people want to know of a recovery, as sections of text and tables, without a format yet.

It follows from the journal, the objectives and the contacts alone, so the same ones give the same report.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...ground import units
from ..audit.summary import Section
from . import forms, objectives
from .events import Approve, Close, Leave, Open, Repin, TornDown, Waiting
from .state import fold

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .events import End, Event, Point, Run
    from .objectives import Judged, Objective
    from .state import Attempt, State

FORMAT = "lifeboat-recovery-report/1"

TO_FILL_IN = ("Root cause", "Lessons")
"""The sections that people write, after all others."""


class Bar(t.NamedTuple):
    """A bar of the timeline: seconds after its beginning, and how many."""

    label: str
    start: float
    seconds: float
    result: str


@dataclasses.dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call. Those of level 1 are called first; the next level after `within`, if nobody answers."""

    role: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    availability: str = ""
    level: int = 1
    within: str = ""


class Report:
    """The report of a recovery: its events up to the last, and what was to be achieved."""

    def __init__(self, events: Sequence[Event], wanted: Sequence[Objective], contacts: Sequence[Contact]) -> None:
        self.state: State = fold(events)
        self.judged: list[Judged] = [objectives.judge(each, self.state) for each in wanted]
        self._events = events
        self._contacts = sorted(contacts, key=lambda contact: contact.level)

    @property
    def title(self) -> str:
        """What stands above it."""
        return f"{self.state.title} of {self.state.application}"

    @property
    def summary(self) -> str:
        """The whole in one sentence."""
        counts = {verdict: sum(one.verdict == verdict for one in self.judged) for verdict in ("met", "missed", "open")}
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        return f"{self.state.title} {_standing(self.state)}." + (f" Objectives: {told}." if told else "")

    def sections(self) -> list[Section]:
        """Return the report without what people fill in, from the most important to the least."""
        return [
            self._summary(),
            self._objectives(),
            self._points(),
            self._steps(),
            self._failures(),
            self._happened(),
            self._people(),
        ]

    def bars(self) -> list[Bar]:
        """Return the timeline: every attempt that began, in seconds after the incident, or after the first event."""
        zero, attempts, bars = min(self.state.opened.incident_at, self.state.started), self.state.attempts, []
        for place, one in enumerate(attempts):
            again = (later.began for later in attempts[place + 1 :] if later.step == one.step)
            ended = one.ended or next(again, self.state.last_at)
            result = one.end.result if one.end else "unfinished"
            bars.append(Bar(one.step, (one.began - zero).total_seconds(), (ended - one.began).total_seconds(), result))
        return bars

    def document(self) -> dict[str, t.Any]:
        """Return the report for programs."""
        state = self.state
        return {
            "format": FORMAT,
            "title": self.title,
            "summary": self.summary,
            "application": state.application,
            "reason": state.first.reason,
            "last_event": forms.time_text(state.last_at),
            "seconds": _since(state, state.started),
            "seconds_since_incident": _since(state, state.opened.incident_at),
            "recovery": state.facts(),
            "objectives": [one.facts() for one in self.judged],
            "steps": [self._attempt(one) for one in state.attempts],
            "events": [
                {"number": event.number, "at": forms.time_text(event.at), "kind": event.kind, "who": _who(event.run)}
                | ({"what": forms.record(event.what)} if not isinstance(event.what, Open) else {})
                for event in self._events
            ],
            "contacts": forms.record(self._contacts),
        }

    def _attempt(self, one: Attempt) -> dict[str, t.Any]:
        told = {"step": one.step, "run": self._number(one.run), "attempt": one.number, "seconds": one.seconds}
        told |= {"began": forms.time_text(one.began), "ended": forms.time_text(one.ended) if one.ended else None}
        return {**told, **({"end": forms.record(one.end)} if one.end else {})}

    def _number(self, run: Run) -> int:
        return self.state.runs.index(run) + 1

    def _summary(self) -> Section:
        state = self.state
        rows = [
            ("Plan", f"{state.plan.name} ({state.opened.mode})"),
            ("Who", ", ".join(dict.fromkeys(map(_who, state.runs)))),
            ("Reason", state.first.reason or "not given"),
            ("Incident", _moment(state.opened.incident_at)),
            ("Recovery began", _moment(state.started)),
            ("Recovery ended" if state.closed else "Last event", _moment(state.last_at)),
            ("Duration", units.human_duration(_since(state, state.started))),
            ("Since the incident", units.human_duration(_since(state, state.opened.incident_at))),
            *(("Replaced", f"{lost} by {spare}") for lost, spare in sorted(state.opened.replace.items())),
        ]
        return Section("Summary", (self.summary,), ("Subject", "Value (times in UTC)"), tuple(rows))

    def _objectives(self) -> Section:
        rows = tuple(
            (
                one.objective.component,
                one.objective.kind.upper(),
                units.human_duration(one.objective.seconds),
                "unknown" if one.actual is None else units.human_duration(one.actual),
                one.verdict,
            )
            for one in self.judged
        )
        text = () if rows else ("No objectives are set (lifeboat_objectives).",)
        return Section("Objectives", text, ("Component", "Objective", "Wanted", "Actual", "Verdict"), rows)

    def _points(self) -> Section:
        rows = tuple(self._point(name, point) for name, point in sorted(self.state.points.items()))
        text = (
            ("A backup contains what was there when it began: later changes up to the incident may be lost.",)
            if rows
            else ("There were none.",)
        )
        columns = ("Component", "Backup", "Began (UTC)", "Finished (UTC)", "Restore-tested before", "May be lost")
        return Section("Recovery points", text, columns, rows)

    def _point(self, name: str, point: Point) -> tuple[str, ...]:
        age = objectives.lost({name: point}, self.state) or 0.0
        tested = "yes" if point.restore_tested else "no"
        return name, point.backup_id, _moment(point.started), _moment(point.finished), tested, units.human_duration(age)

    def _steps(self) -> Section:
        rows = [
            (
                one.step,
                f"{self._number(one.run)}/{one.number}",
                _moment(one.began),
                _moment(one.ended) if one.ended else "",
                units.human_duration(one.seconds) if one.ended else "",
                _result(one.end),
                _said(one.end),
            )
            for one in self.state.attempts
        ]
        begun = self.state.latest
        rows += [(step.id, "", "", "", "", "not begun", "") for step in self.state.plan.steps if step.id not in begun]
        columns = ("Step", "Run/attempt", "Began (UTC)", "Ended (UTC)", "Took", "Result", "Messages")
        return Section("Steps", (), columns, tuple(rows))

    def _failures(self) -> Section:
        attempts, rows = self.state.attempts, []
        for place, one in enumerate(attempts):
            if one.end is None or one.end.result == "failed":
                again = next((later for later in attempts[place + 1 :] if later.step == one.step), None)
                left = "not tried again" if one.end else "is at work, or was interrupted"
                then = f"tried again: {_result(again.end)}" if again else left
                rows.append((one.step, _moment(one.ended or one.began), _result(one.end), _said(one.end), then))
        text = () if rows else ("No attempt failed.",)
        return Section("Failures", text, ("Step", "Time (UTC)", "Result", "Messages", "Then"), tuple(rows))

    def _happened(self) -> Section:
        rows = tuple((_moment(event.at), _who(event.run), what) for event, what in _told(self._events))
        return Section("Runs and decisions", (), ("Time (UTC)", "Run of", "What"), rows)

    def _people(self) -> Section:
        rows = tuple(
            (str(one.level), one.role, one.name, one.phone, one.email, one.availability, one.within)
            for one in self._contacts
        )
        text = () if rows else ("No contacts are set (lifeboat_contacts).",)
        columns = ("Level", "Role", "Name", "Phone", "Email", "Availability", "Answers within")
        return Section("Contacts", text, columns, rows)


def _told(events: Sequence[Event]) -> Iterator[tuple[Event, str]]:
    """Yield what runs and people did beside the steps."""
    points: Mapping[str, Point] = {}
    before: Run | None = None
    ended = False
    for event in events:
        match event.what:
            case Open() as what:
                yield event, _opened(before, ended=ended)
                points, before, ended = what.points, event.run, False
            case Approve() as what:
                yield event, f"{what.by} approved {what.step}"
            case Waiting() as what:
                yield event, f"waits before {what.step}: {what.text}"
            case Repin() as what:
                for name, point in sorted(what.points.items()):
                    old = f" instead of {points[name].backup_id}" if name in points else ""
                    yield event, f"{name} is recovered from {point.backup_id}{old}"
                points = {**points, **what.points}
            case TornDown() as what:
                left = "; ".join(f"on {host} is left: {what.left[host]}" for host in sorted(what.left))
                yield event, f"cleared the hosts{': ' + left if left else ''}"
            case Leave() as what:
                ended = True
                yield event, f"ended the run: {what.result}"
            case Close() as what:
                ended = True
                yield event, f"closed the recovery: {what.result}"


def _opened(before: Run | None, *, ended: bool) -> str:
    """Return how a run opened the recovery after another one, which ended by itself or did not."""
    if before is None:
        return "began the recovery"
    if ended:
        return "resumed the recovery"
    return f"resumed the recovery from the run of {_who(before)}, which had not ended: interrupted, or taken over"


def _standing(state: State) -> str:
    if state.closed:
        took = units.human_duration(_since(state, state.started))
        since = units.human_duration(_since(state, state.opened.incident_at))
        return f"{'is finished' if state.closed == 'ok' else 'failed'} after {took}, {since} after the incident"
    return {
        "failed": "is unfinished: its last run failed",
        "waiting": f"waits before step {state.waiting}",
        "incomplete": "is incomplete",
    }.get(state.left, "is unfinished: its last run has not ended")


def _result(end: End | None) -> str:
    if end is None:
        return "did not end"
    return f"{end.result}, accepted" if end.result == "failed" and end.accepted else end.result


def _said(end: End | None) -> str:
    """Return why a step ended so, and what its hosts said."""
    if end is None:
        return ""
    hosts = (f"{host}: {text}" for host, text in sorted(end.hosts.items()) if text)
    return "; ".join(filter(None, (end.reason, *hosts)))


def _since(state: State, moment: datetime.datetime) -> float:
    return max((state.last_at - moment).total_seconds(), 0.0)


def _who(run: Run) -> str:
    return f"{run.user} on {run.host}"


def _moment(at: datetime.datetime) -> str:
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}"

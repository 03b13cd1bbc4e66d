# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What people want to know of a recovery, as sections of text and tables, without a format yet.

It follows from the journal, the objectives and the contacts alone, so the same ones give the same report.
"""

from __future__ import annotations

import typing as t

from ...ground import units
from ..audit.summary import Section
from ..notifications import contacts as contact
from . import arriving, checklist, expecting, forms, happenings, objectives
from .events import Open
from .state import fold

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from ..notifications.contacts import Contact
    from .checklist import Item
    from .events import End, Event, Point, Run
    from .objectives import Judged, Objective
    from .state import Attempt, State

FORMAT = "lifeboat-recovery-report/1"

_TOLD = ("role", "name", "phone", "email", "availability", "within")

TO_FILL_IN = ("Root cause", "Lessons")
"""The sections that people write, after all others."""


class Bar(t.NamedTuple):
    """A bar of the timeline: seconds after its beginning, how many, and how many were expected, 0 if none were."""

    label: str
    start: float
    seconds: float
    result: str
    expected: int


KIND_WORDS = {"recover": "incident", "drill": "drill"}
"""What a report is about, by the mode of the run."""


class Report:
    """The report of a recovery: its events up to the last, what was to be achieved and done, and whom to call."""

    def __init__(
        self,
        events: Sequence[Event],
        wanted: Sequence[Objective] = (),
        contacts: Sequence[Contact] = (),
        items: Sequence[Item] = checklist.DEFAULT,
    ) -> None:
        self.state: State = fold(events)
        self.judged: list[Judged] = [objectives.judge(each, self.state) for each in wanted]
        self._events = events
        self._contacts = contacts
        self._done = [(item, checklist.done(item, self.state, events)) for item in items]

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
            self._checklist(),
            self._people(),
        ]

    def bars(self) -> list[Bar]:
        """Return the timeline: every attempt that began, in seconds after the incident, or after the first event."""
        zero, attempts, bars = min(self.state.opened.incident_at, self.state.started), self.state.attempts, []
        for place, one in enumerate(attempts):
            again = (later.began for later in attempts[place + 1 :] if later.step == one.step)
            ended = one.ended or next(again, self.state.last_at)
            result = one.end.result if one.end else "unfinished"
            start, seconds = (one.began - zero).total_seconds(), (ended - one.began).total_seconds()
            expected = self.state.forecast.get(one.step)
            bars.append(Bar(one.step, start, seconds, result, expected.seconds if expected else 0))
        return bars

    def document(self) -> dict[str, t.Any]:
        """Return the report for programs."""
        state = self.state
        return {
            "format": FORMAT,
            "kind": KIND_WORDS[state.opened.mode],
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
                {
                    "number": event.number,
                    "at": forms.time_text(event.at),
                    "kind": event.kind,
                    "who": happenings.who(event.run),
                }
                | ({"what": forms.record(event.what)} if not isinstance(event.what, Open) else {})
                for event in self._events
            ],
            "checklist": [{"text": item.text, "done": forms.time_text(at) if at else None} for item, at in self._done],
            "contacts": forms.record(tuple(self._contacts)),
            "escalation": list(contact.escalation(self._contacts)),
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
            ("Kind", KIND_WORDS[state.opened.mode]),
            ("Plan", state.plan.name),
            ("Who", ", ".join(dict.fromkeys(map(happenings.who, state.runs)))),
            ("Reason", state.first.reason or "not given"),
            ("Incident", happenings.moment(state.opened.incident_at)),
            ("Recovery began", happenings.moment(state.started)),
            ("Recovery ended" if state.closed else "Last event", happenings.moment(state.last_at)),
            ("Duration", units.human_duration(_since(state, state.started))),
            ("Forecast", expecting.said(expecting.total(state.plan, state.forecast)) if state.forecast else "none"),
            ("Since the incident", units.human_duration(_since(state, state.opened.incident_at))),
            *(("Replaced", f"{lost} by {spare}") for lost, spare in sorted(state.opened.replace.items())),
            *(("Failover", f"{former} to {after}") for former, after in sorted(state.opened.failover.items())),
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
        points = arriving.counted(self.state)
        rows = tuple(self._point(name, point) for name, point in sorted(points.items()))
        age, text = objectives.lost(points, self.state), "There were none."
        if age is not None:
            before = f"What was changed in the {units.human_duration(age)} before the incident may be lost"
            why = "a backup contains what was there when it began"
            if all(map(arriving.is_whole, points)):
                why = "a server that replayed its log contains what was committed by its end"
            text = f"{before}: {why}."
        elif points:
            text = "What may be lost is known when the log was replayed."
        columns = ("Component", "Backup", "Began (UTC)", "Finished (UTC)", "Restore-tested before", "May be lost")
        return Section("Recovery points, and what may be lost", (text, *happenings.arrived(self.state)), columns, rows)

    def _point(self, name: str, point: Point) -> tuple[str, ...]:
        age = objectives.lost({name: point}, self.state)
        tested = "yes" if point.restore_tested else "no"
        return (
            name,
            point.backup_id,
            happenings.moment(point.started),
            happenings.moment(point.finished),
            tested,
            "unknown" if age is None else units.human_duration(age),
        )

    def _steps(self) -> Section:
        rows = [
            (
                one.step,
                f"{self._number(one.run)}/{one.number}",
                happenings.moment(one.began),
                happenings.moment(one.ended) if one.ended else "",
                self._forecast(one.step),
                units.human_duration(one.seconds) if one.ended else "",
                _result(one.end),
                _said(one.end),
            )
            for one in self.state.attempts
        ]
        begun = self.state.latest
        rows += [
            (step.id, "", "", "", self._forecast(step.id), "", "not begun", "")
            for step in self.state.plan.steps
            if step.id not in begun
        ]
        columns = ("Step", "Run/attempt", "Began (UTC)", "Ended (UTC)", "Forecast", "Took", "Result", "Messages")
        return Section("Steps", (), columns, tuple(rows))

    def _forecast(self, step: str) -> str:
        expected = self.state.forecast.get(step)
        return expecting.said(expected) if expected else ""

    def _failures(self) -> Section:
        attempts, rows = self.state.attempts, []
        for place, one in enumerate(attempts):
            if one.end is None or one.end.result == "failed":
                again = next((later for later in attempts[place + 1 :] if later.step == one.step), None)
                left = "not tried again" if one.end else "is at work, or was interrupted"
                then = f"tried again: {_result(again.end)}" if again else left
                rows.append(
                    (one.step, happenings.moment(one.ended or one.began), _result(one.end), _said(one.end), then)
                )
        text = () if rows else ("No attempt failed.",)
        return Section("Failures", text, ("Step", "Time (UTC)", "Result", "Messages", "Then"), tuple(rows))

    def _happened(self) -> Section:
        rows = tuple(
            (happenings.moment(event.at), happenings.who(event.run), what)
            for event, what in happenings.told(self._events)
        )
        return Section("Runs and decisions", (), ("Time (UTC)", "Run of", "What"), rows)

    def _checklist(self) -> Section:
        rows = tuple(
            ("\u2611" if at else "\u2610", item.text, happenings.moment(at) if at else "") for item, at in self._done
        )
        text = ("What the journal shows to be done is ticked.",) if rows else ("It has no items.",)
        return Section("Checklist", text, ("Done", "What", "Time (UTC)"), rows)

    def _people(self) -> Section:
        rows = tuple(
            ("vendor" if one.vendor else str(one.level), *(getattr(one, name) for name in _TOLD))
            for one in self._contacts
        )
        text = contact.escalation(self._contacts) if rows else ("No contacts are set (lifeboat_contacts).",)
        columns = ("Level", "Role", "Name", "Phone", "Email", "Availability", "Answers within")
        return Section("Contacts", text, columns, rows)


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

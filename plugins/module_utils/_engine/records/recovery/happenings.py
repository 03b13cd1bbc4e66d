# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs and people did in a recovery beside its steps, in words."""

from __future__ import annotations

import datetime
import typing as t

from ...ground import units
from . import arriving
from .events import Aim, Approve, Close, Leave, Open, Repin, Told, TornDown, Waiting

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .events import Event, Point, Run, What
    from .state import State


def told(events: Sequence[Event]) -> Iterator[tuple[Event, str]]:
    """Yield each event that is none of a step, and what it says."""
    points: Mapping[str, Point] = {}
    before: Run | None = None
    ended = False
    for event in events:
        match event.what:
            case Open() as what:
                yield event, _opened(before, ended=ended)
                points, before, ended = what.points, event.run, False
            case Repin() as what:
                for name, point in sorted(what.points.items()):
                    old = f" instead of {points[name].backup_id}" if name in points else ""
                    yield event, f"{name} is recovered from {point.backup_id}{old}"
                points = {**points, **what.points}
            case what:
                ended = ended or isinstance(what, Leave | Close)
                if said := _said(what):
                    yield event, said


def _said(what: What) -> str:
    """Return what an event says, nothing where it is one of a step."""
    said = ""
    match what:
        case Approve():
            said = f"{what.by} approved {what.step}"
        case Aim():
            said = f"recovers whole servers to {what.target}"
        case Waiting():
            said = f"waits before {what.step}: {what.text}"
        case Told():
            said = f"notified {', '.join(what.channels)}"
        case TornDown():
            left = "; ".join(f"on {host} is left: {what.left[host]}" for host in sorted(what.left))
            said = f"cleared the hosts{': ' + left if left else ''}"
        case Leave():
            said = f"ended the run: {what.result}"
        case Close():
            said = f"closed the recovery: {what.result}"
    return said


def _opened(before: Run | None, *, ended: bool) -> str:
    """Return how a run opened the recovery after another one, which ended by itself or did not."""
    if before is None:
        return "began the recovery"
    if ended:
        return "resumed the recovery"
    return f"resumed the recovery from the run of {who(before)}, which had not ended: interrupted, or taken over"


def arrived(state: State) -> Iterator[str]:
    """Yield where servers stand that were recovered from their logs, and what was left out on purpose."""
    for component, one in sorted(arriving.arrivals(state).items()):
        last = f"its last commit is of {moment(one.last_commit)}" if one.last_commit else "no commit is in its log"
        yield f"{component} was recovered to {one.target}, and stands at {one.reached}: {last}."
    at = arriving.moment(state.target)
    if at and at < state.opened.incident_at:
        before = units.human_duration((state.opened.incident_at - at).total_seconds())
        yield f"What was committed after {moment(at)}, {before} before the incident, was left out on purpose."


def who(run: Run) -> str:
    """Return who started a run, and where."""
    return f"{run.user} on {run.host}"


def moment(at: datetime.datetime) -> str:
    """Return a time in UTC as reports show it."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}"

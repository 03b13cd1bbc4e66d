# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where whole servers arrived that were recovered to a moment, as their steps told, and what that means for what is lost.

Such a server holds what was committed up to the end of the log that was replayed, which is later than its backup. What
was committed after a target was left out on purpose, so nothing counts as lost that came after it.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ...drivers.components.base import WHOLE_CLUSTER
from ..wal import targets
from .step_types import PITR, RESTORE

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .events import Plan, Point
    from .state import State

COMPONENT, LAST_COMMIT, TARGET, REACHED = "component", "last_commit_at", "target", "reached"
"""What a host of such a step tells for the journal."""


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """
    Where the server of a component stands: the target as it was meant, the position, and when the last transaction was
    committed that it has; None where none is in the log that was replayed.
    """

    component: str
    target: str
    reached: str
    last_commit: datetime.datetime | None


def is_whole(component: str) -> bool:
    """Whether a component is a whole server, and no database of it."""
    return component.endswith(f"/{WHOLE_CLUSTER}")


def arrivals(state: State) -> dict[str, Arrival]:
    """Return where servers arrived, by component, of the steps that ended well."""
    types = {step.id: step.type for step in state.plan.steps}
    found = {}
    for identity, one in state.latest.items():
        if types.get(identity) == PITR and one.end and one.end.result == "ok":
            facts = one.end.facts
            for host in _hosts(facts):
                component = str(facts[f"{host} {COMPONENT}"])
                target, reached, last = (facts.get(f"{host} {name}", "") for name in (TARGET, REACHED, LAST_COMMIT))
                found[component] = Arrival(component, str(target), str(reached), _moment(str(last)))
    return found


def counted(state: State) -> dict[str, Point]:
    """Return the recovery points that databases come from: of a server that is recovered as a whole, that of it."""
    known = arrivals(state)
    whole = known or ({name for name in state.points if is_whole(name)} if _awaits(state) else set())
    clusters = {name.partition("/")[0] for name in whole}
    return {
        name: point
        for name, point in state.points.items()
        if is_whole(name) == (name.partition("/")[0] in clusters) and (not is_whole(name) or name in whole)
    }


def idle(plan: Plan, target: str) -> set[str]:
    """Return the steps that have nothing to do: those that restore what comes with its server, or have no target."""
    if not target:
        return {step.id for step in plan.steps if step.type == PITR}
    whole = {host for step in plan.steps if step.type == PITR for host in step.hosts}
    return {step.id for step in plan.steps if step.type == RESTORE and whole.issuperset(step.hosts)}


def complete_until(component: str, point: Point, state: State) -> datetime.datetime | None:
    """Return the moment after which changes of a component may be missing; None where nobody knows yet."""
    if not is_whole(component):
        return point.started
    arrived = arrivals(state).get(component)
    return (arrived.last_commit or point.finished) if arrived else None


def lost(component: str, point: Point, state: State) -> float | None:
    """Return the seconds before the incident, or before the target where that is earlier, that may be missing."""
    since, wanted = complete_until(component, point, state), state.opened.incident_at
    if since is None:
        return None
    if is_whole(component) and (at := moment(state.target)):
        wanted = min(wanted, at)
    return max((wanted - since).total_seconds(), 0.0)


def moment(target: str) -> datetime.datetime | None:
    """Return the time that a target is, None for any other."""
    return targets.parse(json.loads(target)).at if target else None


def _awaits(state: State) -> bool:
    """Whether a step is still to recover a server."""
    return any(step.type == PITR and state.settled.get(step.id) != "skipped" for step in state.plan.steps)


def _hosts(facts: Mapping[str, object]) -> Iterator[str]:
    for name in facts:
        host, _space, fact = name.rpartition(" ")
        if fact == COMPONENT:
            yield host


def _moment(text: str) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None

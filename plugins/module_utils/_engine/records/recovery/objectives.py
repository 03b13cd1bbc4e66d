# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a recovery was to achieve, and what it did.

RTO is the time from the incident until all steps of a component ended well. RPO is the time before the incident whose
changes may be lost: since the recovery point was begun, because a backup holds what was there when it began. Of a
server that was recovered from its log it is the time since the last commit that it has.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.base import WHOLE_CLUSTER
from ...ground import units
from ...ground.errors import UsageError
from . import arriving

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .events import PlannedStep, Point
    from .state import State

DATABASE = "database"
"""The component that all recovery points belong to, and the steps that restore them."""

KINDS = ("rto", "rpo")


@dataclasses.dataclass(frozen=True, slots=True)
class Objective:
    """The seconds that a component may take; `kind` is rto or rpo."""

    component: str
    kind: str
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """An objective and what came of it: `met`, `missed`, or `open`. `actual` is None where nothing can be measured."""

    objective: Objective
    actual: float | None
    verdict: str

    def facts(self) -> dict[str, t.Any]:
        """Return what a module's result says of it."""
        one = self.objective
        return {
            "component": one.component,
            "kind": one.kind,
            "objective_seconds": one.seconds,
            "actual_seconds": self.actual,
            "verdict": self.verdict,
        }


def parse(given: Mapping[str, object]) -> tuple[Objective, ...]:
    """Return the objectives by component as a user writes them. Raise UsageError where they cannot be meant."""
    found = []
    for component, wanted in given.items():
        if not isinstance(wanted, dict) or not wanted or set(wanted) - set(KINDS):
            raise UsageError(
                f"objectives: {component!r} has no objectives that are known.",
                "Give it rto, rpo or both, such as {rto: 2h, rpo: 15m}.",
                field="objectives",
            )
        found += [
            Objective(str(component), kind, units.parse_duration(str(wanted[kind]), "objectives"))
            for kind in KINDS
            if kind in wanted
        ]
    return tuple(found)


def strictest(wanted: Iterable[Objective], kind: str, *components: str) -> float | None:
    """Return the fewest seconds that any of these components has for an objective of this kind; None without one."""
    return min((one.seconds for one in wanted if one.kind == kind and one.component in components), default=None)


def judge(objective: Objective, state: State) -> Judged:
    """Return what came of an objective, up to the last event."""
    steps = [step for step in _steps(objective.component, state) if state.settled.get(step.id) != "skipped"]
    took = _took(steps, state)
    over = bool(state.closed) or (state.last_at - state.opened.incident_at).total_seconds() > objective.seconds
    if objective.kind == "rto":
        actual, missed = took, bool(steps) and over
    else:
        actual = lost(_points(objective.component, state), state)
        missed = False
    if actual is not None and actual > objective.seconds:
        verdict = "missed"
    elif actual is not None and took is not None:
        verdict = "met"
    else:
        verdict = "missed" if missed else "open"
    return Judged(objective, actual, verdict)


def lost(points: Mapping[str, Point], state: State) -> float | None:
    """Return the seconds before the incident of which most is missing in some points; None where that is not known."""
    found = [arriving.lost(name, point, state) for name, point in points.items()]
    return max((seconds for seconds in found if seconds is not None), default=None)


def _steps(component: str, state: State) -> list[PlannedStep]:
    names = {component}
    if component in state.points and all(step.component != component for step in state.plan.steps):
        names = {DATABASE}
    return [step for step in state.plan.steps if step.component in names]


def _points(component: str, state: State) -> dict[str, Point]:
    found = arriving.counted(state)
    if component in state.points and component not in found:  # it comes with its whole server
        component = f"{component.partition('/')[0]}/{WHOLE_CLUSTER}"
    return {name: point for name, point in found.items() if component in {name, DATABASE}}


def _took(steps: list[PlannedStep], state: State) -> float | None:
    """Return the seconds from the incident until the last of some steps ended; None while one did not end well."""
    ended = [one.ended for step in steps if (one := state.latest.get(step.id)) and one.end and one.end.result == "ok"]
    moments = [at for at in ended if at]
    if not moments or len(moments) < len(steps):
        return None
    return max((max(moments) - state.opened.incident_at).total_seconds(), 0.0)

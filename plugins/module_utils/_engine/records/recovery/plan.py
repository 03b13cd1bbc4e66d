# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Recovery plans: what people write, checked key by key before anything is touched.

All problems of a plan are reported at once, each with its place, because a plan is often written in a hurry.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import typing as t

from ...ground import job_options as options
from ...ground.errors import UsageError
from ...ground.units import human_count
from .plan_keys import KEYS, expressions, nearest
from .step_types import CONTROLLER, TYPES

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ...ground.job_options import Check

FORMAT = "lifeboat-plan/1"

PRIORITIES = ("critical", "high", "normal", "low")
"""What a plan may say of itself, the most urgent first."""

LARGEST = 1 << 20
"""Bytes of a plan that are read."""

HOUR = 3600.0
"""Seconds that a step may take if it says nothing."""

SHOWN = 20
"""Problems of a plan that are reported one by one."""

_ID = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)
_TAGS = frozenset({"always", "never", "all", "tagged", "untagged"})
_WORK = ("type", "role", "tasks")


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """
    One step. One of `type`, `role` and `tasks` says what it does; the others are empty.

    `hosts` is an inventory pattern, `component` what the step recovers, `timeout` the seconds for all attempts,
    0 for no limit. `when`, `require` and the values of `variables` are Jinja, evaluated when the step begins.
    `checks` are asked of each host in the end, and a failing one fails the step. `drill` is whether drills do it too.
    `document` is the step as it was written.
    """

    id: str
    type: str
    role: str
    tasks_from: str
    tasks: str
    hosts: str
    component: str
    variables: Mapping[str, object]
    when: tuple[str, ...]
    require: tuple[str, ...]
    approval: str
    timeout: float
    retries: int
    accepts_failure: bool
    become: bool
    gathers_facts: bool
    checks: tuple[object, ...]
    drill: bool
    document: Mapping[str, object]

    def digest(self, files: Mapping[str, str]) -> str:
        """Return what changes when the step changes; `files` has the SHA-256 of the files and roles beside its plan."""
        return _digest({"step": self.document, "tasks": files.get(self.tasks or self.role, "")})


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """
    A plan. Each stage is one step, or several that run side by side. What it `needs` is given with each run of it.
    """

    name: str
    description: str
    priority: str
    needs: tuple[str, ...]
    stages: tuple[tuple[Step, ...], ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in order."""
        return tuple(step for stage in self.stages for step in stage)

    def digest(self, files: Mapping[str, str]) -> str:
        """Return what changes when what the plan does changes."""
        return _digest({"name": self.name, "steps": [step.digest(files) for step in self.steps]})


def parse(document: object, name: str) -> Plan:
    """Return the plan of that name. Raise UsageError that tells all of its problems, each with its place."""
    reader = _Reader()
    plan = reader.plan(document, name)
    if reader.problems or plan is None:
        told = reader.problems[:SHOWN]
        if more := len(reader.problems) - len(told):
            told.append(f"There are {human_count(more, 'more problem')}.")
        raise UsageError(f"The plan {name} is invalid. {' '.join(told)}", "Correct it.", field="plan")
    return plan


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Reader:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self._seen: dict[str, str] = {}

    def plan(self, document: object, name: str) -> Plan | None:
        if not isinstance(document, dict):
            self.problems.append("It is not a dictionary with the keys format, name, description and steps.")
            return None
        self._unknown("", document, ("format", "name", "description", "priority", "needs", "steps"))
        for key, wanted in (("format", FORMAT), ("name", name)):
            if document.get(key) != wanted:
                self.problems.append(f"{key}: must be {wanted}, and is {document.get(key)!r}.")
        if not _ID.fullmatch(name):
            self.problems.append(f"name: {name!r} is no name; use up to 40 lower-case letters, digits and _.")
        description = self._checked("description", document.get("description"), options.text)
        priority = self._checked("priority", document.get("priority", "normal"), options.choice(*PRIORITIES))
        needs = self._checked("needs", document["needs"], expressions) if "needs" in document else ()
        stages = tuple(self._stages(document.get("steps")))
        return Plan(name, str(description), str(priority), _several(needs), stages)

    def _stages(self, given: object) -> Iterator[tuple[Step, ...]]:
        if not isinstance(given, list) or not given:
            self.problems.append("steps: must be a list of at least one step.")
            return
        for number, entry in enumerate(given, 1):
            place = f"steps[{number}]"
            if isinstance(entry, dict) and "parallel" in entry:
                self._unknown(place, entry, ("parallel",))
                yield self._branches(f"{place}.parallel", entry["parallel"])
            else:
                yield self._steps(place, entry)

    def _branches(self, place: str, given: object) -> tuple[Step, ...]:
        if not isinstance(given, list) or len(given) < 2:
            self.problems.append(f"{place}: must be a list of at least two steps.")
            return ()
        return tuple(step for number, entry in enumerate(given, 1) for step in self._steps(f"{place}[{number}]", entry))

    def _steps(self, place: str, entry: object) -> tuple[Step, ...]:
        """Return the step, or nothing where it is none."""
        if not isinstance(entry, dict):
            self.problems.append(f"{place}: is not a dictionary.")
            return ()
        place = self._identified(place, entry)
        self._unknown(place, entry, ("id", "tasks_from", *_WORK, *KEYS))
        values = {
            key: self._checked(f"{place}.{key}", entry[key], check) for key, check in KEYS.items() if key in entry
        }
        does = self._does(place, entry)
        own = TYPES.get(does["type"])
        for name in own.needs if own else ():
            if not name.startswith("lifeboat_") and name not in t.cast("dict[str, object]", values.get("vars") or {}):
                self.problems.append(f"{place}.vars: type {does['type']} needs {name}.")
        if own and own.outside and values.get("drill"):
            self.problems.append(f"{place}.drill: no drill does {does['type']}, which reaches further than its hosts.")
        return (
            Step(
                id=str(entry.get("id")),
                **does,
                hosts=str(values.get("hosts") or (own.hosts if own else CONTROLLER)),
                component=str(values.get("component") or (own.component if own else "")),
                variables=t.cast("dict[str, object]", values.get("vars") or {}),
                when=_several(values.get("when")),
                require=_several(values.get("require")),
                approval=str(values.get("approval") or ""),
                timeout=t.cast("float", values.get("timeout", HOUR)),
                retries=t.cast("int", values.get("retries", 0)),
                accepts_failure=values.get("on_failure") == "continue",
                become=bool(values.get("become", own.become if own else False)),
                gathers_facts=bool(values.get("gather_facts", own.facts if own else True)),
                checks=tuple(t.cast("list[object]", values.get("checks") or ())),
                drill=bool(values.get("drill", own is not None and not own.outside)),
                document=entry,
            ),
        )

    def _identified(self, place: str, entry: Mapping[str, object]) -> str:
        """Return the place of a step with its id, which is checked."""
        identity = entry.get("id")
        if not isinstance(identity, str) or not _ID.fullmatch(identity) or identity in _TAGS:
            self.problems.append(
                f"{place}.id: {identity!r} is no id; use up to 40 lower-case letters, digits and _, but none of "
                f"{', '.join(sorted(_TAGS))}."
            )
            return place
        if identity in self._seen:
            self.problems.append(f"{place}.id: {identity} is the id of {self._seen[identity]} too.")
        self._seen.setdefault(identity, place)
        return f"{place} ({identity})"

    def _does(self, place: str, entry: Mapping[str, object]) -> dict[str, str]:
        """Return what a step does, by `type`, `role`, `tasks_from` and `tasks`."""
        named = [key for key in _WORK if key in entry]
        if len(named) != 1:
            which = " and ".join(named) or "none of them"
            self.problems.append(f"{place}: needs one of type, role and tasks, and has {which}.")
        does = {key: str(entry.get(key, "")) for key in (*_WORK, "tasks_from")}
        for key in named:
            self._checked(f"{place}.{key}", entry[key], options.text)
        if "type" in entry and does["type"] not in TYPES:
            self.problems.append(
                f"{place}.type: {does['type']!r} is no type of a step; use one of {', '.join(sorted(TYPES))}."
                f"{nearest(does['type'], TYPES)}"
            )
        if "tasks_from" in entry and "role" not in entry:
            self.problems.append(f"{place}.tasks_from: belongs to a role, and the step has none.")
        return does

    def _unknown(self, place: str, entry: Mapping[str, object], known: Collection[str]) -> None:
        for key in entry:
            if key not in known:
                where = f"{place}.{key}" if place else str(key)
                self.problems.append(f"{where}: no such key.{nearest(str(key), known)}")

    def _checked(self, place: str, value: object, check: Check) -> object:
        try:
            return check(value, place)
        except UsageError as exc:
            self.problems.append(str(exc))
            return None


def _several(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (str(value),) if value else ()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A recovery plan as a drill: its steps on bare hosts that nobody uses, and around them what the drill does by itself.

First the hosts are cut off. What a bare host lacks is made ready. Once the data is restored and its canaries are found,
keys and credentials of the store are taken away, so that they are gone before the application runs.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import UsageError
from .plan import HOUR, Plan, Step
from .step_types import APPLICATION, CONTROLLER, RECOVER, TYPES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = "drill_"
"""How the ids of the steps begin that a drill does by itself."""

PREPARING = ("provision", "install")
"""The types that make a bare host ready for data, in order."""

DEPLOYING = ("deploy", "configure")
"""Those that make it ready for the services of the application."""

FAILING_OVER = ("promote", "demote", "standby")
"""Those that need a primary and its standby."""

Stage = tuple[Step, ...]


def drilled(plan: Plan) -> Plan:
    """Return the plan of the drill. Raise UsageError for one that fails over, and for an id that the drill needs."""
    for step in plan.steps:
        if step.type in FAILING_OVER:
            raise UsageError(
                f"The plan {plan.name} cannot be drilled: {step.id} needs a primary and its standby, and a drill "
                "restores to bare hosts.",
                "Drill a plan that restores, such as infrastructure_failure.",
                field="plan",
            )
        if step.id.startswith(PREFIX):
            raise UsageError(
                f"The plan {plan.name} cannot be drilled: {step.id} is the id of a step that a drill does by itself.",
                f"Choose an id that does not begin with {PREFIX}.",
                field="plan",
            )
    return dataclasses.replace(plan, stages=tuple(_stages(plan.stages)))


def needs_keys(step: Step) -> bool:
    """Whether a step works with keys and the store on its hosts."""
    own = TYPES.get(step.type)
    return step.drill and own is not None and own.installed


def _stages(stages: tuple[Stage, ...]) -> Iterator[Stage]:
    """Yield the stages of a drill, those of the plan among them."""
    steps = [step for stage in stages for step in stage if step.drill]
    data = [step for step in steps if needs_keys(step)]
    last = max((number for number, stage in enumerate(stages) if any(map(_comes_before_wiping, stage))), default=-1)
    services = [step for stage in stages[last + 1 :] for step in stage if _is_of_a_service(step)]
    yield (_own("isolate", "all", tasks_from="drill_isolate"),)
    if data and not _has(steps, "provision"):
        yield _ready("provision", data)
    if data and not _has(steps, "install") and not _has(steps, "provision"):
        yield _ready("install", data)
    if last < 0:
        yield (_wipe("all"),)
    for number, stage in enumerate(stages):
        if number <= last and (early := _hosts(step for step in stage if _runs_strangers_code(step))):
            yield (_wipe(early, f"_{number + 1}"),)
        if services and services[0] in stage:
            yield from (_ready(each, services) for each in DEPLOYING if not _has(steps, each))
        yield stage
        if data and not _has(steps, "install") and any(step.type == "provision" for step in stage):
            yield _ready("install", data)
        if number == last:
            if data and not _has(steps, "validate"):
                yield (_own("canaries", _hosts(data), does="validate", timeout=0.0),)
            yield (_wipe("all"),)


def _is_of_a_service(step: Step) -> bool:
    own = TYPES.get(step.type)
    return step.drill and own is not None and own.hosts == APPLICATION


def _comes_before_wiping(step: Step) -> bool:
    return step.drill and (needs_keys(step) or step.type in PREPARING)


def _runs_strangers_code(step: Step) -> bool:
    """Whether the application, or what its users wrote, runs on the hosts of a step. None is there to be stopped."""
    its_own = step.type not in TYPES or (_is_of_a_service(step) and step.type != "stop")
    return step.drill and its_own and step.hosts not in {"localhost", CONTROLLER}


def _has(steps: Iterable[Step], kind: str) -> bool:
    return any(step.type == kind for step in steps)


def _hosts(steps: Iterable[Step]) -> str:
    """Return the patterns of the hosts of all these steps, one a line."""
    return "\n".join(dict.fromkeys(step.hosts for step in steps))


def _ready(kind: str, steps: Iterable[Step]) -> Stage:
    return (_own(kind, _hosts(steps), does=kind),)


def _wipe(hosts: str, number: str = "") -> Step:
    return _own(f"wipe{number}", hosts, tasks_from="drill_wipe")


def _own(name: str, hosts: str, *, does: str = "", tasks_from: str = "", timeout: float = HOUR) -> Step:
    kind = TYPES.get(does)
    return Step(
        id=f"{PREFIX}{name}",
        type=does,
        role="" if kind else RECOVER,
        tasks_from=tasks_from,
        tasks="",
        hosts=hosts,
        component=kind.component if kind else "",
        variables={},
        when=(),
        require=(),
        approval="",
        timeout=timeout,
        retries=0,
        accepts_failure=False,
        become=kind.become if kind else True,
        gathers_facts=kind.facts if kind else False,
        checks=(),
        drill=True,
        document={"id": f"{PREFIX}{name}", "type": does, "tasks_from": tasks_from, "hosts": hosts},
    )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A recovery plan as plays.

This file is private to the collection. Every stage of a plan becomes three kinds of plays: its steps begin on the
controller, work on their hosts, and end on the controller. The controller takes part in the work, so that the end is
recorded even if every host failed or vanished. Everything is imported statically: a misspelt role or module is found
while Ansible parses, before anything is touched. Keywords are stated, so that no ansible.cfg changes them.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..module_utils._engine.records.recovery.events import DRILL
from ..module_utils._engine.records.recovery.step_types import CONTROLLER, PITR, RECOVER, TYPES
from ..module_utils._engine.records.wal.targets import LATEST
from . import _hosts
from ._known_steps import STATE

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..module_utils._engine.records.recovery.plan import Step
    from ._known_steps import KnownSteps

Tasks = list[dict[str, t.Any]]

LEFT = f"{STATE}.recover_open[recover_step.id].deadline | default(0)"
SECONDS_LEFT = f"{{{{ [({LEFT}) - now(utc=true).timestamp(), 1] | max | int if {LEFT} else 0 }}}}"
"""The time that is left to a step, for each of its tasks."""

KEEPALIVE = "-o ServerAliveInterval=15 -o ServerAliveCountMax=4"
"""
A host that dies or reboots in the middle of a task never says so, and ssh would wait for ever, so it asks. A minute is
long enough for one that is busy.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Compiled:
    """
    A plan with what the machine that runs it knows: its steps, the roles and task files beside it by their absolute
    paths, the process id of Ansible, a directory that is this run's alone, and what ssh is given for hosts that say
    nothing else.
    """

    steps: KnownSteps
    paths: Mapping[str, str]
    pid: int
    private_dir: str
    ssh_extra_args: str = ""

    def plays(self) -> list[dict[str, t.Any]]:
        """Return all plays, from the first word to the last."""
        closing = self._play("Close the recovery", ["always"], self._shared("close"))
        cleared = self._clearing("Clear the hosts", "drill_cleared") if self.steps.mode == DRILL else ()
        return [*self._opening(), *self._stages(), *cleared, closing]

    def _opening(self) -> Iterator[dict[str, t.Any]]:
        known = {
            "recover_plan": self.steps.document(),
            "recover_mode": self.steps.mode,
            "recover_given": dict(self.steps.given),
            "recover_process": {"pid": self.pid},
            "recover_private_dir": self.private_dir,
            "recover_approvals": {step.id: step.approval for step in self.steps.plan.steps if step.approval},
            "recover_replacing": [step.id for step in self.steps.plan.steps if _replaces(step) and step.type != PITR],
            "recover_default_target": LATEST if any(map(_always_arrives, self.steps.plan.steps)) else "",
            "recover_arriving": [step.id for step in self.steps.plan.steps if step.type == PITR],
            "recover_is_for_lost": any(map(_hosts.is_for_lost, self.steps.plan.steps)),
            "recover_needs": list(self.steps.needs()),
        }
        add = {"name": "Let this machine take part", "ansible.builtin.add_host": _CONTROLLER, "changed_when": False}
        yield self._play(f"Open the recovery by plan {self.steps.plan.name}", ["always"], [add], hosts="localhost")
        if self.steps.mode == DRILL:
            yield self._play(
                "Identify the hosts of the inventory", ["always"], self._shared("drill_identify"), hosts="all"
            )
        looking = [*self._shared("look"), _KEEP_TARGET]
        yield self._play("Find out where the recovery stands", ["always"], looking, vars=known)
        yield self._play(
            "Examine the hosts",
            ["always"],
            self._shared("examine"),
            hosts=_with_controller("recover_examined"),
        )
        yield self._play("Open the recovery", ["always"], self._shared("open"), vars=known)
        if self.steps.mode == DRILL:
            yield from self._clearing("Clear what another drill left", "drill_ready")

    def _clearing(self, name: str, end: str) -> Iterator[dict[str, t.Any]]:
        """Yield the plays that remove what a drill made, and tell what they left."""
        hosts = _with_controller("recover_drilled")
        known = {"ansible_pipelining": True, "recover_drill_phase": end}
        yield self._play(name, ["always"], self._shared("drill_clear"), hosts=hosts, vars=known)
        yield self._play(f"{name} · end", ["always"], self._shared(end))

    def _stages(self) -> Iterator[dict[str, t.Any]]:
        count = len(self.steps.plan.steps)
        done = 0
        for stage in self.steps.plan.stages:
            numbers = f"{done + 1}" if len(stage) == 1 else f"{done + 1}-{done + len(stage)}"
            title = f"{numbers}/{count} {' + '.join(step.id for step in stage)}"
            done += len(stage)
            yield from self._stage(title, stage)

    def _stage(self, title: str, stage: tuple[Step, ...]) -> Iterator[dict[str, t.Any]]:
        tags = [f"step-{step.id}" for step in stage]
        known = {step.id: self.steps.known(step) for step in stage}
        over = {"name": "Pass over what is settled", "ansible.builtin.meta": "end_play"}
        due = {**over, "when": f"recover_ended != '' or {list(known)!r} | difference(recover_settled) | length == 0"}
        begin = [
            due,
            *(
                self._judged(step, known[step.id])
                for step in stage
                if self.steps.hosts[step.id] and self.steps.runs(step)
            ),
        ]
        begin += self._shared("begin", recover_steps=list(known.values()))
        yield self._play(f"{title} · begin", tags, begin)
        started = {**over, "when": f"{STATE}.recover_open | length == 0"}
        tries = 1 + max(step.retries for step in stage)
        for attempt in range(1, tries + 1):
            name = title if attempt == 1 else f"{title} · attempt {attempt}"
            work = [started, *self._shared("reach"), *(self._work(step, known[step.id]) for step in stage)]
            yield self._play(
                name,
                tags,
                work,
                hosts=_with_controller("recover_left"),
                strategy="ansible.builtin.free" if len(stage) > 1 else "ansible.builtin.linear",
                vars={"ansible_pipelining": True, "recover_attempt": attempt},
            )
            end = [started, *self._shared("end", recover_steps=list(known.values()))]
            yield self._play(f"{name} · end", tags, end, vars={"recover_attempt": attempt})

    def _judged(self, step: Step, known: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the block that decides whether a step is to begin."""
        required = [
            {
                "name": f"Require {expression}",
                "when": "recover_step.hosts | length > 0",
                "ansible.builtin.assert": {
                    "that": [expression],
                    "fail_msg": f"It requires {_quoted(expression)}, which is false.",
                    "quiet": True,
                },
            }
            for expression in step.require
        ]
        wanted = {
            "name": f"Decide that {step.id} begins",
            "vars": {"recover_step": known},
            "block": [*required, *self._shared("judge")],
            "rescue": self._shared("refuse"),
        }
        if not step.when:
            return wanted
        asked = {"name": f"Evaluate when of {step.id}", "when": list(step.when), "block": [wanted]}
        return {
            "name": f"Decide whether {step.id} begins",
            "vars": {"recover_step": known},
            "block": [asked],
            "rescue": self._shared("refuse"),
        }

    def _work(self, step: Step, known: dict[str, t.Any]) -> dict[str, t.Any]:
        facts = {"name": "Gather facts", "ansible.builtin.setup": {}, "when": "not ansible_facts"}
        return {
            "name": step.id,
            "when": f"inventory_hostname in {STATE}.recover_open['{step.id}'].left | default([])",
            "become": step.become,
            "timeout": SECONDS_LEFT,
            "vars": {"recover_step": known},
            "block": [
                *([facts] if step.gathers_facts else []),
                self._does(step),
                {"name": "Run the handlers", "ansible.builtin.meta": "flush_handlers"},
                *(self._shared("checks", recover_checks=list(step.checks)) if step.checks else []),
                *self._shared("succeeded", recover_facts=_facts(step)),
            ],
            "rescue": self._shared("failed"),
        }

    def _does(self, step: Step) -> dict[str, t.Any]:
        own = TYPES.get(step.type)
        does: dict[str, t.Any] = {"name": f"Do {step.id}"}
        if step.tasks:
            does["ansible.builtin.import_tasks"] = self.paths[step.tasks]
        else:
            named, part = (own.role, own.tasks_from) if own else (self.paths.get(step.role, step.role), step.tasks_from)
            does["ansible.builtin.import_role"] = {"name": named, **({"tasks_from": part} if part else {})}
        if variables := {**(own.variables if own else {}), **step.variables}:
            does["vars"] = variables
        if own and own.installed:
            does["when"] = "recover_ready"
        return does

    def _ssh_arguments(self) -> str:
        """Return what ssh is given beside the arguments of a host's own, of which it takes the first that it meets."""
        own = f"hostvars[inventory_hostname].ansible_ssh_extra_args | default({self.ssh_extra_args!r})"
        return f"{{{{ {own} }}}} {KEEPALIVE}"

    def _shared(self, tasks_from: str, **variables: t.Any) -> Tasks:
        task: dict[str, t.Any] = {
            "name": tasks_from.capitalize(),
            "ansible.builtin.import_role": {"name": RECOVER, "tasks_from": tasks_from, "rolespec_validate": False},
        }
        return [task | ({"vars": variables} if variables else {})]

    def _play(
        self,
        name: str,
        tags: list[str],
        tasks: Tasks,
        *,
        hosts: str = CONTROLLER,
        vars: Mapping[str, t.Any] | None = None,  # noqa: A002 - the keyword of a play
        **more: t.Any,
    ) -> dict[str, t.Any]:
        return {
            "name": name,
            "hosts": hosts,
            "tags": tags,
            "gather_facts": False,
            "become": False,
            "strategy": "ansible.builtin.linear",
            "any_errors_fatal": False,
            "ignore_errors": False,
            "ignore_unreachable": False,
            "max_fail_percentage": 100,
            "timeout": 0,
            **more,
            "vars": {"ansible_ssh_extra_args": self._ssh_arguments(), **(vars or {})},
            "tasks": tasks,
        }


_KEEP_TARGET = {
    "name": "Recover to the moment that was chosen when the recovery began",
    "when": "recover_recovery.target is truthy and recover_given.pitr_target is not defined",
    "ansible.builtin.set_fact": {"lifeboat_pitr_target": "{{ recover_recovery.target }}"},
}
"""A run that resumes a recovery need not say it again: the conditions of steps see it all the same."""

_CONTROLLER = {
    "name": CONTROLLER,
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}


def _facts(step: Step) -> str:
    """Return what gives the facts of a step that the journal keeps."""
    own = TYPES.get(step.type)
    return f"{{{{ {own.result} | default({{}}) }}}}" if own is not None and own.result else "{{ {} }}"


def _with_controller(fact: str) -> str:
    """Return a pattern of the hosts in a fact of the controller and itself. A check of the syntax has no facts."""
    return f"{{{{ ['{CONTROLLER}'] + ((hostvars | default({{}}))['{CONTROLLER}'].{fact} | default([])) }}}}"


def _replaces(step: Step) -> bool:
    own = TYPES.get(step.type)
    return own is not None and own.replaces


def _always_arrives(step: Step) -> bool:
    """Whether a step recovers servers to a moment in every run."""
    return step.type == PITR and not step.when


def _quoted(expression: str) -> str:
    """Return text that Jinja shows as it is."""
    return "{{ " + repr(expression) + " }}"

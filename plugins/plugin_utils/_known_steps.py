# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a run knows of the steps of a plan: their hosts, whether they run, and what the journal and the tasks are told.

This file is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from ..module_utils._engine.records.recovery.events import DRILL
from ..module_utils._engine.records.recovery.step_types import CONTROLLER, TYPES
from . import _hosts

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..module_utils._engine.records.recovery.events import Mode
    from ..module_utils._engine.records.recovery.plan import Plan, Step

STATE = f"hostvars['{CONTROLLER}']"
"""Where the state of the recovery is: facts of the controller."""


@dataclasses.dataclass(frozen=True, slots=True)
class KnownSteps:
    """
    The steps of a plan, the hosts of each, the SHA-256 of the files beside the plan, and what is given on the command
    line. In a drill, which hosts others stand in for is known when it runs.
    """

    plan: Plan
    mode: Mode
    hosts: Mapping[str, Sequence[str]]
    files: Mapping[str, str]
    given: Mapping[str, t.Any]

    def document(self) -> dict[str, t.Any]:
        """Return what the journal records of the plan."""
        steps = [
            {
                "id": step.id,
                "type": step.type or "custom",
                "digest": self._digest(step),
                "hosts": self._hosts_of(step),
                "component": step.component,
                "stage": number,
            }
            for number, stage in enumerate(self.plan.stages, 1)
            for step in stage
        ]
        return {"name": self.plan.name, "digest": self.plan.digest(self.files), "steps": steps}

    def needs(self) -> Iterator[dict[str, str]]:
        """Yield the variables that steps need and do not have of their own, by host."""
        for step in filter(self.runs, self.plan.steps):
            own = TYPES.get(step.type)
            for name in own.needs if own else ():
                if name not in step.variables:
                    yield from ({"step": step.id, "name": name, "host": host} for host in self.hosts[step.id])

    def known(self, step: Step) -> dict[str, t.Any]:
        """Return what the tasks of role recover know of a step."""
        own = TYPES.get(step.type)
        return {
            "id": step.id,
            "hosts": self._hosts_of(step),
            "approval": step.approval,
            "timeout": step.timeout,
            "attempts": 1 + step.retries,
            "accepts_failure": step.accepts_failure,
            "exclusive": own is not None and own.exclusive,
            "empty": self._empty(step),
        }

    def runs(self, step: Step) -> bool:
        """Whether a step is one that this mode has."""
        return self.mode != DRILL or step.drill

    def _digest(self, step: Step) -> str:
        """Return what changes when the step changes, or the hosts between which something fails over."""
        own = step.digest(self.files)
        if not _hosts.is_for_failover(step):
            return own
        pairs = json.dumps(self.given.get("failover"), sort_keys=True)
        return hashlib.sha256(f"{own} {pairs}".encode()).hexdigest()

    def _hosts_of(self, step: Step) -> list[str] | str:
        """Return the hosts of a step; in a drill an expression for those for which others stand in."""
        hosts = list(self.hosts[step.id]) if self.runs(step) else []
        if self.mode != DRILL or hosts in ([], [CONTROLLER]):
            return hosts
        return f"{{{{ {hosts!r} | select('in', {STATE}.recover_drilled) | list }}}}"

    def _empty(self, step: Step) -> str:
        """Return why a step has no host, nothing where it has some."""
        if not self.runs(step):
            return DRILL
        hosts = list(self.hosts[step.id])
        if not hosts:
            return f"no host is in {step.hosts}"
        if self.mode != DRILL or hosts == [CONTROLLER]:
            return ""
        told = f"{DRILL}: lifeboat_drill_hosts has none for {', '.join(hosts)}"
        return f"{{{{ '' if {hosts!r} | select('in', {STATE}.recover_drilled) | list else {told!r} }}}}"

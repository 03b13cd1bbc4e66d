# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The types of steps that a recovery plan may have, one row each: the tasks behind a type, where they run, and what the
engine has to know about them.
"""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

CONTROLLER = "lifeboat_controller"
"""The inventory name under which the machine that runs Ansible takes part in a recovery."""

RECOVER = "lifeboat.recovery.recover"
DATABASES = "databases"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepType:
    """
    What a step does: `tasks_from` of `role`, on `hosts` (an inventory pattern) unless the step names others.

    `component` is what a step recovers, for the objectives. `become` is for its tasks. `installed` needs what playbook install puts on a host, so that check mode leaves out
    hosts without it. `replaces` can replace data, so that the targets are examined before the first step. `facts`
    gathers facts first.
    """

    role: str = RECOVER
    tasks_from: str
    hosts: str = DATABASES
    component: str = ""
    become: bool = True
    installed: bool = True
    replaces: bool = False
    facts: bool = False


TYPES: Mapping[str, StepType] = {
    "emergency_backup": StepType(tasks_from="emergency_backup"),
    "install": StepType(tasks_from="install", installed=False, facts=True),
    "restore": StepType(tasks_from="restore", component="database", replaces=True),
    "validate": StepType(tasks_from="validate", component="database"),
}
"""The types by the word that people write."""

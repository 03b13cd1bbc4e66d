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

CONTROLLER = "lifeboat-controller"
"""The inventory name under which the machine that runs Ansible takes part in a recovery."""

RECOVER = "lifeboat.recovery.recover"
RESTORE = "restore"
PITR = "pitr"
"""
The types of the steps that restore databases from logical backups, and that recover whole servers, to a moment, from
physical ones and the log after them.
"""

DATABASES = "databases"
DEMOTED = "demoted"
PROMOTED = "promoted"
"""The groups of the hosts that are replaced by others, and of those others, beside the groups of the inventory."""

APPLICATION = "application"
"""The inventory group of the hosts on which the services of the application run."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepType:
    """
    What a step does: `tasks_from` of `role`, on `hosts` (an inventory pattern) unless the step names others.

    `component` is what a step recovers, for the objectives. `become` is for its tasks. `installed` needs what playbook
    install puts on a host, so that check mode leaves out hosts without it. `replaces` can replace data, so that the
    targets are examined before the first step. `facts` gathers facts first. What two runs must never both do is
    `exclusive`. `variables` are given to the role, below those of the step. `result` is the fact in which the role says
    what the journal keeps. A step without hosts is skipped if that is `optional`. What it `needs` are variables of each
    host, `lifeboat_*`, or of the step. `guess` are the seconds that it takes where nobody knows better; one that
    `moves_data` takes more, by the bytes.

    What is `outside` reaches further than the hosts of the step, or is meant for those that a recovery leaves behind: a
    drill skips it. Every other type works on the hosts of the step alone.
    """

    role: str = RECOVER
    tasks_from: str = "main"
    hosts: str = DATABASES
    component: str = ""
    become: bool = True
    installed: bool = True
    replaces: bool = False
    facts: bool = False
    exclusive: bool = False
    optional: bool = False
    outside: bool = False
    result: str = ""
    moves_data: bool = False
    guess: int = 60
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()


def _of_the_controller(fact: str) -> str:
    """Return what gives a fact of the recovery, on all hosts."""
    return f"{{{{ hostvars['{CONTROLLER}'].{fact} }}}}"


def _application(tasks_from: str) -> StepType:
    before = tasks_from == "read_only"
    return StepType(
        role="lifeboat.recovery.application",
        tasks_from=tasks_from,
        hosts=APPLICATION,
        component=APPLICATION,
        installed=False,
        optional=True,
        variables={
            "application_primaries": _of_the_controller(
                "recover_primaries_before" if before else "recover_primaries_after"
            )
        },
    )


def _failover(tasks_from: str, hosts: str) -> StepType:
    known = {
        "failover_since": _of_the_controller("recover_recovery.started"),
        "failover_approved": f"{{{{ recover_step.id in hostvars['{CONTROLLER}'].recover_recovery.approved }}}}",
    }
    return StepType(
        role="lifeboat.recovery.failover",
        tasks_from=tasks_from,
        hosts=f"{DATABASES}:&{hosts}",
        component="database" if tasks_from == "promote" else "",
        installed=False,
        exclusive=True,
        outside=True,
        result="failover_result",
        variables=known,
        needs=("lifeboat_replication_password",) if tasks_from == "standby" else (),
    )


def _isolate(tasks_from: str, *, exclusive: bool = False) -> StepType:
    return StepType(
        role="lifeboat.recovery.isolate", tasks_from=tasks_from, installed=False, exclusive=exclusive, outside=True
    )


def _of_the_lost(does: str) -> StepType:
    """Return what is done to lost hosts where they were, and not to those in their places."""
    return StepType(
        tasks_from="lost_host",
        hosts="databases:&lost",
        installed=False,
        exclusive=True,
        outside=True,
        variables={"recover_does": does},
    )


def _schedule(tasks_from: str) -> StepType:
    return StepType(role="lifeboat.recovery.schedule", tasks_from=tasks_from, installed=False, outside=True)


def _dns(tasks_from: str, *, exclusive: bool = False) -> StepType:
    former = {
        "dns_switch_former_addresses": "{{ recover_former_addresses }}",
        "dns_switch_primaries": _of_the_controller("recover_primaries_after"),
    }
    return StepType(
        role="lifeboat.recovery.dns_switch",
        tasks_from=tasks_from,
        hosts=CONTROLLER,
        become=False,
        installed=False,
        exclusive=exclusive,
        outside=True,
        variables=former,
    )


_PINNED = {"provision_database": "{{ recover_first_database }}", "provision_backup": "{{ recover_first_backup }}"}
"""What a server is made again from: the recovery point, because an intruder may have changed it since."""

TYPES: Mapping[str, StepType] = {
    "emergency_backup": StepType(tasks_from="emergency_backup", outside=True, guess=120),
    "isolate": _isolate("main"),
    "undo_isolate": _isolate("undo"),
    "fence": _isolate("fence", exclusive=True),
    "unfence": _isolate("unfence"),
    "isolate_lost": _of_the_lost("main"),
    "fence_lost": _of_the_lost("fence"),
    "schedules_off": _schedule("schedules_off"),
    "schedules_on": _schedule("schedules_on"),
    "assess": StepType(tasks_from="assess", installed=False),
    "rotate": StepType(tasks_from="rotate", installed=False, outside=True, needs=("lifeboat_rotate",)),
    "notify": StepType(
        tasks_from="notify", hosts=CONTROLLER, become=False, installed=False, outside=True, needs=("notify_text",)
    ),
    "provision": StepType(role="lifeboat.recovery.provision", installed=False, variables=_PINNED, guess=120),
    "install": StepType(tasks_from="install", installed=False, facts=True, guess=180),
    RESTORE: StepType(tasks_from="restore", component="database", replaces=True, exclusive=True, moves_data=True),
    PITR: StepType(
        tasks_from="pitr",
        component="database",
        replaces=True,
        exclusive=True,
        moves_data=True,
        guess=120,
        result="recover_arrived",
    ),
    "validate": StepType(tasks_from="validate", component="database", result="recover_validated", moves_data=True),
    **{name: _application(name) for name in ("stop", "deploy", "start", "check", "read_only", "read_write")},
    "configure": _application("configure"),
    "promote": _failover("promote", PROMOTED),
    "demote": _failover("demote", DEMOTED),
    "standby": _failover("standby", DEMOTED),
    "dns_prepare": _dns("prepare"),
    "dns_switch": _dns("main", exclusive=True),
    "dns_restore_ttl": _dns("restore_ttl"),
}
"""The types by the word that people write."""

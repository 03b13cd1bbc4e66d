# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The hosts of the steps of a recovery plan, known before the first connection.

This file is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible import context
from ansible.plugins.lookup import inventory_hostnames

from ..module_utils._engine.ground.errors import UsageError
from ..module_utils._engine.records.recovery.plan_keys import nearest
from ..module_utils._engine.records.recovery.step_types import CONTROLLER, DEMOTED, PROMOTED, TYPES

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..module_utils._engine.records.recovery.plan import Plan, Step

LOST = "lost"
"""The group of the hosts in whose place others stand, beside those of the inventory."""

FAILOVER = "lifeboat_failover"

EXAMPLE = 'Say which host takes whose place, such as -e \'{"lifeboat_failover": {"db1": "db2"}}\'.'

THIS_MACHINE = ("localhost", CONTROLLER)


def of(step: Step, variables: Mapping[str, t.Any]) -> list[str]:
    """Return the hosts that a step's pattern means. Raise UsageError when it means none."""
    own = TYPES.get(step.type)
    given = variables.get("groups", {})
    if step.hosts in THIS_MACHINE:
        return [CONTROLLER]
    named = {each.partition(":")[0] for each in step.hosts.split("\n")}
    if own is not None and own.optional and own.hosts not in given and named == {own.hosts}:
        return []
    lost = list(variables.get("lifeboat_replace") or ())
    pairs = variables.get(FAILOVER) or {}
    groups = {**given, LOST: lost, DEMOTED: list(pairs), PROMOTED: list(pairs.values())}
    if is_for_failover(step) and not pairs and not context.CLIARGS.get("syntax"):
        raise UsageError(
            f"Step {step.id} is for a failover, and none is named.",
            EXAMPLE,
            field=FAILOVER,
        )
    found = _matching(step.hosts, groups)
    if is_for_lost(step) and not lost and not step.when and not context.CLIARGS.get("syntax"):
        raise UsageError(
            f"Step {step.id} is for lost hosts, and none is named.",
            'Say which spare stands in for which host, such as -e \'{"lifeboat_replace": {"db1": "spare1"}}\'.',
            field="lifeboat_replace",
        )
    otherwise = ({**given, LOST: others} for others in ([], given.get("all", [])))
    if not found and any(_matching(step.hosts, each) for each in otherwise):
        return []  # others are lost, or none are
    if not found and not context.CLIARGS.get("syntax"):  # a check of the syntax has no inventory
        raise UsageError(
            f"Step {step.id} has no host: the inventory has none that matches {step.hosts!r}."
            f"{nearest(step.hosts, [*groups, *groups.get('all', ())])}",
            "Correct hosts of the step, or the inventory.",
            field="hosts",
        )
    return found


def is_for_lost(step: Step) -> bool:
    """Whether a step is for lost hosts alone."""
    return any(part.removeprefix("&") == LOST for part in re.split("[:,]", step.hosts))


def is_for_failover(step: Step) -> bool:
    """Whether a step's hosts follow from which one takes whose place."""
    return not {DEMOTED, PROMOTED}.isdisjoint(re.split(r"\W+", step.hosts))


def check_lost(plan: Plan, hosts: Mapping[str, list[str]], variables: Mapping[str, t.Any]) -> None:
    """Raise UsageError for a lost host that no step makes again, although the plan has steps for lost hosts."""
    steps = [step.id for step in plan.steps if is_for_lost(step)]
    made = {host for step in steps for host in hosts[step]}
    for host in variables.get("lifeboat_replace") or () if steps else ():
        if host not in made and host in variables.get("groups", {}).get("all", ()):
            raise UsageError(
                f"{host} is lost, and no step of plan {plan.name} is for it: {', '.join(steps)} are for other hosts.",
                "Use a plan that makes it again, such as full_rebuild, or leave it out of lifeboat_replace.",
                field="lifeboat_replace",
            )


def check_pairs(variables: Mapping[str, t.Any]) -> None:
    """Raise UsageError unless it can be meant which host is replaced by which."""
    pairs = variables.get(FAILOVER) or {}
    if not isinstance(pairs, dict):
        raise UsageError(f"{FAILOVER} is no dictionary.", EXAMPLE, field=FAILOVER)
    known = variables.get("groups", {}).get("all", ())
    for host in [*pairs, *pairs.values()]:
        if host not in known:
            raise UsageError(
                f"{FAILOVER}: the inventory has no host {host!r}.{nearest(str(host), known)}",
                EXAMPLE,
                field=FAILOVER,
            )
    if len({*pairs, *pairs.values()}) < 2 * len(pairs):
        raise UsageError(
            f"{FAILOVER}: a host is named twice.", "Each is replaced by one other, or replaces it.", field=FAILOVER
        )


def check_branches(plan: Plan, hosts: Mapping[str, list[str]]) -> None:
    """Raise UsageError for steps that run side by side on the same host."""
    for stage in plan.stages:
        taken: dict[str, str] = {}
        for step in stage:
            for host in hosts[step.id]:
                if host in taken:
                    raise UsageError(
                        f"The plan {plan.name} is invalid. {taken[host]} and {step.id} run side by side on {host}.",
                        "Let them run one after the other, or on different hosts.",
                        field="parallel",
                    )
                taken[host] = step.id


def _matching(patterns: str, groups: Mapping[str, t.Any]) -> list[str]:
    """Return the hosts that any of these patterns means, of which there is one a line."""
    found = (
        inventory_hostnames.LookupModule().run([each], variables={"groups": groups}) for each in patterns.split("\n")
    )
    return list(dict.fromkeys(str(host) for hosts in found for host in hosts))

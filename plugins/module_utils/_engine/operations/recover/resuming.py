# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run may not change in a recovery that it resumes: what is done, and what that was done with."""

from __future__ import annotations

import json
import typing as t

from ...ground.errors import UsageError
from ...records.recovery import arriving
from ...records.recovery.step_types import PITR, RESTORE
from ...records.wal import targets

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from ...records.recovery.events import Plan
    from ...records.recovery.state import State
    from .points import Wanted

_ANOTHER = "With recovery_id: new (lifeboat_recovery_id) another recovery begins."


def replaced(before: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the hosts in whose place others stand. What was replaced stays so: data are on the other host already."""
    for name in sorted(before.keys() & given.keys()):
        if before[name] != given[name]:
            raise UsageError(
                f"replace: {name} was replaced by {before[name]} in this recovery, not by {given[name]}.",
                f"Leave it as it was. {_ANOTHER}",
                field="replace",
            )
    return {**before, **given}


def failed_over(before: State | None, given: Mapping[str, str]) -> dict[str, str]:
    """Return which host takes whose place as the primary. The steps that are over were done on just these hosts."""
    if before and dict(given) != before.opened.failover:
        pairs = ", ".join(f"{former}: {after}" for former, after in sorted(before.opened.failover.items()))
        raise UsageError(
            f"failover: {before.recovery_id} began with " + (f"{{{pairs}}}." if pairs else "none."),
            f"Pass the same again (lifeboat_failover). {_ANOTHER}",
            field="failover",
        )
    return dict(given)


def target(before: State | None, given: object, otherwise: object, plan: Plan) -> str:
    """
    Return the moment to which servers are recovered, as the journal has it: the given one, else that of the recovery
    that is resumed, or `otherwise` where one begins.

    Raise UsageError where the plan cannot do that, or data were recovered otherwise already.
    """
    if before and given is None:
        return before.target
    given = given or otherwise
    if not given:
        return ""
    wanted = targets.parse(given)
    if all(step.type != PITR for step in plan.steps):
        raise UsageError(
            f"target: plan {plan.name} has no step that recovers a server to a moment.",
            "Use a plan with a step of type pitr, such as database_corruption or data_loss, or leave out target "
            "(lifeboat_pitr_target).",
            field="target",
        )
    if before and (not before.target or targets.parse(json.loads(before.target)) != wanted):
        done = [step.id for step in before.plan.steps if step.type in {PITR, RESTORE} and step.id in before.settled]
        if done:
            raise UsageError(
                f"target: {before.recovery_id} began with {before.target or 'none'}, and its step {done[0]} is over.",
                f"Leave out target (lifeboat_pitr_target). {_ANOTHER}",
                field="target",
            )
    return json.dumps(given, sort_keys=True)


def require_clean_target(target: str, infected_since: datetime.datetime | None) -> None:
    """Raise UsageError where the log would be replayed that was written after somebody broke in."""
    at = arriving.moment(target)
    if target and infected_since and (at is None or at >= infected_since):
        raise UsageError(
            "target: the log up to there holds what was written since infected_since.",
            "Use a time before that (lifeboat_pitr_target), or restore from backups.",
            field="target",
        )


def require_settled(before: State, now: Plan) -> None:
    """Raise UsageError when the plan has another step, or none, in the place of one that is over."""
    changed = [step for step in before.settled if before.plan.digest_of(step) != now.digest_of(step)]
    if changed:
        raise UsageError(
            f"The plan changed under {before.recovery_id}: step {changed[0]} is done, and is another one now.",
            f"Restore the step as it was. {_ANOTHER}",
            field="plan",
            steps=changed,
        )


def require_clean(before: State, wanted: Wanted) -> None:
    """Raise UsageError when a point that was chosen before anybody knew of an infection is not from before that."""
    for component, point in before.points.items():
        if not wanted.names(component) and wanted.infected_since and point.finished >= wanted.infected_since:
            raise UsageError(
                f"{point.backup_id}, from which {before.recovery_id} recovers {component}, is not from before "
                "infected_since.",
                f"Name another backup in points (lifeboat_restore_from). {_ANOTHER}",
                field="points",
            )


def require_unused(before: State, changed: Collection[str]) -> None:
    """Raise UsageError when components are to come from other backups than those that are restored already."""
    done = [step.id for step in before.plan.steps if step.type in {PITR, RESTORE} and step.id in before.settled]
    done = [step for step in done if before.settled[step] != "skipped"]
    if done:
        raise UsageError(
            f"Step {done[0]} of {before.recovery_id} is done, so nothing else is restored for {min(changed)}.",
            f"Leave out points (lifeboat_restore_from). {_ANOTHER}",
            field="points",
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run may not change in a recovery that it resumes: what is done, and what that was done with."""

from __future__ import annotations

import typing as t

from ...ground.errors import UsageError

if t.TYPE_CHECKING:
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
    done = [step.id for step in before.plan.steps if step.type == "restore" and step.id in before.settled]
    if done:
        raise UsageError(
            f"Step {done[0]} of {before.recovery_id} is done, so nothing else is restored for {min(changed)}.",
            f"Leave out points (lifeboat_restore_from). {_ANOTHER}",
            field="points",
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a restore says when there is nothing to do, in check mode, and when the old database is lost.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import units
from ..model import Outcome
from ..postgres import halfmade
from ..postgres.layout import counted

if t.TYPE_CHECKING:
    from ..errors import RecoveryError
    from .history import History
    from .plan import Material, Plan, RestoreRequest


def done_before(
    session: halfmade.Session, request: RestoreRequest, material: Material, history: History
) -> Outcome | None:
    """Give the outcome of a rerun within one recovery, or None when there is something to do."""
    last = history.last(request.host, request.target, halfmade.exists(session, request.target))
    manifest = material.backup.manifest
    same = last is not None and last.backup_id == manifest.backup_id and last.recovery_id == request.recovery_id
    if last is None or not same or not request.recovery_id:
        return None
    said = f"{last.backup_id} was restored as {last.target} at {last.finished} in this recovery: nothing to do."
    facts = {"restore": {**dataclasses.asdict(last), "proved": material.detail["proof"]["level"]}, "summary": said}
    return Outcome(changed=False, facts=facts)


def planned(plan: Plan) -> Outcome:
    """Say what would be done, and which token it would need."""
    manifest = plan.material.backup.manifest
    facts = {
        "restore": {
            "backup_id": manifest.backup_id,
            "component": manifest.component,
            "target": plan.request.target,
            "strategy": plan.request.strategy,
            "kept": plan.kept,
            "confirm": plan.confirm or None,
            "table_bytes": plan.material.table_bytes,
            "estimate_seconds": plan.estimate,
            "stays": list(plan.target.stays),
            "roles": plan.roles.facts(),
        },
        "summary": f"Would restore {manifest.backup_id} as {plan.request.target}.",
    }
    warnings = plan.warnings
    if plan.confirm and plan.request.confirm != plan.confirm:
        warnings = (*warnings, f"{plan.why}. The restore will need confirm: {plan.confirm}")
    return Outcome(
        changed=True, facts=facts, before=state_of(plan), after="\n".join(plan.lines()) + "\n", warnings=warnings
    )


def state_of(plan: Plan) -> str:
    """Give the target as it is, for a diff."""
    if not plan.target.exists:
        return f"database {plan.request.target} does not exist\n"
    return f"database {plan.request.target}, {units.human_size(plan.target.size)}\n"


def proved(plan: Plan) -> str:
    """Give the level of the proof that the result was compared with."""
    return str(plan.material.detail["proof"]["level"]) if plan.request.validate else "none"


def compared(plan: Plan) -> str:
    """Say in a few words what the restored database was compared with."""
    level = proved(plan)
    if level == "none":
        return "compared with nothing"
    tables, rows = counted(plan.material.detail)
    return f"{tables} tables with {rows or 0:,} rows as they were backed up (proof {level})"


def lost(error: RecoveryError, target: str, emergency_id: str) -> RecoveryError:
    """Give the same kind of error, but say that the database is gone and what it can be had back from."""
    return type(error)(
        f"The restore in place failed when {target!r} was already dropped: {error.cause}",
        f"Restore {_instead(emergency_id)} into it, or mend the cause and run again: no confirm is needed now.",
        **error.details,
    ).naming(*error.names)


def dropped(target: str, emergency_id: str) -> str:
    """Return what there is to say when somebody stops a restore in place after it dropped the database."""
    return (
        f"The database {target!r} was already dropped. "
        f"Restore {_instead(emergency_id)} into it, or run again: no confirm is needed now."
    )


def _instead(emergency_id: str) -> str:
    return f"the emergency backup {emergency_id}" if emergency_id else "another backup"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What a recovery to a moment will do, and what it did, for people and for machines."""

from __future__ import annotations

import typing as t

from ...drivers.components.postgres import wal_files
from ...ground import units
from ...ground.model import Outcome

if t.TYPE_CHECKING:
    from .preparing import Prepared
    from .recovering import Reached


def planned(prepared: Prepared) -> Outcome:
    """Say what a run would do."""
    warnings = prepared.plan.warnings
    if prepared.confirm and prepared.request.confirm != prepared.confirm:
        warnings = (*warnings, f"The recovery will need confirm: {prepared.confirm}")
    facts = {
        "restore": _facts(prepared),
        "summary": f"Would recover {prepared.known.component} to {prepared.plan.target}.",
    }
    return Outcome(changed=True, facts=facts, after="\n  ".join(_lines(prepared)) + "\n", warnings=warnings)


def done(prepared: Prepared, reached: Reached, timeline: int, kept: str, warnings: tuple[str, ...]) -> Outcome:
    """Say what was done: the timeline that begins, and where the data that were there are kept."""
    last_end = reached.last_end.isoformat() if reached.last_end else None
    summary = (
        f"{prepared.request.data_directory} is {prepared.known.component} at {wal_files.shown(reached.position)}"
        + (f", with all that was committed by {last_end}" if last_end else "")
        + f"; it goes on as timeline {timeline}."
    )
    facts = _facts(prepared) | {
        "reached": wal_files.shown(reached.position),
        "last_commit_at": last_end,
        "said": reached.said,
        "new_timeline": timeline,
        "kept": kept or None,
    }
    due = "A base backup of the timeline that begins is due."
    return Outcome(
        changed=True,
        facts={"restore": facts, "summary": summary},
        after=summary + "\n",
        warnings=(*warnings, due),
    )


def _facts(prepared: Prepared) -> dict[str, t.Any]:
    plan, size = prepared.plan, prepared.known.server.segment_size
    return {
        "component": prepared.known.component,
        "system_identifier": prepared.known.server.system_identifier,
        "backup_id": plan.base.backup_id,
        "target": str(plan.target),
        "timeline": plan.branch.timeline,
        "segments": plan.last - plan.first + 1,
        "first_segment": plan.branch.segment(plan.first, size),
        "last_segment": plan.branch.segment(plan.last, size),
        "confirm": prepared.confirm or None,
        **dict.fromkeys(("reached", "last_commit_at", "said", "new_timeline", "kept")),
    }


def _lines(prepared: Prepared) -> tuple[str, ...]:
    plan, size = prepared.plan, prepared.known.server.segment_size
    first, last = plan.branch.segment(plan.first, size), plan.branch.segment(plan.last, size)
    record = prepared.backup.manifest
    return (
        f"recovery of {prepared.known.component} to {plan.target}, along timeline {plan.branch.timeline}",
        f"from {plan.base.backup_id} of {plan.base.finished.isoformat()}, {units.human_size(record.plain_size)}",
        f"segments {first} to {last}, {plan.last - plan.first + 1} of them",
        *(f"tablespace into {place}" for place in prepared.places.values()),
        *([f"{prepared.request.data_directory} is kept beside it"] if prepared.replaces else []),
    )

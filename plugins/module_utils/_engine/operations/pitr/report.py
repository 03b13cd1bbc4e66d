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
    from ...records.repository.manifest import Manifest
    from .finishing import Finished
    from .preparing import Prepared
    from .recovering import Reached

_AFTERWARDS = (
    "reached",
    "last_commit_at",
    "heartbeat_at",
    "said",
    "new_timeline",
    "kept",
    "collations",
    "reindexed",
    "seconds",
    "replay_seconds",
)
"""What is known once it is done."""


def planned(prepared: Prepared) -> Outcome:
    """Say what a run would do."""
    warnings = (*prepared.plan.warnings, *prepared.known.sources.refused)
    if prepared.confirm and prepared.request.confirm != prepared.confirm:
        warnings = (*warnings, f"The recovery will need confirm: {prepared.confirm}")
    facts = {
        "restore": _facts(prepared),
        "summary": f"Would recover {prepared.known.component} to {prepared.plan.target}.",
    }
    return Outcome(changed=True, facts=facts, after="\n  ".join(_lines(prepared)) + "\n", warnings=warnings)


def done(prepared: Prepared, reached: Reached, finished: Finished) -> Outcome:
    """Say what was done."""
    last_end = reached.last_end.isoformat() if reached.last_end else None
    summary = (
        f"{prepared.request.data_directory} is {prepared.known.component} at {wal_files.shown(reached.position)}"
        + (f", with all that was committed by {last_end}" if last_end else "")
        + (f"; it goes on as timeline {finished.timeline}." if finished.timeline else "; it is a standby.")
    )
    facts = _facts(prepared) | {
        "reached": wal_files.shown(reached.position),
        "last_commit_at": last_end,
        "heartbeat_at": reached.heartbeat.isoformat() if reached.heartbeat else None,
        "said": reached.said,
        "new_timeline": finished.timeline,
        "kept": finished.kept or None,
        "seconds": round(finished.seconds, 3),
        "replay_seconds": round(finished.replay_seconds, 3),
        "collations": list(finished.settled.changed),
        "reindexed": list(finished.settled.rebuilt),
    }
    if facts["gained"]:
        facts["gained"] |= {"last_commit_at": last_end}
    due = ("A base backup of the timeline that begins is due.",) if finished.timeline else ()
    return Outcome(
        changed=True,
        facts={"restore": facts, "summary": summary},
        after="\n  ".join((summary, *(f"built anew: {index}" for index in finished.settled.rebuilt))) + "\n",
        warnings=(
            *prepared.plan.warnings,
            *prepared.known.sources.refused,
            *reached.warnings,
            *finished.settled.warnings,
            *finished.warnings,
            *due,
        ),
    )


def _facts(prepared: Prepared) -> dict[str, t.Any]:
    plan = prepared.plan
    first, last = _ends(prepared) or (None, None)
    gained = prepared.known.gained(plan)
    return {
        "component": prepared.known.component,
        "system_identifier": prepared.known.server.system_identifier,
        "backup_id": plan.base.backup_id,
        "chain": [one.manifest.backup_id for one in prepared.chain],
        "target": str(plan.target),
        "timeline": plan.branch.timeline,
        "plain_size": sum(one.manifest.plain_size for one in prepared.chain),
        "segments": plan.last - plan.first + 1,
        "log_bytes": (plan.last - plan.first + 1) * prepared.known.server.segment_size,
        "first_segment": first,
        "last_segment": last,
        "confirm": prepared.confirm or None,
        "gained": {"segments": len(gained), "last_commit_at": None} if gained else None,
        **dict.fromkeys(_AFTERWARDS),
    }


def _needed(record: Manifest) -> str:
    return (
        f"which is based on {record.backup_id} of {record.finished.isoformat()}, {record.scope}, "
        f"{units.human_size(record.plain_size)}"
    )


def _lines(prepared: Prepared) -> tuple[str, ...]:
    plan, ends = prepared.plan, _ends(prepared)
    record, gained = prepared.backup.manifest, prepared.known.gained(plan)
    return (
        f"recovery of {prepared.known.component} to {plan.target}, along timeline {plan.branch.timeline}",
        f"from {plan.base.backup_id} of {plan.base.finished.isoformat()}, {units.human_size(record.plain_size)}",
        *(_needed(one.manifest) for one in reversed(prepared.chain[:-1])),
        f"segments {ends[0]} to {ends[1]}, {plan.last - plan.first + 1} of them"
        if ends
        else "the WAL of the backup itself",
        *([f"of these only pg_wal of {prepared.request.data_directory} has {len(gained)}"] if gained else []),
        *(f"tablespace into {place}" for place in prepared.places.values()),
        *([f"{prepared.request.data_directory} is kept beside it"] if prepared.replaces else []),
    )


def _ends(prepared: Prepared) -> tuple[str, str] | None:
    """Return the first and the last segment that are read from the store; None where the backup has all of it."""
    plan, size = prepared.plan, prepared.known.server.segment_size
    if plan.first > plan.last:
        return None
    return plan.branch.segment(plan.first, size), plan.branch.segment(plan.last, size)

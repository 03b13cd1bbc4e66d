# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What retention says about itself: every decision with its reason, as facts, as the lines of a diff, and in one sentence.
"""

from __future__ import annotations

import typing as t

from ...ground.units import human_count, human_size
from ...records.repository import choosing, evidence
from . import wal_report

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...drivers.stores.base import ObjectInfo
    from ...records.retention.planner import Decision, Plan
    from ...records.retention.wal_planner import ServerPlan
    from .leftovers import Leftover
    from .survey import Survey


def decisions(plan: Plan) -> list[dict[str, t.Any]]:
    """Return each decision for machines."""
    return [
        {
            "backup_id": decision.candidate.backup_id,
            "component": decision.candidate.component,
            "finished": decision.candidate.finished.isoformat(),
            "action": decision.action,
            "reasons": list(decision.reasons),
            "size": decision.candidate.size,
            "restore_tested": decision.candidate.restore_tested,
        }
        for decision in plan.decisions
    ]


def table(plan: Plan, found: Survey, log: Sequence[ServerPlan]) -> list[str]:
    """Return each decision as a line for people, the write-ahead log last."""
    lines = [f"{decision.action:<8}  {_what(decision)}: {'; '.join(decision.reasons)}" for decision in plan.decisions]
    for leftover in found.leftovers:
        why = "leftover of an expired backup" if leftover.expired else "no manifest lists them"
        if leftover.hidden:
            lines.append(f"hidden    {_left(leftover)}: {why}. {evidence.ADVICE}")
        elif leftover.stays:
            lines.append(f"keep      {_left(leftover)}: {why}, and {leftover.stays}")
        else:
            lines.append(f"collect   {_left(leftover)}: {why}")
    lines += [f"collect   {_unfinished(info)}: its writer never finished" for info in found.abandoned]
    return lines + wal_report.table(log)


def before(plan: Plan, found: Survey, log: Sequence[ServerPlan]) -> str:
    """Return what is there, line by line as `after` has it."""
    listed = [f"listed    {_what(decision)}" for decision in plan.decisions]
    listed += [f"unlisted  {_left(leftover)}" for leftover in found.leftovers]
    listed += [f"unlisted  {_unfinished(info)}" for info in found.abandoned]
    return _text(listed + wal_report.before(log))


def after(plan: Plan, found: Survey, log: Sequence[ServerPlan]) -> str:
    """Return what becomes of it."""
    return _text(table(plan, found, log))


def summary(facts: Mapping[str, t.Any], *, dry_run: bool) -> str:
    """Return the facts in one sentence."""
    done = "would be " if dry_run else ""
    said = f"{facts['kept']} backups kept, {facts['deleted']} {done}deleted"
    if facts["retained"]:
        said += f", {facts['retained']} retained by the store's locks"
    if facts["garbage"]:
        said += f", {facts['garbage']} leftover objects {done}collected"
    if facts["hidden"]:
        said += f", {len(facts['hidden'])} stored whole that no manifest lists"
    wal = facts["wal"]
    if wal["deleted"]:
        said += f", {human_count(wal['deleted'], 'file')} of WAL {done}deleted"
    return f"{said}; {human_size(facts['freed'] + wal['bytes_freed'])} {done}freed."


def _what(decision: Decision) -> str:
    one = decision.candidate
    details = [human_size(one.size), one.reason]
    details += [] if choosing.is_whole(one) else [one.scope]
    details += ["restore-tested"] if one.restore_tested else []
    return f"{one.backup_id}  {one.component}  {one.finished:%Y-%m-%d %H:%M} UTC  ({', '.join(details)})"


def _left(leftover: Leftover) -> str:
    size = human_size(sum(info.size for info in leftover.objects))
    return f"{leftover.backup_id}  {len(leftover.objects)} objects, {size}"


def _unfinished(info: ObjectInfo) -> str:
    return f"{info.name}  {human_size(info.size)}"


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""

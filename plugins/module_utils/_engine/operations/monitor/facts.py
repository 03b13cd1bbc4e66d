# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What the status page says, as plain facts: judged, dated, in words for people, and as numbers where something is drawn.

Everything is dated and nothing is so many hours old: it may be read much later than it was written.
"""

from __future__ import annotations

import datetime
import typing as t

from ...ground.printing import all_printable
from ...ground.units import human_duration, human_size
from . import verdict

if t.TYPE_CHECKING:
    from ...records.repository.inventory import Inventory
    from ...records.repository.protection import KnownBackup, Protection, Runs
    from ...records.schedule.lateness import Timing
    from ..wal.watching import LogStatus
    from .protection_status import ProtectionStatus, StoreUse

Facts = dict[str, t.Any]

MOST = 6
"""
Databases that are shown in detail: all where they are few, otherwise those in trouble. What happened to all of them at
once is not told better by fifty.
"""

CHARTED = 30
"""Backups of a database that are shown in detail."""

STATES = {"yes": "restorable", "no": "no backup", "unknown": "unknown"}
CONCERNS = {"never": "never restore-tested", "suspicious": "suspicious", "old": "not restore-tested lately"}


def status(seen: ProtectionStatus, restore_tested_age: float, stale_age: float) -> Facts:
    """Return all that the page says, which counts for `stale_age`. Ages are seconds. No text of it is markup."""
    found = verdict.of(seen, restore_tested_age, dated=True)
    told: Facts = all_printable(
        {
            "application": seen.application,
            "written": _moment(seen.at),
            "until": _moment(seen.at + datetime.timedelta(seconds=stale_age)),
            "answer": found.answer,
            "sentence": found.sentence,
            "unreadable": seen.unreadable,
            "problems": [problem.sentence for problem in seen.problems],
            "databases": _databases(seen, restore_tested_age),
            "servers": [_server(inventory) for inventory in seen.inventories],
            "logs": [_log(log) for log in seen.logs],
            "store": _store(seen.store) if seen.store else None,
            "jobs": [_job(job) for job in seen.jobs],
            "runs": [_run(run) for run in seen.runs],
        }
    )
    return told


def _databases(seen: ProtectionStatus, restore_tested_age: float) -> list[Facts]:
    """Return all databases, those in trouble first."""
    answers = {one.component: verdict.of_subject(one, seen, restore_tested_age) for one in seen.subjects}
    worst_first = sorted(seen.subjects, key=lambda one: verdict.WORST_FIRST.index(answers[one.component]))
    troubled = [one for one in worst_first if answers[one.component] != "yes"]
    detailed = (worst_first if len(worst_first) <= MOST else troubled)[:MOST]
    told = []
    for one in worst_first:
        answer = answers[one.component]
        state = STATES.get(answer) or CONCERNS[verdict.concern(one, seen, restore_tested_age)]
        told.append({"answer": answer, "state": state, **_database(one, detailed=one in detailed)})
    return told


def _database(subject: Protection, *, detailed: bool) -> Facts:
    newest, tested = subject.newest, subject.newest_restore_tested
    ratio = f", {newest.ratio:.1f} to 1" if newest and newest.ratio else ""
    total = human_size(sum(backup.size for backup in subject.backups))
    return {
        "cluster": subject.cluster,
        "database": subject.database,
        "name": subject.database or subject.cluster,
        "newest": _when(newest.finished if newest else None),
        "newest_restore_tested": _when(tested.finished if tested else None),
        "size": human_size(newest.plain_size) if newest else "",
        "stored": human_size(newest.size) + ratio if newest else "",
        "rows": f"{newest.rows:,}" if newest and newest.rows is not None else "",
        "took": _took(newest),
        "backups": len(subject.backups),
        "all_backups": f"{len(subject.backups)}, {total}" if subject.backups else "none",
        "next_expiry": _when(subject.next_expiry, ""),
        "suspicions": [{"kind": one.kind.replace("_", " "), "cause": one.cause} for one in newest.suspicions]
        if newest
        else [],
        "detailed": detailed,
        "history": [_backup(one) for one in subject.counting[-CHARTED:]] if detailed else [],
    }


def _backup(backup: KnownBackup) -> Facts:
    return {
        "day": f"{backup.finished.day} {backup.finished:%b}",
        "finished": _when(backup.finished),
        "bytes": backup.plain_size,
        "size": human_size(backup.plain_size),
        "stored": human_size(backup.size),
        "seconds": backup.seconds,
        "took": _took(backup),
        "restore_tested": backup.restore_tested,
    }


def _server(said: Inventory) -> Facts:
    return {"cluster": said.cluster, "asked": _when(said.at), "wanted": len(said.wanted), "left_out": said.left_out}


def _log(log: LogStatus) -> Facts:
    behind = log.archiver["waiting"] if log.archiver else 0
    return {
        "cluster": log.cluster,
        "state": _state(log),
        "since": _when(log.since, ""),
        "until": _when(log.until, ""),
        "lost": human_duration(log.rpo) if log.rpo is not None else "not measured",
        "waiting": behind,
        "size": human_size(log.bytes) if log.bytes is not None else "",
        "listed": _when(log.listed, ""),
        "problems": list(log.problems),
    }


def _state(log: LogStatus) -> str:
    """Return in a word what becomes of whoever has to recover from a log now."""
    if log.answers is False or log.gaps is None:
        return "unknown"
    if not log.until:
        return "recovers nothing"
    return "in trouble" if log.problems else "recoverable"


def _store(use: StoreUse) -> Facts:
    return {
        "size": human_size(use.size),
        "objects": use.objects,
        "used": use.used,
        "capacity": human_size(use.capacity or 0),
        "available": human_size(use.available or 0),
    }


def _job(job: Timing) -> Facts:
    return {
        "name": job.name,
        "late": job.late,
        "due": _when(job.due),
        "last": _when(job.last),
        "next": _when(job.following),
    }


def _run(run: Runs) -> Facts:
    good, bad = run.recent.get("ok", 0), sum(run.recent.get(result, 0) for result in ("failed", "stopped"))
    return {
        "operation": run.operation,
        "of": "/".join(filter(None, (run.cluster, run.database))) or "all",
        "result": run.last.result,
        "cause": run.last.message,
        "ended": _when(run.last.at),
        "took": human_duration(run.last.seconds),
        "lately": f"{good} of {good + bad} ok" if good + bad else "",
    }


def _moment(at: datetime.datetime) -> Facts:
    return {"text": _when(at), "time": at.isoformat(timespec="seconds"), "seconds": int(at.timestamp())}


def _when(at: datetime.datetime | None, never: str = "never") -> str:
    return verdict.moment(at) if at else never


def _took(backup: KnownBackup | None) -> str:
    return human_duration(backup.seconds) if backup and backup.seconds is not None else ""

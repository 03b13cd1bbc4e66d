# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the schedule of this host was kept, by what the audit log says."""

from __future__ import annotations

import os
import typing as t

from ...ground import status
from ...ground.errors import NotFound, RecoveryError
from ...ground.holder import lives
from ...ground.units import human_duration
from ...ground.verbs import operation_of
from ...records.audit.log import AuditLog
from ...records.schedule import jobs
from .check import Case, Check, failed, ok, refused, warning

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from ...records.audit.log import Entry
    from ...records.schedule.jobs import Job, Schedule

GRACE = 3600.0
"""Seconds that a job may take before it is missed; waiting for another job comes on top."""


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the schedule, where there is one."""
    try:
        known = jobs.read(case.request.config_dir)
        local = known.local_zone()
    except NotFound:
        return
    except RecoveryError as exc:
        yield refused("schedule", exc)
        return
    since = jobs.written(case.request.config_dir)
    entries = list(AuditLog(case.state_dir).entries(application=case.application, since=since))
    upcoming: dict[str, str] = {}
    missed = False
    for job in known.jobs:
        upcoming[job.name] = known.following(job, case.world.now(), local).isoformat()
        due = known.previous(job, case.world.now(), local)
        # The other kinds leave no entry in the log, so nobody knows whether they ran.
        if operation_of(job.kind) and due > since and _is_missed(case, known, job, due, entries):
            missed = True
            make = failed if job.kind == "backup" else warning
            ago = human_duration((case.world.now() - due).total_seconds())
            yield make(
                "schedule",
                f"The job {job.name} was due {ago} ago and did not run.",
                f"Check {os.path.join(known.places.log_dir, job.name)}.log, and whether {known.scheduler} runs.",
                job=job.name,
                due=due.isoformat(),
            )
    if not missed:
        first = min(upcoming.items(), key=lambda item: item[1], default=("", ""))
        coming = f"next is {first[0]} at {first[1][:16].replace('T', ' ')} UTC" if upcoming else "it has no jobs"
        yield ok("schedule", f"All jobs ran on schedule; {coming}.", upcoming=upcoming, scheduler=known.scheduler)


def _is_missed(case: Case, known: Schedule, job: Job, due: datetime.datetime, entries: list[Entry]) -> bool:
    if (case.world.now() - due).total_seconds() < known.places.wait + GRACE:
        return False
    operation = operation_of(job.kind)
    runs = status.of_host(case.state_dir)
    running = any(not run.result and lives(run.pid) and run.operation == job.kind for run in runs)
    return not running and not any(entry.operation == operation and entry.at >= due for entry in entries)

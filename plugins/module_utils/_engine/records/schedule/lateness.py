# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether each job of a host's schedule ran when it was due, by the runs in the audit log. It is worked out here once,
for whoever reports it: doctor, metrics, status page.

The launcher hands the name of its job on in the environment, and a run that inherits it says so in its entry. One that
does not, as after a change of user or by hand, counts for every job of its operation.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground import status
from ...ground.holder import lives
from ...ground.verbs import operation_of
from . import jobs

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from ..audit.log import Entry

GRACE = 3600.0
"""Seconds that a job may take before it is late; waiting for another job comes on top."""


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """
    A job of the schedule: when it should have run, when it will, when it last ended here, and whether it is late.

    `due` is None for a job that was never due since the schedule was written, and for one that leaves no entry.
    """

    name: str
    kind: str
    operation: str
    due: datetime.datetime | None
    following: datetime.datetime
    last: datetime.datetime | None
    late: bool


def timings(
    config_dir: str, state_dir: str | None, runs: Sequence[Entry], now: datetime.datetime
) -> tuple[jobs.Schedule, tuple[Timing, ...]]:
    """
    Return the schedule of a host and when each of its jobs ran, by these runs of the host.

    Raise NotFound when it has no schedule, RecoveryError when that is not one of ours.
    """
    known = jobs.read(config_dir)
    local = known.local_zone()
    # A job that was made on Monday did not fail to run on Sunday.
    since = jobs.written(config_dir)
    running = {one.operation for one in status.of_host(state_dir) if not one.result and lives(one.pid)}
    found = []
    for job in known.jobs:
        operation, previous = operation_of(job.kind), known.previous(job, now, local)
        due = previous if operation and previous >= since else None
        last = max((run.at for run in runs if _is_of(run, job, operation)), default=None)
        missed = due is not None and (last is None or last < due)
        over = (now - previous).total_seconds() >= known.places.wait + GRACE
        late = missed and over and running.isdisjoint({job.kind, operation})
        found.append(Timing(job.name, job.kind, operation, due, known.following(job, now, local), last, late))
    return known, tuple(found)


def _is_of(run: Entry, job: jobs.Job, operation: str) -> bool:
    return run.operation == operation and run.facts.get("job", job.name) == job.name

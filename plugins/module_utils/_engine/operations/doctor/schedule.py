# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the schedule of this host was kept, by what the audit log says."""

from __future__ import annotations

import os
import typing as t

from ...ground.errors import NotFound, RecoveryError
from ...ground.units import human_duration
from ...records.schedule import lateness
from .check import Case, Check, failed, ok, refused, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the schedule, where there is one."""
    now = case.world.now()
    runs = case.runs  # outside: a log that cannot be read is no fault of the schedule
    try:
        known, timings = lateness.timings(case.request.config_dir, case.state_dir, runs, now)
    except NotFound:
        return
    except RecoveryError as exc:
        yield refused("schedule", exc)
        return
    for one in timings:
        if one.late and one.due is not None:
            make = failed if one.kind == "backup" else warning
            yield make(
                "schedule",
                f"The job {one.name} was due {human_duration((now - one.due).total_seconds())} ago and did not run.",
                f"Check {os.path.join(known.places.log_dir, one.name)}.log, and whether {known.scheduler} runs.",
                job=one.name,
                due=one.due.isoformat(),
            )
    if not any(one.late for one in timings):
        upcoming = {one.name: one.following.isoformat() for one in timings}
        first = min(upcoming.items(), key=lambda item: item[1], default=("", ""))
        coming = f"next is {first[0]} at {first[1][:16].replace('T', ' ')} UTC" if upcoming else "it has no jobs"
        yield ok("schedule", f"All jobs ran on schedule; {coming}.", upcoming=upcoming, scheduler=known.scheduler)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: check a schedule before anything is written, and say when its jobs come."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import UsageError
from ...ground.model import Outcome
from ...ground.units import parse_duration, parse_zone
from ...records.schedule import cron
from ...records.schedule.jobs import Places, Schedule, parse

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...ground.model import World

_OTHER_SCHEDULER = "Set lifeboat_scheduler to systemd, or omit {variable}."


@dataclasses.dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """The schedule as people write it. `catch_up` is None for what the scheduler does by itself."""

    jobs: tuple[Mapping[str, t.Any], ...]
    scheduler: cron.Clock
    zone: str
    catch_up: bool | None
    user: str
    home: str
    state_dir: str
    log_dir: str
    wait: str


def check_schedule(request: ScheduleRequest, world: World) -> Outcome:
    """Check everything; facts hold the jobs with their next times, and the content of `schedule.json`."""
    checked = _read(request)
    local, now = checked.local_zone(), world.now()
    jobs = [
        {
            "name": job.name,
            "job": job.kind,
            "playbook": job.playbook,
            "user": job.user,
            "cron": job.cron.text,
            "on_calendar": cron.on_calendar(job.cron, checked.zone),
            "next": f"{checked.following(job, now, local):%Y-%m-%dT%H:%M:%SZ}",
            "variables": dict(job.variables),
        }
        for job in checked.jobs
    ]
    return Outcome(changed=False, facts={"jobs": jobs, "document": checked.document()})


def _read(request: ScheduleRequest) -> Schedule:
    zone, catch_up = request.zone, request.catch_up
    if zone:
        parse_zone(zone, "lifeboat_schedule_zone")
    if request.scheduler == "cron":
        if zone and not cron.is_system_zone(zone):
            raise UsageError(
                f"lifeboat_schedule_zone is {zone!r}, but cron supports only this host's own zone.",
                _OTHER_SCHEDULER.format(variable="lifeboat_schedule_zone"),
                field="lifeboat_schedule_zone",
            )
        if catch_up:
            raise UsageError(
                "lifeboat_schedule_catch_up is true, but cron does not catch up on missed runs.",
                _OTHER_SCHEDULER.format(variable="lifeboat_schedule_catch_up"),
                field="lifeboat_schedule_catch_up",
            )
        zone, catch_up = "", False
    return Schedule(
        scheduler=request.scheduler,
        zone=zone,
        catch_up=True if catch_up is None else catch_up,
        places=Places(
            home=request.home,
            state_dir=request.state_dir,
            log_dir=request.log_dir,
            wait=parse_duration(request.wait, "lifeboat_schedule_wait"),
        ),
        jobs=parse(request.jobs, request.user, "lifeboat_schedule"),
    )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The jobs of a host's schedule: what people may write, and the file `schedule.json` that says what should have run.

The launcher, doctor and the metrics read that file; only role schedule writes it.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import re
import typing as t

from ...ground import disk
from ...ground.errors import Busy, RecoveryError, UsageError
from ...ground.host_state import SCHEDULE, SCHEDULE_OFF
from ...ground.units import parse_zone
from ...ground.verbs import JOBS
from . import cron as schedule

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST = 1 << 20
"""Bytes of a schedule that are read: a host has some jobs, not thousands."""

VARIABLE = "LIFEBOAT_JOB"
"""Where the launcher leaves the name of its job in the environment, for the audit log."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,48}[a-z0-9])?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job of the schedule. `variables` are the lifeboat_ variables that count for this job alone."""

    name: str
    kind: str
    cron: schedule.Cron
    user: str
    variables: Mapping[str, object]

    @property
    def light(self) -> bool:
        """Whether the launcher does it itself."""
        return JOBS[self.kind].light

    @property
    def playbook(self) -> str:
        return f"lifeboat.recovery.{self.kind}"


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Where things lie on the host, and for how many seconds a job waits for another of its kind."""

    home: str
    state_dir: str
    log_dir: str
    wait: float


@dataclasses.dataclass(frozen=True, slots=True)
class Schedule:
    """The jobs of a host. `zone` is empty for the host's own."""

    scheduler: schedule.Clock
    zone: str
    catch_up: bool
    places: Places
    jobs: tuple[Job, ...]

    def job(self, name: str) -> Job:
        """Return the job of that name. Raise UsageError when there is none."""
        for job in self.jobs:
            if job.name == name:
                return job
        known = ", ".join(job.name for job in self.jobs) or "none"
        raise UsageError(f"There is no job {name!r} in this host's schedule.", f"Its jobs are {known}.", field="job")

    def local_zone(self, localtime: str = "/etc/localtime") -> datetime.tzinfo:
        """Return the zone that the times of the jobs are in."""
        return parse_zone(self.zone, "zone") if self.zone else schedule.system_zone(localtime)

    def following(self, job: Job, at: datetime.datetime, local: datetime.tzinfo) -> datetime.datetime:
        """Return when the job comes next, in UTC."""
        return schedule.following(job.cron, at, local, self.scheduler)

    def previous(self, job: Job, at: datetime.datetime, local: datetime.tzinfo) -> datetime.datetime:
        """Return when the job should have run last, in UTC."""
        return schedule.previous(job.cron, at, local, self.scheduler)

    def document(self) -> dict[str, t.Any]:
        """Return what `schedule.json` holds."""
        return {
            "format": SCHEDULE.format,
            "scheduler": self.scheduler,
            "zone": self.zone,
            "catch_up": self.catch_up,
            "places": dataclasses.asdict(self.places),
            "jobs": [
                {
                    "name": job.name,
                    "job": job.kind,
                    "cron": job.cron.text,
                    "user": job.user,
                    "variables": dict(job.variables),
                }
                for job in self.jobs
            ],
        }


def read(config_dir: str) -> Schedule:
    """Read `schedule.json` of a host. Raise NotFound when there is none, UsageError when it is not one of ours."""
    path = SCHEDULE.path(config_dir)
    data = b"".join(disk.read_blocks(path, length=LARGEST))
    try:
        record = json.loads(data)
        if record["format"] != SCHEDULE.format:
            raise ValueError(record["format"])
        jobs = tuple(
            Job(entry["name"], entry["job"], schedule.parse(entry["cron"], "cron"), entry["user"], entry["variables"])
            for entry in record["jobs"]
            if entry["job"] in JOBS
        )
        places = Places(**record["places"])
        return Schedule(record["scheduler"], record["zone"], record["catch_up"], places, jobs)
    except (KeyError, TypeError, ValueError, RecoveryError) as exc:
        raise UsageError(
            f"The file {path} is not a schedule that this version supports: {exc}.",
            "Run playbook lifeboat.recovery.install for this host, which writes it.",
            path=path,
        ) from exc


def check_on(config_dir: str) -> None:
    """Raise Busy while the schedule of a host is off, as on one that is isolated."""
    path = SCHEDULE_OFF.path(config_dir)
    if os.path.lexists(path):
        raise Busy(
            "The schedule of this host is off.", f"Undo the isolation of this host, or remove {path}.", path=path
        )


def written(config_dir: str) -> datetime.datetime:
    """Return when `schedule.json` was written: what was due before that was not missed."""
    try:
        seconds = os.stat(SCHEDULE.path(config_dir)).st_mtime
    except OSError:
        seconds = 0
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def parse(entries: Iterable[Mapping[str, t.Any]], user: str, field: str) -> tuple[Job, ...]:
    """Read the jobs as people write them; `user` runs what needs no root. Raise UsageError that names the key."""
    jobs: list[Job] = []
    for number, entry in enumerate(entries):
        job = _job(entry, user, f"{field}[{number}]")
        if any(job.name == other.name for other in jobs):
            raise UsageError(
                f"{field} has two jobs named {job.name!r}.",
                "Use a different name for each.",
                field=f"{field}[{number}].name",
            )
        jobs.append(job)
    return tuple(jobs)


def _job(entry: Mapping[str, t.Any], user: str, field: str) -> Job:
    kind = JOBS.get(str(entry.get("job")))
    if kind is None:
        raise UsageError(
            f"{field}.job: {entry.get('job')!r} is not a job.",
            f"Use one of {', '.join(sorted(JOBS))}.",
            field=f"{field}.job",
        )
    name = entry.get("name", entry["job"])
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{field}.name: {name!r} is not a valid job name.",
            "Use lower-case letters, digits, - and _, at most 50 in all.",
            field=f"{field}.name",
        )
    if not isinstance(entry.get("cron"), str):
        raise UsageError(
            f"{field}.cron of the job {name} is missing or not a string.",
            "Set when it runs, such as '30 2 * * *', in quotes.",
            field=f"{field}.cron",
        )
    variables: dict[str, object] = {"lifeboat_hosts": kind.hosts, **kind.fixed}
    for key in sorted(set(entry) - {"name", "job", "cron"}):
        if key not in kind.options:
            raise UsageError(
                f"{field}.{key} is unknown: the job {name} is a {entry['job']} job.",
                f"Use name, job, cron, {', '.join(kind.options)}.",
                field=f"{field}.{key}",
            )
        variable, check = kind.options[key]
        variables[variable] = check(entry[key], f"{field}.{key}")
    cron = schedule.parse(entry["cron"], f"{field}.cron")
    return Job(name, entry["job"], cron, "root" if kind.root else user, variables)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The jobs of a host's schedule: what people may write, and the file `schedule.json` that says what should have run.

The launcher, doctor and the metrics read that file; only role schedule writes it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing as t

from .. import disk
from ..errors import RecoveryError, UsageError
from ..units import parse_duration, parse_size
from . import cron as schedule

if t.TYPE_CHECKING:
    import zoneinfo
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    Check: t.TypeAlias = "Callable[[object, str], object]"

FORMAT = "lifeboat-schedule/1"
FILE = "schedule.json"
LARGEST = 1 << 20
"""Bytes of a schedule that are read: a host has some jobs, not thousands."""

REASONS = ("scheduled", "manual", "pre_deployment", "emergency")

OPERATIONS = {"backup": "backup", "validate": "validation", "verify": "verification", "retention": "retention"}
"""What a job is called in the audit log, by its kind; the others leave no entry there."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,48}[a-z0-9])?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: its playbook, whether only root can do it, the group it works on, and what people may set."""

    playbook: str
    hosts: str
    options: Mapping[str, tuple[str, Check]]
    root: bool = False
    fixed: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job of the schedule. `variables` are the lifeboat_ variables that count for this job alone."""

    name: str
    kind: str
    cron: schedule.Cron
    user: str
    variables: Mapping[str, object]

    @property
    def playbook(self) -> str:
        return f"lifeboat.recovery.{KINDS[self.kind].playbook}"


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
        """Give the job of that name. Raise UsageError when there is none."""
        for job in self.jobs:
            if job.name == name:
                return job
        known = ", ".join(job.name for job in self.jobs) or "none"
        raise UsageError(f"There is no job {name!r} in the schedule of this host.", f"Its jobs: {known}.", field="job")

    def local_zone(self, localtime: str = "/etc/localtime") -> zoneinfo.ZoneInfo:
        """Give the zone that the times of the jobs are in."""
        return schedule.zone(self.zone, "zone") if self.zone else schedule.system_zone(localtime)

    def following(self, job: Job, at: datetime, local: zoneinfo.ZoneInfo) -> datetime:
        """Give when the job comes next, in UTC."""
        return schedule.following(job.cron, at, local, self.scheduler)

    def previous(self, job: Job, at: datetime, local: zoneinfo.ZoneInfo) -> datetime:
        """Give when the job should have run last, in UTC."""
        return schedule.previous(job.cron, at, local, self.scheduler)

    def document(self) -> dict[str, t.Any]:
        """Give what `schedule.json` holds."""
        return {
            "format": FORMAT,
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
    path = os.path.join(config_dir, FILE)
    data = b"".join(disk.read_blocks(path, length=LARGEST))
    try:
        record = json.loads(data)
        if record["format"] != FORMAT:
            raise ValueError(record["format"])
        jobs = tuple(
            Job(entry["name"], entry["job"], schedule.parse(entry["cron"], "cron"), entry["user"], entry["variables"])
            for entry in record["jobs"]
            if entry["job"] in KINDS
        )
        places = Places(**record["places"])
        return Schedule(record["scheduler"], record["zone"], record["catch_up"], places, jobs)
    except (KeyError, TypeError, ValueError, RecoveryError) as exc:
        raise UsageError(
            f"The file {path} is no schedule that this version reads: {exc}.",
            "Run playbook lifeboat.recovery.install for this host, which writes it.",
            path=path,
        ) from exc


def parse(entries: Iterable[Mapping[str, t.Any]], user: str, field: str) -> tuple[Job, ...]:
    """Read the jobs as people write them; `user` runs what needs no root. Raise UsageError that names the key."""
    jobs: list[Job] = []
    for number, entry in enumerate(entries):
        job = _job(entry, user, f"{field}[{number}]")
        if any(job.name == other.name for other in jobs):
            raise UsageError(
                f"The option {field} has two jobs named {job.name!r}.",
                "Give each a name of its own.",
                field=f"{field}[{number}].name",
            )
        jobs.append(job)
    return tuple(jobs)


def _job(entry: Mapping[str, t.Any], user: str, field: str) -> Job:
    kind = KINDS.get(str(entry.get("job")))
    if kind is None:
        raise UsageError(
            f"The option {field}.job is {entry.get('job')!r}, which is no job.",
            f"Give one of {', '.join(sorted(KINDS))}.",
            field=f"{field}.job",
        )
    name = entry.get("name", entry["job"])
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"The option {field}.name is {name!r}, which is no name for a job.",
            "Take small letters, digits, - and _, at most 50.",
            field=f"{field}.name",
        )
    if not isinstance(entry.get("cron"), str):
        raise UsageError(
            f"The option {field}.cron of the job {name} is missing, or is no text.",
            "Say when it runs, such as '30 2 * * *', in quotes.",
            field=f"{field}.cron",
        )
    variables: dict[str, object] = {"lifeboat_hosts": kind.hosts, **kind.fixed}
    for key in sorted(set(entry) - {"name", "job", "cron"}):
        if key not in kind.options:
            raise UsageError(
                f"The option {field}.{key} is not known: the job {name} is a {entry['job']} job.",
                f"It can have name, job, cron, {', '.join(kind.options)}.",
                field=f"{field}.{key}",
            )
        variable, check = kind.options[key]
        variables[variable] = check(entry[key], f"{field}.{key}")
    cron = schedule.parse(entry["cron"], f"{field}.cron")
    return Job(name, entry["job"], cron, "root" if kind.root else user, variables)


def _refused(value: object, field: str, wanted: str) -> UsageError:
    return UsageError(f"The option {field} is {value!r}.", f"Give {wanted}.", field=field)


def _duration(value: object, field: str) -> object:
    parse_duration(str(value), field)
    return str(value)


def _size(value: object, field: str) -> object:
    parse_size(str(value), field)
    return str(value)


def _names(value: object, field: str) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise _refused(value, field, "names or patterns, as a list")
    return value


def _text(value: object, field: str) -> object:
    if not isinstance(value, str) or not value:
        raise _refused(value, field, "a text")
    return value


def _mapping(value: object, field: str) -> object:
    if not isinstance(value, dict) or not value:
        raise _refused(value, field, "a policy, as lifeboat_retention is one")
    return value


def _yes_or_no(value: object, field: str) -> object:
    if not isinstance(value, bool):
        raise _refused(value, field, "true or false")
    return value


def _choice(*choices: str) -> Check:
    def check(value: object, field: str) -> object:
        if value not in choices:
            raise _refused(value, field, f"one of {', '.join(choices)}")
        return value

    return check


def _whole(lowest: int, highest: int) -> Check:
    def check(value: object, field: str) -> object:
        text = str(value)
        if isinstance(value, bool) or not text.isdecimal() or not lowest <= int(text) <= highest:
            raise _refused(value, field, f"a whole number from {lowest} to {highest}")
        return int(text)

    return check


KINDS: Mapping[str, Kind] = {
    "backup": Kind(
        "backup",
        "databases",
        {
            "databases": ("lifeboat_databases", _names),
            "databases_exclude": ("lifeboat_databases_exclude", _names),
            "max_age": ("lifeboat_max_age", _duration),
            "reason": ("lifeboat_reason", _choice(*REASONS)),
            "proof": ("lifeboat_proof", _choice("none", "counts", "content")),
            "parallel": ("lifeboat_jobs", _whole(1, 64)),
            "compression": ("lifeboat_compression", _text),
            "min_bytes": ("lifeboat_min_bytes", _size),
            "max_shrink": ("lifeboat_max_shrink", _whole(0, 100)),
        },
        fixed={"lifeboat_reason": "scheduled"},
    ),
    "validate": Kind(
        "validate",
        "validated",
        {
            "databases": ("lifeboat_databases", _names),
            "backup": ("lifeboat_restore_from", _text),
            "parallel": ("lifeboat_jobs", _whole(1, 64)),
        },
        root=True,  # the scratch cluster runs as another user, in namespaces of its own
    ),
    "verify": Kind(
        "verify",
        "databases",
        {
            "sample": ("lifeboat_verify_sample", _whole(1, 100)),
            "level": ("lifeboat_verify_level", _choice("intact", "opens")),
        },
    ),
    "retention": Kind(
        "retention",
        "databases",
        {
            "policy": ("lifeboat_retention", _mapping),
            "apply": ("lifeboat_retention_apply", _yes_or_no),
        },
        fixed={"lifeboat_retention_apply": True},  # whoever schedules it asks for it
    ),
    "doctor": Kind("doctor", "databases", {"fail_on": ("lifeboat_fail_on", _choice("warning", "failed", "never"))}),
    "metrics": Kind("metrics", "databases", {}),
}

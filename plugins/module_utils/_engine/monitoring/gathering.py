# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What there is to see of an application's backups: the store, this host's memory and its schedule, as one picture.

A store that cannot be read is no failure here but part of the picture, because that is when watching matters.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import typing as t

from .. import repository
from ..anomalies import assessment, judging
from ..anomalies.statistics import Statistics
from ..audit.log import AuditLog
from ..catalogue import catalogue, newer
from ..catalogue.believing import FUTURE
from ..catalogue.inventory import Inventories
from ..catalogue.marks import Marks
from ..catalogue.receipts import Receipts
from ..databases import discovery
from ..errors import AccessDenied, MissingLibrary, NotFound, RecoveryError, UsageError
from ..retention import outlook as retention_outlook
from ..retention import planner
from ..retention import policy as retention_policy
from ..schedule import jobs as schedule_jobs
from ..stores import opening
from ..stores.s3.bucket import CODES
from ..verbs import operation_of
from . import picture, rereading

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..audit.log import Entry
    from ..catalogue.inventory import Inventory
    from ..model import World
    from ..postgres.connection import Login
    from .picture import Picture, Shown, StoreUse


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """The server of `cluster` to ask which databases it has; `include` and `exclude` are patterns of their names."""

    login: Login
    cluster: str
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """
    What to look at. This host speaks about `cluster`, or about all of the application.

    `exclude` are patterns of cluster/database that nobody cares about any more. `capacity` of the store is in bytes; a
    store in a directory knows its own. `policy` is that of retention, as retention.policy.parse takes it. Without a
    `server` the answer counts that one last gave to this host.
    """

    repository: catalogue.RepositorySettings
    cluster: str | None = None
    config_dir: str | None = None
    capacity: int | None = None
    exclude: tuple[str, ...] = ()
    thresholds: judging.Thresholds = judging.DEFAULTS
    policy: Mapping[str, t.Any] | None = None
    server: Server | None = None


def look(sources: Sources, world: World) -> tuple[Picture, list[str]]:
    """Give the picture, and what stood in the way of a whole one."""
    now, application = world.now(), repository.check_application(sources.repository.application)
    log = AuditLog(sources.repository.state_dir)
    # What was dated by a clock that ran ahead would be the newest for as long as that.
    entries = [entry for entry in log.entries(application=application, until=now + FUTURE) if entry.is_run]
    warnings: list[str] = []
    found, unreadable = _Found(), ""
    try:
        found = _stored(sources, world, entries)
    except (UsageError, MissingLibrary):
        raise
    except RecoveryError as exc:
        unreadable = "" if _may_only_write(exc) else exc.cause
        warnings += [f"The backups shown are those that this host remembers. {exc.cause}"] if unreadable else []
        found = _remembered(sources, entries, now)
    jobs, problem = _jobs(sources.config_dir, entries, now)
    inventories, unasked = _inventories(sources, world)
    shown = picture.Picture(
        application=application,
        at=now,
        subjects=picture.subjects(
            found.backups,
            entries,
            now,
            cluster=sources.cluster,
            exclude=sources.exclude,
            inventories=inventories,
        ),
        runs=picture.runs(entries, now, exclude=sources.exclude, stored=[backup.component for backup in found.backups]),
        jobs=jobs,
        store=found.use,
        anomalies=found.anomalies,
        unreadable=unreadable,
        remembered=found.remembered,
        inventories=inventories,
    )
    return shown, warnings + unasked + problem


def _inventories(sources: Sources, world: World) -> tuple[tuple[Inventory, ...], list[str]]:
    """Ask the server which databases it has, and give what is known of all clusters."""
    settings = sources.repository
    warnings: list[str] = []
    asked: dict[str, Inventory] = {}
    if server := sources.server:
        wanted = discovery.DiscoveryRequest(
            server.login,
            include=server.include,
            exclude=server.exclude,
            application=settings.application,
            cluster=server.cluster,
            state_dir=settings.state_dir,
        )
        try:
            asked[server.cluster], unwritten = discovery.ask(wanted, world)
            warnings += unwritten
        except RecoveryError as exc:
            warnings.append(f"Which databases cluster {server.cluster} has was not seen. {exc.cause}")
    known = {**Inventories(settings.state_dir).of(settings.application), **asked}
    return tuple(known[name] for name in sorted(known)), warnings


def _may_only_write(exc: RecoveryError) -> bool:
    """Whether the store knows these credentials and lets them read nothing; it may also not know them any more."""
    unknown = exc.details.get("code") in CODES or exc.details.get("status", 403) != 403
    return isinstance(exc, AccessDenied) and not unknown


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """What was found in the store, or is remembered."""

    backups: tuple[Shown, ...] = ()
    use: StoreUse | None = None
    anomalies: tuple[catalogue.Anomaly, ...] = ()
    remembered: bool = False


def _stored(sources: Sources, world: World, entries: Sequence[Entry]) -> _Found:
    opened = catalogue.open_repository(sources.repository, world)
    backups = opened.backups()
    newer.notice(opened, backups)
    marks = opened.marks(kinds=repository.PROTECTING_MARKS)
    memory = Statistics(sources.repository.state_dir, sources.repository.place)
    suspicions = assessment.assess(opened, backups, memory, sources.thresholds, keep=not world.dry_run)
    rows = _rows(memory, opened.application, entries)
    unread = rereading.unread([backup.manifest for backup in backups], entries)
    proved = _proved(entries)
    shown: list[Shown] = []
    for backup in backups:
        record = backup.manifest
        identity = record.backup_id
        said = marks.get(identity)
        shown.append(
            picture.Shown(
                backup_id=identity,
                component=record.component,
                finished=record.finished,
                size=record.size,
                plain_size=record.plain_size,
                scope=record.scope,
                reason=record.reason,
                seconds=record.seconds,
                rows=rows.get(identity),
                files=len(record.files),
                unread=unread[f"{record.component}/{identity}"],
                verified=identity in proved or (said is not None and said.verified(backup.manifest_sha256)),
                suspicions=suspicions.get(identity, ()),
            )
        )
    return _Found(_dated(shown, marks, sources, world.now()), _use(sources, opened), tuple(opened.anomalies))


def _dated(
    backups: list[Shown], marks: Mapping[str, Marks], sources: Sources, now: datetime.datetime
) -> tuple[Shown, ...]:
    """Add when each may go by the policy of retention."""
    if not sources.policy:
        return tuple(backups)
    policy = retention_policy.parse(sources.policy)
    nothing = Marks()
    candidates = {
        planner.Candidate(
            component=backup.component,
            backup_id=backup.backup_id,
            finished=backup.finished,
            scope=backup.scope,
            reason=backup.reason,
            size=backup.size,
            verified=backup.verified,
            pinned=marks.get(backup.backup_id, nothing).pinned,
            held=marks.get(backup.backup_id, nothing).held,
        ): backup
        for backup in backups
    }
    outlook = retention_outlook.outlook(candidates, policy, now)
    return tuple(dataclasses.replace(backup, expires=outlook[one].expires) for one, backup in candidates.items())


def _remembered(sources: Sources, entries: Sequence[Entry], now: datetime.datetime) -> _Found:
    """Give the backups by this host's own memory, for one that may only write to the store, or cannot reach it."""
    state_dir, application = sources.repository.state_dir, sources.repository.application
    memory = Statistics(state_dir, sources.repository.place)
    rows, proved = _rows(memory, application, entries), _proved(entries)
    receipts = Receipts(state_dir, sources.repository.place, read_only=True)
    expired = receipts.expired(application)
    kept = [receipt for receipt in receipts.of(application) if receipt.backup_id not in expired]
    suspicions = {
        identity: found
        for component in {receipt.component for receipt in kept}
        for identity, found in judging.judge(memory.of(application, component), sources.thresholds).items()
    }
    made = [entry for entry in entries if entry.operation == "backup" and entry.facts.get("changed")]
    took = {entry.backup_id: entry.seconds for entry in made}
    shown = [
        picture.Shown(
            backup_id=receipt.backup_id,
            component=receipt.component,
            finished=datetime.datetime.fromisoformat(receipt.finished),
            size=receipt.size,
            plain_size=receipt.plain_size,
            scope=receipt.scope,
            reason=receipt.reason,
            seconds=took.get(receipt.backup_id),
            rows=rows.get(receipt.backup_id),
            verified=receipt.backup_id in proved,
            suspicions=suspicions.get(receipt.backup_id, ()),
        )
        for receipt in kept
    ]
    # As the catalogue does: what claims to have ended in the future is no recovery point.
    past = [backup for backup in shown if backup.finished <= now + FUTURE]
    return _Found(tuple(past), remembered=True)


def _rows(memory: Statistics, application: str, entries: Sequence[Entry]) -> dict[str, int]:
    """Give the rows of the backups of which they were counted here."""
    counted = {
        entry.backup_id: rows
        for entry in entries
        if entry.operation == "backup" and isinstance(rows := entry.facts.get("rows"), int)
    }
    known = {one.backup_id: one.rows for one in memory.of(application) if one.rows is not None}
    return counted | known


def _proved(entries: Sequence[Entry]) -> set[str]:
    """Give the ids of the backups that this host restored and found right."""
    return {entry.backup_id for entry in entries if rereading.proves(entry)}


def _use(sources: Sources, opened: catalogue.Repository) -> StoreUse:
    sizes = [info.size for info in opened.store.list(f"{opened.application}/")]
    size, capacity, available = sum(sizes), sources.capacity, None
    if capacity is not None:
        available = max(capacity - size, 0)
    elif directory := opening.directory_of(sources.repository.store):
        room = os.statvfs(directory)
        # What is kept for root is room for nobody here.
        available = room.f_bavail * room.f_frsize
        capacity = (room.f_blocks - room.f_bfree) * room.f_frsize + available
    return picture.StoreUse(size, len(sizes), capacity, available)


def _jobs(
    config_dir: str | None, entries: Sequence[Entry], now: datetime.datetime
) -> tuple[tuple[picture.Job, ...], list[str]]:
    """Give the jobs of this host's schedule, and what is wrong with it."""
    if config_dir is None:
        return (), []
    try:
        known = schedule_jobs.read(config_dir)
        local = known.local_zone()
    except NotFound:
        return (), []
    except RecoveryError as exc:
        return (), [str(exc)]
    jobs = []
    # A job that was made on Monday did not fail to run on Sunday.
    since = schedule_jobs.written(config_dir)
    for job in known.jobs:
        # What leaves no entry in the audit log is seen to be late by its next time alone.
        operation = operation_of(job.kind)
        ended = [entry.at for entry in entries if entry.operation == operation]
        due = known.previous(job, now, local)
        jobs.append(
            picture.Job(
                name=job.name,
                operation=operation,
                due=due if operation and due >= since else None,
                following=known.following(job, now, local),
                last=max(ended, default=None),
            )
        )
    return tuple(jobs), []

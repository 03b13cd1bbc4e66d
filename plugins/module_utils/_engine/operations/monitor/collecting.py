# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Collects how an application is protected: from the store, this host's memory and its schedule.

A store that cannot be read is no failure here but part of the status, because that is when watching matters.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ...drivers.stores import factory
from ...drivers.stores.s3.bucket import CODES
from ...ground.errors import AccessDenied, MissingLibrary, NotFound, RecoveryError, StoreError, UsageError
from ...records.anomalies import assessment, judging
from ...records.anomalies.backup_figures import Statistics
from ...records.recovery import outcome
from ...records.repository import catalogue, newer, protection, reread
from ...records.repository import names as repository
from ...records.repository.inventory import Inventories
from ...records.retention import forecast
from ...records.retention.planner import Candidate
from ...records.schedule import lateness
from ..databases import discovery
from ..prune import survey
from ..wal import watching
from . import protection_status
from .protection_status import ProtectionStatus, StoreUse

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from ...drivers.components.postgres.connection import Login
    from ...ground.model import World
    from ...records.audit.log import Entry
    from ...records.recovery.events import Mode
    from ...records.recovery.objectives import Objective
    from ...records.repository.inventory import Inventory
    from ...records.repository.protection import KnownBackup
    from ...records.retention.policy import Policy


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
    store in a directory knows its own. `policy` is that of retention, `objectives` those of recoveries. Without a
    `server` the answer counts that one last gave to this host. With `archiving` the log of `cluster` should be
    archived.
    """

    repository: catalogue.RepositorySettings
    cluster: str | None = None
    config_dir: str | None = None
    capacity: int | None = None
    exclude: tuple[str, ...] = ()
    thresholds: judging.Thresholds = judging.DEFAULTS
    policy: Policy | None = None
    server: Server | None = None
    objectives: tuple[Objective, ...] = ()
    archiving: watching.Archiving | None = None


def collect(sources: Sources, world: World) -> tuple[ProtectionStatus, list[str]]:
    """Return how the application is protected, and what stood in the way of knowing all of it."""
    now, application = world.now(), repository.check_application(sources.repository.application)
    entries = protection.read_runs(sources.repository.state_dir, application, now)
    found, warnings = _found(sources, world, entries)
    jobs, problem = _jobs(sources, entries, now)
    inventories, unasked = _inventories(sources, world)
    exclude = sources.exclude
    shown = protection_status.subjects(found.backups, entries, now, exclude=exclude, inventories=inventories)
    stored = {backup.component for backup in found.backups}
    status = ProtectionStatus(
        application=application,
        at=now,
        subjects=shown,
        runs=protection_status.runs(entries, now, exclude=exclude, stored=stored),
        own=protection_status.own(shown, entries, sources.cluster),
        jobs=jobs,
        store=found.use,
        problems=found.problems,
        unreadable=found.unreadable,
        remembered=found.remembered,
        inventories=inventories,
        recoveries=found.recoveries,
        logs=found.logs,
        objectives=sources.objectives,
    )
    return status, warnings + unasked + problem


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
            warnings.append(f"The databases of cluster {server.cluster} could not be listed. {exc.cause}")
    known = {**Inventories(settings.state_dir).of(settings.application), **asked}
    return tuple(known[name] for name in sorted(known)), warnings


def _may_only_write(exc: RecoveryError) -> bool:
    """Whether the store knows these credentials and lets them read nothing; it may also not know them any more."""
    unknown = exc.details.get("code") in CODES or exc.details.get("status", 403) != 403
    return isinstance(exc, AccessDenied) and not unknown


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """What was found in the store, or is remembered."""

    backups: tuple[KnownBackup, ...] = ()
    use: StoreUse | None = None
    problems: tuple[catalogue.IntegrityProblem, ...] = ()
    unreadable: str = ""
    remembered: bool = False
    recoveries: Mapping[Mode, outcome.Outcome | None] | None = None
    logs: tuple[watching.LogStatus, ...] = ()


def _found(sources: Sources, world: World, entries: Sequence[Entry]) -> tuple[_Found, list[str]]:
    """Return what the store holds, or what is remembered where it cannot be read, and what to say about that."""
    try:
        return _stored(sources, world, entries)
    except (UsageError, MissingLibrary):
        raise
    except RecoveryError as exc:
        found, only_writes = _remembered(sources, entries, world.now()), _may_only_write(exc)
        wanted = watching.Wanted(sources.repository, sources.cluster, sources.archiving)
        seen, warnings = watching.unlisted(wanted, readable=not only_writes)
        found = dataclasses.replace(found, logs=seen)
        if only_writes:
            return found, warnings
        warning = f"Only the backups that this host has recorded are shown. {exc.cause}"
        return dataclasses.replace(found, unreadable=exc.cause), [warning, *warnings]


def _stored(sources: Sources, world: World, entries: Sequence[Entry]) -> tuple[_Found, list[str]]:
    opened = catalogue.open_repository(sources.repository, world)
    backups = opened.backups()
    newer.notice(opened, backups)
    said = opened.marks(kinds=repository.PROTECTING_MARKS)
    settings = sources.repository
    memory = Statistics(settings.state_dir, settings.place)
    suspicions = assessment.assess(opened, backups, memory, sources.thresholds, keep=not world.dry_run)
    known = protection.stored(backups, said, entries, suspicions)
    rows = _rows(settings, entries)
    read = reread.RereadFiles(settings.state_dir, settings.place).of(opened.application)
    shown = [
        dataclasses.replace(one, rows=rows.get(one.backup_id), unread=reread.unread(backup.manifest, read))
        for one, backup in zip(known, backups, strict=True)
    ]
    dated = _dated(shown, opened, sources.policy, world.now())
    recoveries = outcome.both(opened.trusted_keys, opened.store, opened.application)
    found, warnings = watching.look(
        opened, backups, watching.Wanted(settings, sources.cluster, sources.archiving), world
    )
    use = _use(sources, opened, world)
    return _Found(dated, use, tuple(opened.problems), recoveries=recoveries, logs=found), warnings


def _dated(
    backups: Sequence[KnownBackup], opened: catalogue.Repository, policy: Policy | None, now: datetime.datetime
) -> tuple[KnownBackup, ...]:
    """Add when each may go by the policy of retention and the locks of the store."""
    if policy is None:
        return tuple(backups)
    candidates = [Candidate.of(backup) for backup in backups]
    with contextlib.suppress(StoreError, MissingLibrary):  # who cannot see locks does not know of them
        candidates = survey.with_locks(opened, candidates, policy, now)
    seen = forecast.forecast(candidates, policy, now)
    return tuple(
        dataclasses.replace(backup, expires=seen[one].expires) for backup, one in zip(backups, candidates, strict=True)
    )


def _remembered(sources: Sources, entries: Sequence[Entry], now: datetime.datetime) -> _Found:
    """Return the backups by this host's own memory, for one that may only write to the store, or cannot reach it."""
    known = assessment.remembered(sources.repository, entries, sources.thresholds, now)
    rows = _rows(sources.repository, entries)
    took = {one.backup_id: one.seconds for one in entries if one.operation == "backup" and one.facts.get("changed")}
    shown = [dataclasses.replace(one, rows=rows.get(one.backup_id), seconds=took.get(one.backup_id)) for one in known]
    return _Found(tuple(shown), remembered=True)


def _rows(settings: catalogue.RepositorySettings, entries: Sequence[Entry]) -> dict[str, int]:
    """Return the rows of the backups of which they were counted here."""
    counted = {
        entry.backup_id: rows
        for entry in entries
        if entry.operation == "backup" and isinstance(rows := entry.facts.get("rows"), int)
    }
    memory = Statistics(settings.state_dir, settings.place).of(settings.application)
    return counted | {one.backup_id: one.rows for one in memory if one.rows is not None}


def _use(sources: Sources, opened: catalogue.Repository, world: World) -> StoreUse:
    sizes = [info.size for info in watching.beside(opened)]
    of_logs, files = watching.use(opened, sources.repository, world)
    size, capacity, available = sum(sizes) + of_logs, sources.capacity, None
    if capacity is not None:
        available = max(capacity - size, 0)
    elif directory := factory.directory_of(sources.repository.store):
        room = os.statvfs(directory)
        # What is kept for root is room for nobody here.
        available = room.f_bavail * room.f_frsize
        capacity = (room.f_blocks - room.f_bfree) * room.f_frsize + available
    return StoreUse(size, len(sizes) + files, capacity, available)


def _jobs(
    sources: Sources, entries: Sequence[Entry], now: datetime.datetime
) -> tuple[tuple[lateness.Timing, ...], list[str]]:
    """Return the jobs of this host's schedule, and what is wrong with it."""
    if sources.config_dir is None:
        return (), []
    try:
        return lateness.timings(sources.config_dir, sources.repository.state_dir, entries, now)[1], []
    except NotFound:
        return (), []
    except RecoveryError as exc:
        return (), [str(exc)]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: what backups there are, which is the newest, and what is not as it must be."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import MissingLibrary, StoreError, UsageError
from ...ground.model import Outcome
from ...records.anomalies import assessment, judging
from ...records.repository import catalogue, choosing, newer, protection
from ...records.repository import names as repository
from ...records.repository.inventory import Inventories
from ..wal import watching
from . import table

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from ...ground.model import World

try:
    import jmespath
except ImportError as exc:  # told at first use
    _IMPORT_ERROR: ImportError | None = exc
else:
    _IMPORT_ERROR = None


@dataclasses.dataclass(frozen=True, slots=True)
class ListRequest:
    """
    What to list. `as_of` leaves out backups that had not finished before, `clean` those that are suspicious. `query` is
    a JMESPath expression over the list. `limit` is how many backups of each database the table shows, the newest.
    """

    repository: catalogue.RepositorySettings
    cluster: str | None = None
    database: str | None = None
    as_of: datetime.datetime | None = None
    query: str | None = None
    clean: bool = False
    limit: int | None = None
    thresholds: judging.Thresholds = judging.DEFAULTS


def list_backups(request: ListRequest, world: World) -> Outcome:
    """
    List the backups that are authentic and complete; facts hold them with what is suspicious about each, the newest
    and the newest clean one of each component, problems, and the databases of the server that have no backup.

    Raise UsageError when the query is not JMESPath or the limit is negative, StoreError when the store cannot be listed
    to its end.
    """
    query = _compiled(request.query)
    if request.limit is not None and request.limit < 0:
        raise UsageError(f"limit: {request.limit} is negative.", "Use 0 for all, or a positive number.", field="limit")
    opened = catalogue.open_repository(request.repository, world)
    backups = _chosen(request, opened)
    passed = newer.notice(opened, backups, request.as_of)
    settings, keep = request.repository, not world.dry_run
    known = assessment.known(settings, opened, backups, request.thresholds, world.now(), keep=keep)
    every = {one.backup_id: _row(backup, one) for backup, one in zip(backups, known, strict=True)}
    protected = protection.of(known)
    newest = {name: every[one.newest.backup_id] for name, one in protected.items() if one.newest}
    clean = {name: every[one.newest_clean.backup_id] for name, one in protected.items() if one.newest_clean}
    missing, unseen = _missing(request, opened.application, newest, world.now())
    rows = [row for row in every.values() if not (request.clean and row["suspicions"])]
    latest = clean if request.clean else newest
    logs = _logs(request, opened, backups, world)
    facts = {
        "backups": rows,
        "count": len(rows),
        "latest": latest,
        "clean": clean,
        "passed_over": {name: [dataclasses.asdict(one) for one in over] for name, over in passed.items()},
        "problems": [dataclasses.asdict(problem) for problem in opened.problems],
        "missing": [dataclasses.asdict(each) for each in missing],
        "compared": not unseen and request.as_of is None,
        "logs": [_log_facts(log) for log in logs],
        "table": [
            *table.lines(rows, latest, opened.problems, missing, now=world.now(), limit=request.limit),
            *(line for log in logs for line in table.of_log(log)),
            *unseen,
        ],
        **({"matches": query.search(rows)} if query is not None else {}),
    }
    said = [
        *(problem.sentence for problem in opened.problems),
        *(f"There is no backup of {each.cluster}/{each.database}, which exists on the server." for each in missing),
        *(_suspicious(row, clean.get(name)) for name, row in newest.items() if row["suspicions"]),
    ]
    return Outcome(changed=False, facts=facts, warnings=tuple(said))


def _chosen(request: ListRequest, opened: catalogue.Repository) -> list[catalogue.Backup]:
    backups = opened.backups(repository.place(request.cluster, request.database))
    return [backup for backup in backups if choosing.is_before(backup.manifest.finished, request.as_of)]


def _logs(
    request: ListRequest, opened: catalogue.Repository, backups: list[catalogue.Backup], world: World
) -> tuple[watching.LogStatus, ...]:
    """Return the archived logs of the physical backups that are listed; what one was at a time is not known."""
    if request.as_of is not None or not any(backup.manifest.wal for backup in backups):
        return ()
    try:
        return watching.look(opened, backups, watching.Wanted(request.repository, request.cluster), world)[0]
    except StoreError:  # who may list backups need not be allowed to list the log
        return ()


def _log_facts(log: watching.LogStatus) -> dict[str, t.Any]:
    return {
        "cluster": log.cluster,
        "system_identifier": log.system_identifier,
        "recoverable_from": log.since.isoformat() if log.since else None,
        "recoverable_until": log.until.isoformat() if log.until else None,
        "problems": list(log.problems),
    }


def _missing(
    request: ListRequest, application: str, newest: Collection[str], now: datetime.datetime
) -> tuple[list[table.Missing], list[str]]:
    """Return the databases that a server has and that have no backup, and of which clusters that is not known."""
    if request.as_of is not None:
        return [], []  # what the server had then is not known, and was not asked
    known = Inventories(request.repository.state_dir).of(application)
    clusters = {repository.shown(name)[0] for name in newest} | ({request.cluster} - {None})
    unseen = [
        f"NOT COMPARED  Whether cluster {name} has databases without a backup: its server was not queried lately."
        for name in sorted(t.cast("set[str]", clusters))
        if name not in known or not known[name].is_current(now)
    ]
    missing = [
        table.Missing(name, database)
        for name, each in sorted(known.items())
        for database in each.wanted
        if request.cluster in {None, name}
        and request.database in {None, database}
        and repository.component(name, database) not in newest
    ]
    return missing, unseen


def _suspicious(row: dict[str, t.Any], clean: dict[str, t.Any] | None) -> str:
    instead = f"The newest clean one is {clean['backup_id']}." if clean else "None is clean."
    return (
        f"The newest backup of {row['component']}, {row['backup_id']}, is suspicious. {row['suspicions'][0]} {instead}"
    )


def _row(backup: catalogue.Backup, known: protection.KnownBackup) -> dict[str, t.Any]:
    """Return a backup's public record: sizes in bytes, times as ISO 8601 in UTC, duration in seconds."""
    record = backup.manifest
    cluster, database = repository.shown(record.component)
    return {
        **record.facts,
        "cluster": cluster,
        "database": database,
        "kind": record.kind,
        "files": len(record.files),
        "recipients": list(record.recipients),
        "versions": record.versions,
        "suspicions": judging.shown(known.suspicions),
        "restore_tested": known.restore_tested,
        "restore_tested_at": known.restore_tested_at.isoformat() if known.restore_tested_at else None,
        "pinned": known.pinned,
        "held": known.held,
    }


def _compiled(query: str | None) -> t.Any:
    if query is None:
        return None
    if _IMPORT_ERROR is not None:
        raise MissingLibrary("jmespath", "to select backups by a query") from _IMPORT_ERROR
    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as exc:
        raise UsageError(
            f"The query is not a JMESPath expression: {' '.join(str(exc).split())}.",
            "See https://jmespath.org for its grammar.",
            field="query",
        ) from exc

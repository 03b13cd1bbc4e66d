# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: what backups there are, which is the newest, and what is not as it must be.
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import catalogue, repository
from .errors import MissingLibrary, UsageError
from .model import Outcome
from .units import human_duration, human_size

if t.TYPE_CHECKING:
    import datetime

    from .model import World

try:
    import jmespath
except ImportError as exc:  # told at first use
    _IMPORT_ERROR: ImportError | None = exc
else:
    _IMPORT_ERROR = None


@dataclasses.dataclass(frozen=True, slots=True)
class ListRequest:
    """What to list. `as_of` leaves out backups that finished later; `query` is a JMESPath expression over the list."""

    repository: catalogue.RepositorySettings
    cluster: str | None = None
    database: str | None = None
    as_of: datetime.datetime | None = None
    query: str | None = None


def list_backups(request: ListRequest, world: World) -> Outcome:
    """
    List the backups that are authentic and complete; facts hold them, the newest of each component, and anomalies.

    Raise UsageError when the query is not JMESPath, StoreError when the store cannot be listed to its end.
    """
    query = _compiled(request.query)
    opened = catalogue.open_repository(request.repository, world)
    component = None
    if request.cluster and request.database:
        component = repository.component(request.cluster, request.database)
    rows = [
        describe(backup)
        for backup in opened.backups(component)
        if request.as_of is None or backup.manifest.finished <= request.as_of
    ]
    rows = [row for row in rows if request.cluster in {None, row["cluster"]}]
    latest = {row["component"]: row for row in rows if row["scope"] == "full" and row["reason"] != "emergency"}
    facts: dict[str, t.Any] = {
        "backups": rows,
        "count": len(rows),
        "latest": latest,
        "anomalies": [dataclasses.asdict(anomaly) for anomaly in opened.anomalies],
        "table": _table(rows, opened.anomalies),
    }
    if query is not None:
        facts["matches"] = query.search(rows)
    return Outcome(changed=False, facts=facts, warnings=tuple(anomaly.cause for anomaly in opened.anomalies))


def describe(backup: catalogue.Backup) -> dict[str, t.Any]:
    """Give a backup's public record: sizes in bytes, times as ISO 8601 in UTC, duration in seconds."""
    record = backup.manifest
    cluster, database = repository.cluster_and_database(record.component)
    return {
        "backup_id": record.backup_id,
        "component": record.component,
        "cluster": cluster,
        "database": database,
        "kind": record.kind,
        "scope": record.scope,
        "reason": record.reason,
        "proof": record.proof,
        "started": record.started.isoformat(),
        "finished": record.finished.isoformat(),
        "seconds": record.seconds,
        "size": record.size,
        "plain_size": record.plain_size,
        "files": len(record.files),
        "recipients": list(record.recipients),
        "versions": record.versions,
    }


def _table(rows: list[dict[str, t.Any]], anomalies: list[catalogue.Anomaly]) -> list[str]:
    """Give lines that read well in a terminal and in a log."""
    lines = [
        f"{row['finished'][:16].replace('T', ' ')} UTC  {row['cluster']} / {row['database']}  "
        f"{human_size(row['size'])} ({human_size(row['plain_size'])} of data) in {human_duration(row['seconds'])}  "
        f"{row['scope']}, {row['reason']}, proof {row['proof']}  {row['backup_id']}"
        for row in rows
    ]
    lines = lines or ["no backups"]
    return lines + [f"ANOMALY  {anomaly.cause}" for anomaly in anomalies]


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

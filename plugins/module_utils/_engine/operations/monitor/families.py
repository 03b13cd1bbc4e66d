# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How the backups are protected, as metrics for Prometheus. docs/monitoring.md lists them.

Points in time are given instead of ages, because Prometheus computes the age itself, also when nobody writes any more.
A time of 0 means never: `time() - 0` is then as old as an alert could wish for.
"""

from __future__ import annotations

import typing as t

from ...ground.exposition import Family, Sample
from ...ground.verbs import RESULTS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ...records.repository.inventory import Inventory
    from ...records.repository.protection import KnownBackup, Protection, Runs
    from .protection_status import ProtectionStatus

ANOMALIES = (
    "detail",
    "exchanged",
    "hidden",
    "incomplete",
    "latest",
    "manifest",
    "mark",
    "missing",
    "stranger",
    "trust",
)
SUSPICIONS = (
    "compression_collapse",
    "compression_drift",
    "rows_drop",
    "rows_growth",
    "size_drop",
    "size_growth",
    "table_rows_drop",
    "table_vanished",
)
"""Kinds, here and above, that are shown also when there are none: a graph then has no gaps."""

Gauge = tuple[str, str, "Callable[[t.Any], float | None]"]


def families(status: ProtectionStatus) -> list[Family]:
    """Return all metrics of what this host speaks about."""
    own = [subject for subject in status.subjects if subject.component in status.own]
    return [*_writer(status), *_backups(status, own), *_runs(status), *_schedule(status), *_store(status)]


def _writer(status: ProtectionStatus) -> list[Family]:
    labels = {"application": status.application}
    known = sum(subject.component in status.own for subject in status.subjects)
    asked = [(labels | {"cluster": each.cluster}, each) for each in status.inventories]
    return [
        _gauge("lifeboat_databases", "Databases that this host speaks about.", [(labels, known)]),
        _gauge(
            "lifeboat_server_asked_timestamp_seconds",
            "When the server was last asked which databases it has.",
            ((place, each.at.timestamp()) for place, each in asked),
        ),
        _gauge(
            "lifeboat_databases_without_backup",
            "Databases of the server that should have a backup and have none.",
            ((place, _without_backup(status, each)) for place, each in asked),
        ),
        _gauge(
            "lifeboat_databases_left_out",
            "Databases of the server that nobody chose for backups.",
            ((place, len(each.left_out)) for place, each in asked),
        ),
        Family(
            "lifeboat_metrics_written_timestamp_seconds",
            "gauge",
            "When these metrics were written.",
            (Sample(status.at.timestamp(), labels),),
        ),
        Family(
            "lifeboat_catalogue_readable",
            "gauge",
            "Whether the store could be read; missing on a host that may only write to it.",
            () if status.remembered and not status.unreadable else (Sample(0 if status.unreadable else 1, labels),),
        ),
    ]


def _without_backup(status: ProtectionStatus, inventory: Inventory) -> int:
    missing = {
        subject.database for subject in status.subjects if subject.cluster == inventory.cluster and not subject.newest
    }
    return len(missing.intersection(inventory.wanted))


def _backups(status: ProtectionStatus, subjects: list[Protection]) -> Iterable[Family]:
    where = [(_place(status, subject.cluster, subject.database), subject) for subject in subjects]
    for name, text, value in _OF_SUBJECT:
        yield _gauge(name, text, ((labels, value(subject)) for labels, subject in where))
    newest = [(labels, subject.newest) for labels, subject in where]
    for name, text, value in _OF_NEWEST:
        yield _gauge(name, text, ((labels, value(backup)) for labels, backup in newest if backup))
    yield _gauge(
        "lifeboat_backup_newest_suspicions",
        "What is unusual about the newest full backup, by kind.",
        (
            (labels | {"kind": kind}, count)
            for labels, backup in newest
            if backup
            for kind, count in _suspicions(backup)
        ),
    )


def _suspicions(backup: KnownBackup) -> list[tuple[str, int]]:
    counts = dict.fromkeys(SUSPICIONS, 0)
    for suspicion in backup.suspicions:
        counts[suspicion.kind] = counts.get(suspicion.kind, 0) + 1
    return sorted(counts.items())


def _runs(status: ProtectionStatus) -> Iterable[Family]:
    where = [(_run_labels(status, run), run) for run in status.runs]
    for name, kind, text, counts in _COUNTS:
        samples = [
            Sample(counts(run).get(result, 0), {**labels, "result": result})
            for labels, run in where
            for result in RESULTS
        ]
        yield Family(name, kind, text, tuple(samples))
    for name, text, value in _OF_RUN:
        yield _gauge(name, text, ((labels, value(run)) for labels, run in where))


def _schedule(status: ProtectionStatus) -> Iterable[Family]:
    for name, text, value in _OF_JOB:
        yield _gauge(
            name,
            text,
            (
                ({"application": status.application, "job_name": job.name, "operation": job.operation}, value(job))
                for job in status.jobs
            ),
        )


def _store(status: ProtectionStatus) -> Iterable[Family]:
    labels = {"application": status.application}
    if not status.remembered:
        counts = dict.fromkeys(ANOMALIES, 0)
        for anomaly in status.anomalies:
            counts[anomaly.kind] = counts.get(anomaly.kind, 0) + 1
        yield _gauge(
            "lifeboat_store_anomalies",
            "Things in the store that are not as they must be.",
            (({**labels, "kind": kind}, count) for kind, count in sorted(counts.items())),
        )
    if status.store:
        for name, text, value in _OF_STORE:
            yield _gauge(name, text, [(labels, value(status.store))])


def _gauge(name: str, text: str, values: Iterable[tuple[dict[str, str], float | None]]) -> Family:
    return Family(name, "gauge", text, tuple(Sample(value, labels) for labels, value in values if value is not None))


def _place(status: ProtectionStatus, cluster: str, database: str) -> dict[str, str]:
    return {"application": status.application, "cluster": cluster, "database": database}


def _run_labels(status: ProtectionStatus, run: Runs) -> dict[str, str]:
    return {**_place(status, run.cluster, run.database), "operation": run.operation}


def _when(at: datetime | None) -> float:
    return at.timestamp() if at else 0


def _finished(backup: KnownBackup | None) -> float:
    return _when(backup.finished if backup else None)


_OF_SUBJECT: tuple[Gauge, ...] = (
    ("lifeboat_backups", "Backups that are authentic and complete.", lambda s: len(s.backups)),
    (
        "lifeboat_backups_restore_tested",
        "Those that were restored and compared.",
        lambda s: sum(b.restore_tested for b in s.backups),
    ),
    (
        "lifeboat_backup_newest_timestamp_seconds",
        "When the newest full backup ended, 0 for never; emergency backups do not count.",
        lambda s: _finished(s.newest),
    ),
    (
        "lifeboat_backup_newest_restore_tested_timestamp_seconds",
        "When the newest full backup ended whose restore was seen to give its data, 0 for never.",
        lambda s: _finished(s.newest_restore_tested),
    ),
    (
        "lifeboat_backup_newest_reread_timestamp_seconds",
        "When the newest full backup ended of which every stored byte was read again, 0 for never.",
        lambda s: _finished(s.newest_reread),
    ),
    (
        "lifeboat_backups_stored_bytes",
        "What all its backups take in the store.",
        lambda s: sum(b.size for b in s.backups),
    ),
    ("lifeboat_objects", "Stored files of all its backups.", lambda s: sum(b.files for b in s.backups)),
    (
        "lifeboat_objects_never_reread",
        "Stored files that nothing on this host has read again since they were written.",
        lambda s: sum(b.unread for b in s.backups),
    ),
    (
        "lifeboat_backup_next_expiry_timestamp_seconds",
        "When retention may next let one of its backups go; missing where a policy gives no date.",
        lambda s: s.next_expiry.timestamp() if s.next_expiry else None,
    ),
    (
        "lifeboat_backup_usual_duration_seconds",
        "Median of how long the full backups before the newest took.",
        lambda s: s.usual_seconds,
    ),
)

_OF_NEWEST: tuple[Gauge, ...] = (
    ("lifeboat_backup_newest_stored_bytes", "Size of the newest full backup in the store.", lambda b: b.size),
    ("lifeboat_backup_newest_data_bytes", "Size of the data in the newest full backup.", lambda b: b.plain_size),
    ("lifeboat_backup_newest_duration_seconds", "How long the newest full backup took.", lambda b: b.seconds),
    ("lifeboat_backup_newest_rows", "Rows in the newest full backup.", lambda b: b.rows),
    (
        "lifeboat_backup_newest_compression_ratio",
        "Bytes of data in one stored byte of the newest full backup.",
        lambda b: b.ratio,
    ),
)

_COUNTS: tuple[tuple[str, t.Literal["gauge", "counter"], str, Callable[[Runs], t.Any]], ...] = (
    ("lifeboat_runs_total", "counter", "Runs in this host's audit log.", lambda r: r.ever),
    ("lifeboat_runs_recent", "gauge", "Runs of the last seven days.", lambda r: r.recent),
)

_OF_RUN: tuple[Gauge, ...] = (
    ("lifeboat_run_last_timestamp_seconds", "When the last run ended.", lambda r: r.last.at.timestamp()),
    ("lifeboat_run_last_success", "Whether the last run ended well.", lambda r: r.last.result == "ok"),
    (
        "lifeboat_run_last_success_timestamp_seconds",
        "When a run last ended well, 0 for never.",
        lambda r: _when(r.last_ok),
    ),
    ("lifeboat_run_last_duration_seconds", "How long the last run took.", lambda r: r.last.seconds),
)

_OF_JOB: tuple[Gauge, ...] = (
    ("lifeboat_schedule_due_timestamp_seconds", "When the job was last due.", lambda j: _when(j.due)),
    (
        "lifeboat_schedule_next_timestamp_seconds",
        "When it is due next.",
        lambda j: j.following.timestamp() if j.following else None,
    ),
    (
        "lifeboat_schedule_last_run_timestamp_seconds",
        "When what it does last ended, 0 for never.",
        lambda j: _when(j.last),
    ),
)

_OF_STORE: tuple[Gauge, ...] = (
    ("lifeboat_store_bytes", "What the application takes in the store.", lambda s: s.size),
    ("lifeboat_store_objects", "Objects of the application in the store.", lambda s: s.objects),
    ("lifeboat_store_capacity_bytes", "What fits into the store.", lambda s: s.capacity),
    ("lifeboat_store_available_bytes", "What still fits into the store.", lambda s: s.available),
)

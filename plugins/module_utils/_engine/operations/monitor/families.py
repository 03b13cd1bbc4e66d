# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How the backups are protected, as metrics for Prometheus. docs/monitoring.md lists them.

Points in time are given instead of ages, because Prometheus computes the age itself, also when nobody writes any more.
A time of 0 means never: `time() - 0` is then as old as an alert could wish for.
"""

from __future__ import annotations

import collections
import typing as t

from ...ground.exposition import Family, Sample
from ...ground.verbs import RESULTS
from . import log_families, recoveries
from .gauges import Gauge, gauge, gauges

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ...records.repository.inventory import Inventory
    from ...records.repository.protection import KnownBackup, Protection, Runs
    from .protection_status import ProtectionStatus

PROBLEMS = (
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


def families(status: ProtectionStatus) -> list[Family]:
    """Return all metrics of what this host speaks about."""
    own = [subject for subject in status.subjects if subject.component in status.own]
    of_backups = [*_backups(status, own), *recoveries.points(status, own)]
    return [
        *_writer(status),
        *of_backups,
        *_runs(status),
        *_schedule(status),
        *_store(status),
        *log_families.families(status),
        *recoveries.families(status),
    ]


def _writer(status: ProtectionStatus) -> Iterable[Family]:
    labels = {"application": status.application}
    asked = [(labels | {"cluster": each.cluster}, (status, each)) for each in status.inventories]
    yield from gauges(_OF_HOST, [(labels, status)])
    yield from gauges(_OF_SERVER, asked)


def _without_backup(status: ProtectionStatus, inventory: Inventory) -> int:
    missing = {
        subject.database for subject in status.subjects if subject.cluster == inventory.cluster and not subject.newest
    }
    return len(missing.intersection(inventory.wanted))


def _backups(status: ProtectionStatus, subjects: list[Protection]) -> Iterable[Family]:
    where = [(_place(status, subject.cluster, subject.database), subject) for subject in subjects]
    yield from gauges(_OF_SUBJECT, where)
    newest = [(labels, subject.newest) for labels, subject in where if subject.newest]
    yield from gauges(_OF_NEWEST, newest)
    yield gauge(
        "lifeboat_backup_newest_suspicions",
        "What is unusual about the newest full backup, by kind.",
        (
            (labels | {"kind": kind}, count)
            for labels, backup in newest
            for kind, count in _counted((suspicion.kind for suspicion in backup.suspicions), SUSPICIONS)
        ),
    )


def _runs(status: ProtectionStatus) -> Iterable[Family]:
    where = [({**_place(status, run.cluster, run.database), "operation": run.operation}, run) for run in status.runs]
    for name, kind, text, counts in _COUNTS:
        samples = [
            Sample(counts(run).get(result, 0), {**labels, "result": result})
            for labels, run in where
            for result in RESULTS
        ]
        yield Family(name, kind, text, tuple(samples))
    yield from gauges(_OF_RUN, where)


def _schedule(status: ProtectionStatus) -> Iterable[Family]:
    labels = {"application": status.application}
    jobs = [({**labels, "job_name": job.name, "operation": job.operation}, job) for job in status.jobs]
    yield from gauges(_OF_JOB, jobs)


def _store(status: ProtectionStatus) -> Iterable[Family]:
    labels = {"application": status.application}
    if not status.remembered:
        counts = _counted((problem.kind for problem in status.problems), PROBLEMS)
        yield gauge(
            "lifeboat_store_problems",
            "Problems in the store.",
            (({**labels, "kind": kind}, count) for kind, count in counts),
        )
    if status.store:
        yield from gauges(_OF_STORE, [(labels, status.store)])


def _counted(kinds: Iterable[str], known: Iterable[str]) -> list[tuple[str, int]]:
    """Return how many there are of each kind, also of those that are known and not there."""
    return sorted({**dict.fromkeys(known, 0), **collections.Counter(kinds)}.items())


def _place(status: ProtectionStatus, cluster: str, database: str) -> dict[str, str]:
    return {"application": status.application, "cluster": cluster, "database": database}


def _when(at: datetime | None) -> float:
    return at.timestamp() if at else 0


def _finished(backup: KnownBackup | None) -> float:
    return _when(backup.finished if backup else None)


_OF_HOST: tuple[Gauge, ...] = (
    (
        "lifeboat_databases",
        "Databases that this host reports on.",
        lambda s: sum(subject.component in s.own for subject in s.subjects),
    ),
    ("lifeboat_metrics_written_timestamp_seconds", "When these metrics were written.", lambda s: s.at.timestamp()),
    (
        "lifeboat_catalogue_readable",
        "Whether the store could be read; missing on a host that may only write to it.",
        lambda s: None if s.remembered and not s.unreadable else not s.unreadable,
    ),
)

_OF_SERVER: tuple[Gauge, ...] = (
    (
        "lifeboat_server_asked_timestamp_seconds",
        "When the databases of the server were last listed.",
        lambda asked: asked[1].at.timestamp(),
    ),
    (
        "lifeboat_databases_without_backup",
        "Databases of the server that are selected for backups and have none.",
        lambda asked: _without_backup(*asked),
    ),
    (
        "lifeboat_databases_left_out",
        "Databases of the server that are not selected for backups.",
        lambda asked: len(asked[1].left_out),
    ),
)

_OF_SUBJECT: tuple[Gauge, ...] = (
    ("lifeboat_backups", "Backups that are authentic and complete.", lambda s: len(s.backups)),
    ("lifeboat_backups_restore_tested", "Restore-tested backups.", lambda s: sum(b.restore_tested for b in s.backups)),
    (
        "lifeboat_backup_newest_timestamp_seconds",
        "When the newest full backup ended, 0 for never; emergency backups do not count.",
        lambda s: _finished(s.newest),
    ),
    (
        "lifeboat_backup_newest_restore_tested_timestamp_seconds",
        "When the newest full restore-tested backup ended, 0 for never.",
        lambda s: _finished(s.newest_restore_tested),
    ),
    (
        "lifeboat_backup_newest_reread_timestamp_seconds",
        "When the newest full backup ended whose stored bytes were all verified, 0 for never.",
        lambda s: None if s.total(lambda b: b.unread) is None else _finished(s.newest_reread),
    ),
    (
        "lifeboat_backups_stored_bytes",
        "Size of all its backups in the store.",
        lambda s: sum(b.size for b in s.backups),
    ),
    ("lifeboat_objects", "Stored files of all its backups.", lambda s: s.total(lambda b: b.files)),
    (
        "lifeboat_objects_never_reread",
        "Stored files that this host has not verified since they were written.",
        lambda s: s.total(lambda b: b.unread),
    ),
    (
        "lifeboat_backup_next_expiry_timestamp_seconds",
        "When retention may next delete one of its backups; missing where a policy has no date.",
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
    ("lifeboat_backup_newest_compression_ratio", "Compression ratio of the newest full backup.", lambda b: b.ratio),
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
    ("lifeboat_schedule_next_timestamp_seconds", "When it is due next.", lambda j: _when(j.following)),
    ("lifeboat_schedule_last_run_timestamp_seconds", "When it last ended, 0 for never.", lambda j: _when(j.last)),
)

_OF_STORE: tuple[Gauge, ...] = (
    ("lifeboat_store_bytes", "Size of the application's objects in the store.", lambda s: s.size),
    ("lifeboat_store_objects", "Objects of the application in the store.", lambda s: s.objects),
    ("lifeboat_store_capacity_bytes", "Capacity of the store.", lambda s: s.capacity),
    ("lifeboat_store_available_bytes", "Free space of the store.", lambda s: s.available),
)

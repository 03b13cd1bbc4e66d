# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics of archived logs."""

from __future__ import annotations

import typing as t

from ...records.recovery import objectives
from .gauges import Gauge, gauge, gauges

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ...ground.exposition import Family
    from ..wal.watching import LogStatus
    from .protection_status import ProtectionStatus

BEHIND = ("extended", "unreserved", "lost")
"""What PostgreSQL calls a slot that holds more of the log than max_wal_size, or lost what it needs."""


def families(status: ProtectionStatus) -> Iterable[Family]:
    """Yield to which moments each log recovers, and how far its server is behind."""
    found = [
        ({"application": status.application, "cluster": log.cluster, "system_identifier": log.system_identifier}, log)
        for log in status.logs
    ]
    yield from gauges(_OF_LOG, found)
    yield from gauges(_OF_ARCHIVER, [(labels, log) for labels, log in found if log.archiver])
    yield gauge(
        "lifeboat_wal_recovery_point_objective_seconds",
        "How much time before an incident may be lost.",
        ((labels, objective(status, log)) for labels, log in found),
    )


def objective(status: ProtectionStatus, log: LogStatus) -> float | None:
    """Return the fewest seconds that a database of its cluster may lose; None without an objective."""
    own = {one.component for one in status.objectives if one.component.partition("/")[0] == log.cluster}
    return objectives.strictest(status.objectives, "rpo", objectives.DATABASE, *own)


def _when(at: datetime | None) -> float:
    return at.timestamp() if at else 0


def _listed(log: LogStatus, at: datetime | None) -> float | None:
    """Return a moment that the listing of the store gives, 0 for never; None where there was no listing."""
    return None if log.gaps is None else _when(at)


def _slots(log: LogStatus, *states: str) -> list[dict[str, t.Any]]:
    slots: list[dict[str, t.Any]] = t.cast("t.Any", log.archiver)["slots"]
    return [slot for slot in slots if slot["status"] in states]


_OF_LOG: tuple[Gauge, ...] = (
    (
        "lifeboat_wal_listed_timestamp_seconds",
        "When the log in the store was last looked at, 0 for never.",
        lambda log: log.listed.timestamp() if log.listed else None,
    ),
    (
        "lifeboat_wal_recoverable_until_timestamp_seconds",
        "To which moment the newest physical backup recovers without a gap, 0 for none.",
        lambda log: _listed(log, log.until),
    ),
    (
        "lifeboat_wal_recoverable_from_timestamp_seconds",
        "From which moment on all moments can be recovered, 0 for none.",
        lambda log: _listed(log, log.since),
    ),
    (
        "lifeboat_wal_newest_base_timestamp_seconds",
        "When the newest physical backup ended that the log continues, 0 for none.",
        lambda log: _listed(log, log.base),
    ),
    (
        "lifeboat_wal_gaps",
        "Stretches of the log that lack after the oldest physical backup.",
        lambda log: log.gaps,
    ),
    (
        "lifeboat_wal_forked_timelines",
        "Timelines that were written to after another one had begun on them.",
        lambda log: log.forked,
    ),
    ("lifeboat_wal_stored_bytes", "Size of the log in the store.", lambda log: log.bytes),
    ("lifeboat_wal_recovery_point_seconds", "How much time would be lost now, as measured.", lambda log: log.rpo),
    ("lifeboat_wal_server_answers", "Whether the server told of its archiver.", lambda log: log.answers),
)

_OF_ARCHIVER: tuple[Gauge, ...] = (
    (
        "lifeboat_wal_archiver_failing",
        "Whether the last file could not be archived.",
        lambda log: log.archiver["failing"],
    ),
    (
        "lifeboat_wal_waiting_files",
        "Files of the log that wait to be archived.",
        lambda log: log.archiver["waiting"],
    ),
    (
        "lifeboat_wal_waiting_seconds",
        "For how long the oldest of them has waited.",
        lambda log: log.archiver["waiting_seconds"] or 0,
    ),
    ("lifeboat_wal_directory_bytes", "Size of pg_wal.", lambda log: log.archiver["log_bytes"]),
    ("lifeboat_wal_directory_share", "Its share of its disk, from 0 to 1.", lambda log: log.share),
    (
        "lifeboat_wal_slot_retained_bytes",
        "How much of the log the replication slot keeps that is furthest behind.",
        lambda log: max((slot["retained_bytes"] for slot in log.archiver["slots"]), default=0),
    ),
    (
        "lifeboat_wal_slots_behind",
        "Replication slots that keep more than max_wal_size, or lost what they need.",
        lambda log: len(_slots(log, *BEHIND)),
    ),
    ("lifeboat_wal_slots_lost", "Those that lost it.", lambda log: len(_slots(log, "lost"))),
)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a server is behind with archiving its log, as it says itself, and what is wrong with that."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ....ground import units
from .connection import rows

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from .connection import Connection


class Clock(t.NamedTuple):
    """What a server's clock says, on which timeline it writes, and after how many seconds it ends a segment."""

    now: datetime
    timeline: int
    archive_timeout: int


STUCK = 300
"""Seconds for which the oldest file may wait to be archived."""


def look(session: Connection) -> dict[str, t.Any]:
    """Return what a server says of its archiver. Raise DatabaseError where its role may not see it."""
    (found,) = rows(session, _STATE)[0]
    return dict(found)


def clock(session: Connection) -> Clock:
    """Return what a server says of its time and of its log. Raise DatabaseError where its role may not see it."""
    return Clock(*rows(session, _CLOCK)[0])


def disk(session: Connection) -> int | None:
    """
    Return the bytes of the disk on which the log is; None where this user cannot tell.

    Few but the server's user may look into its data directory: to the others its own disk is that of the log.
    """
    [(directory,)] = rows(session, "SELECT max(setting) FROM pg_settings WHERE name = 'data_directory'")
    for path in (os.path.join(directory, "pg_wal"), directory) if directory else ():
        with contextlib.suppress(OSError):
            found = os.statvfs(path)
            return found.f_blocks * found.f_frsize
    return None


def problems(state: Mapping[str, t.Any]) -> Iterator[str]:
    """Yield what keeps its log from the store, as sentences."""
    if state["archive_mode"] == "off":
        yield "The server does not archive: archive_mode is off."
    elif state["failing"]:
        yield (
            f"The server fails to archive {state['last_failed_wal']}, since {state['last_archived_at'] or 'it began'}: "
            "its log says why."
        )
    elif (state["waiting_seconds"] or 0) > STUCK:
        yield (
            f"{state['waiting']} files wait to be archived, the oldest for "
            f"{units.human_duration(state['waiting_seconds'])}."
        )


_STATE = """
SELECT json_build_object(
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'segment_size', pg_size_bytes(current_setting('wal_segment_size')),
  'archive_mode', current_setting('archive_mode'), 'in_recovery', pg_is_in_recovery(),
  'archived_count', archived_count, 'failed_count', failed_count,
  'last_archived_wal', last_archived_wal, 'last_failed_wal', last_failed_wal,
  'last_archived_at', to_char(last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'failing', coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL),
  'waiting', waiting.files, 'waiting_seconds', waiting.seconds,
  'log_bytes', (SELECT sum(size)::bigint FROM pg_ls_waldir()),
  'slots', (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'status', wal_status, 'retained_bytes',
      coalesce(greatest(pg_wal_lsn_diff(at.lsn, restart_lsn), 0), 0)::bigint) ORDER BY slot_name), '[]')
    FROM pg_replication_slots, (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
      ELSE pg_current_wal_lsn() END AS lsn) at WHERE wal_status IS NOT NULL))
FROM pg_stat_archiver, (
  SELECT count(*) AS files, round(extract(epoch FROM clock_timestamp() - min(modification)))::bigint AS seconds
    FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') waiting
"""

# After a promotion the control file has the new timeline only with the next checkpoint.
_CLOCK = """
SELECT clock_timestamp(),
       CASE WHEN pg_is_in_recovery()
            THEN (SELECT greatest(min_recovery_end_timeline, timeline_id)
                    FROM pg_control_recovery(), pg_control_checkpoint())
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END,
       (SELECT setting::integer FROM pg_settings WHERE name = 'archive_timeout')
"""

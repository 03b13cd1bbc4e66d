# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a physical backup needs of its server and of its role, and how large it will be."""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import DatabaseError
from .connection import rows
from .encodings import raw_names

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .connection import Connection
    from .server import ServerInfo

OLDEST_MAJOR = 15
"""Older servers speak another dialect of BASE_BACKUP, and have no support any more."""

CHECKSUMS_OFF = (
    "The server has no data checksums: a page that its disk altered would be backed up unnoticed. Turn them on with "
    "pg_checksums, while it is stopped."
)


@dataclasses.dataclass(frozen=True, slots=True)
class Space:
    """A tablespace as the server sees it now; sizes are in bytes, the name as in `encodings`."""

    oid: int
    name: str
    location: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What of a server does not change while it runs."""

    checksums: bool
    segment_size: int
    summarizes: bool


def preflight(session: Connection, server: ServerInfo) -> Facts:
    """Return facts of a server. Raise DatabaseError unless it and its role allow a physical backup."""
    if server.major < OLDEST_MAJOR:
        raise DatabaseError(
            f"The server has version {server.version}; physical backups need PostgreSQL {OLDEST_MAJOR} or newer.",
            "Upgrade it, or use logical backups, by pg_backup.",
        )
    replicates, monitors, level, senders, checksums, segment, summarizes = rows(session, _FACTS)[0]
    lacking = {"REPLICATION": replicates, "membership in pg_monitor": monitors}
    if missing := [name for name, there in lacking.items() if not there]:
        raise DatabaseError(
            f"The role {server.user} lacks {' and '.join(missing)}, which a physical backup needs.",
            f'Run as a superuser: ALTER ROLE "{server.user}" REPLICATION; GRANT pg_monitor TO "{server.user}".',
        )
    if level == "minimal" or not senders:
        what = "wal_level is minimal" if level == "minimal" else "max_wal_senders is 0"
        raise DatabaseError(
            f"The server cannot be copied while it runs: {what}.",
            "Set wal_level = replica and max_wal_senders = 10, the defaults, and restart it.",
        )
    return Facts(checksums, int(segment), summarizes)


def spaces(session: Connection) -> Mapping[int, Space]:
    """Return the tablespaces by their numbers; those of the data directory have no location."""
    with raw_names(session):
        return {row[0]: Space(*row) for row in rows(session, _SPACES)}


_FACTS = """
SELECT r.rolsuper OR r.rolreplication, pg_has_role('pg_monitor', 'USAGE'), current_setting('wal_level'),
       current_setting('max_wal_senders')::integer, current_setting('data_checksums') = 'on',
       pg_size_bytes(current_setting('wal_segment_size')),
       coalesce(current_setting('summarize_wal', true) = 'on', false)
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""

_SPACES = """
SELECT oid::bigint, spcname::text, pg_tablespace_location(oid), coalesce(pg_tablespace_size(oid), 0)
  FROM pg_catalog.pg_tablespace ORDER BY oid
"""

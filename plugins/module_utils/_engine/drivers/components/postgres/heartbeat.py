# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The heartbeat of a server: a row now and then in `lifeboat.heartbeat`, which says where in the log the server was, and
when. Role wal_archiving makes it, in the database that every server has.

A beat's position is looked at after its time. So whatever was committed by that time lies before the position, and
comes back wherever the log is stored up to there.

Who may create things in that database may have made a schema of that name first. So nothing in it is used unless a
superuser owns it: the code of anybody else would run with our rights.
"""

from __future__ import annotations

import contextlib
import typing as t

from ....ground.errors import DatabaseError
from .connection import MAINTENANCE, connect, one, rows
from .wal_files import lsn

if t.TYPE_CHECKING:
    from datetime import datetime

    from .connection import Connection, Login

DATABASE = MAINTENANCE[0]


class Beat(t.NamedTuple):
    """When the server wrote it, by the server's clock, and the position in the log that it was at."""

    at: datetime
    position: int


def beat(login: Login) -> Beat | None:
    """
    Let the server write a beat, and return it; None where it is a standby, which has those of its primary.

    Raise DatabaseError where the server has no heartbeat of ours, and where it cannot be reached.
    """
    with contextlib.closing(connect(login, DATABASE)) as session:
        if one(session, "SELECT pg_is_in_recovery()"):
            return None
        rows(session, _PATIENCE)
        if not one(session, _CALLABLE):
            raise DatabaseError(
                f"The role {session.info.user} has no heartbeat that it can write in database {DATABASE}.",
                "Run playbook lifeboat.recovery.archiving for this host, which makes it.",
            )
        return _beat(*rows(session, "SELECT at, lsn::text FROM lifeboat.beat()")[0])


def beats(session: Connection) -> tuple[Beat, ...] | None:
    """Return the beats that a server has, the oldest first; None where it has no heartbeat that can be believed."""
    if not one(session, _READABLE):
        return None
    return tuple(_beat(*row) for row in rows(session, _BEATS))


def newest(login: Login) -> Beat | None:
    """Return the newest beat of a server, None where there is none. Raise DatabaseError where it cannot be read."""
    try:
        session = connect(login, DATABASE, read_only=True)
    except DatabaseError as exc:
        if exc.details.get("sqlstate") == "3D000":  # somebody dropped the database
            return None
        raise
    with contextlib.closing(session):
        return (beats(session) or (None,))[-1]


def _beat(at: datetime, position: str) -> Beat:
    return Beat(at, lsn(position))


# It waits for nothing, and for no standby: it comes again in a few minutes.
_PATIENCE = "SELECT set_config('statement_timeout', '20s', false), set_config('synchronous_commit', 'local', false)"

# A superuser alone gives away what he owns, and puts something else in its place.
_CALLABLE = """
SELECT s.rolsuper AND f.rolsuper AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
  FROM pg_namespace n JOIN pg_roles s ON s.oid = n.nspowner
  JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'beat' AND p.pronargs = 0
  JOIN pg_roles f ON f.oid = p.proowner
 WHERE n.nspname = 'lifeboat'"""

_READABLE = """
SELECT s.rolsuper AND o.rolsuper AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  FROM pg_namespace n JOIN pg_roles s ON s.oid = n.nspowner
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'heartbeat' AND c.relkind = 'r'
  JOIN pg_roles o ON o.oid = c.relowner
 WHERE n.nspname = 'lifeboat'"""

_BEATS = "SELECT at, lsn::text FROM ONLY lifeboat.heartbeat ORDER BY at"

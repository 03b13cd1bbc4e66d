# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Who is connected, seen alike by every role.

Of another role's session a role without pg_read_all_stats sees the process, the database, the user and the program,
and nothing else: what kind of process it is, say, is NULL for it. What has no user is the server's own, such as
autovacuum, which gives way by itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import Busy, RecoveryError
from .connection import one, rows

if t.TYPE_CHECKING:
    from .connection import Connection

# A helper of a session goes with it, and is counted where nobody can tell.
CONNECTED = """
SELECT pid, datid, datname, usesysid, usename, application_name FROM pg_catalog.pg_stat_activity
 WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND backend_type IS DISTINCT FROM 'parallel worker'
"""
"""The sessions of all databases, the one that asks among them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sessions:
    """Who is connected to a database: how many sessions of each application (and user)."""

    counts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(count for _name, count in self.counts)

    def __str__(self) -> str:
        return ", ".join(f"{count} of {name}" for name, count in self.counts)


def of(connection: Connection, database: str) -> Sessions:
    """Return who is connected to `database`."""
    return Sessions(tuple((name, int(count)) for name, count in rows(connection, _COUNTS, [database])))


def refuse(connection: Connection, database: str) -> None:
    """Raise Busy when anybody is connected to `database`."""
    found = of(connection, database)
    if found.total:
        raise Busy(
            f"The database {database!r} is in use: {found}.",
            "Stop these programs, or set force_disconnect: true to end their sessions.",
            sessions=dict(found.counts),
        )


def end(connection: Connection, databases: list[str]) -> None:
    """End the sessions of `databases`, each by itself: one that this role may not end keeps none of the others."""
    with contextlib.suppress(RecoveryError):
        for (pid,) in rows(connection, _PROCESSES, [databases]):
            with contextlib.suppress(RecoveryError):
                one(connection, "SELECT pg_terminate_backend(%s)", [pid])


_COUNTS = f"""
SELECT coalesce(nullif(application_name, ''), 'an unnamed program') || ' (' || coalesce(usename::text, '?') || ')',
       count(*)
  FROM ({CONNECTED}) AS s WHERE datname = %s GROUP BY 1 ORDER BY 2 DESC, 1
"""  # noqa: S608 - constants

_PROCESSES = f"SELECT pid FROM ({CONNECTED}) AS s WHERE datname = ANY (%s) AND pid <> pg_backend_pid()"  # noqa: S608

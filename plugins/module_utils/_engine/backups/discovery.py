# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: which databases a server has.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import typing as t

from ..model import Outcome
from ..postgres.connection import connect, connect_server, rows

if t.TYPE_CHECKING:
    from ..model import World
    from ..postgres.connection import Connection, Login


@dataclasses.dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """Which databases are wanted: shell-style patterns of names. `login_db`, when given, is the database to ask in."""

    login: Login
    login_db: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()


def find_databases(request: DiscoveryRequest, _world: World) -> Outcome:
    """
    Give the databases that allow connections, but for templates and for what a restore of ours left or keeps.

    A database whose DROP was interrupted can neither be read nor repaired: it is named in a warning.

    Raise DatabaseError when the server cannot be asked.
    """
    with contextlib.closing(_session(request)) as session:
        found = [
            {"name": name, "size": int(size), "owner": owner, "encoding": encoding}
            for name, size, owner, encoding in rows(session, _DATABASES)
        ]
        invalid = [name for (name,) in rows(session, _INVALID)]
    wanted = [
        database
        for database in found
        if _fits(database["name"], request.include) and not _fits(database["name"], request.exclude)
    ]
    return Outcome(
        changed=False,
        facts={"databases": wanted, "names": [database["name"] for database in wanted], "all": len(found)},
        warnings=tuple(
            f"The database {name!r} is left out: a DROP DATABASE of it was interrupted, and nobody can connect to it. "
            "Drop it."
            for name in invalid
        ),
    )


def _session(request: DiscoveryRequest) -> Connection:
    if request.login_db:
        return connect(request.login, request.login_db, read_only=True)
    return connect_server(request.login, read_only=True)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


# The size of a database that the role may not connect to is not for it to know.
_DATABASES = """
SELECT d.datname::text, CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) ELSE 0 END,
       pg_get_userbyid(d.datdba)::text, pg_encoding_to_char(d.encoding)::text
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit <> -2
   AND d.datname !~ '_lifeboat_[0-9a-f]{8}$' AND d.datname !~ '_before_[0-9]{8}_[0-9]{6}$'
 ORDER BY d.datname
"""

_INVALID = "SELECT datname::text FROM pg_catalog.pg_database WHERE datconnlimit = -2 ORDER BY 1"

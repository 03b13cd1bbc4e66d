# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a physical backup records beside the files, so that they can be used elsewhere: the server, and its collations.

The order of an index on text is that of the library which made it. Whoever starts the files on another machine compares
the versions of its libraries with those that are recorded: of each database, and of the collations of its indexes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import RecoveryError
from . import server_record
from .connection import connect, one, rows
from .encodings import raw_names, readable

if t.TYPE_CHECKING:
    from .connection import Connection, Login

Record = dict[str, t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """The record of the server, its databases, and the lines of pg_ident.conf, None where they may not be read."""

    server: Record
    databases: list[Record]
    ident: list[Record] | None
    warnings: tuple[str, ...]


def read(login: Login, session: Connection) -> Recorded:
    """Return what is recorded; `session` is in a database that every server has."""
    server = server_record.read(login, session)
    found, unread = _databases(login, session)
    warnings = [server_record.caution(server["missing"])] if server["missing"] else []
    if unread:
        warnings.append(
            f"Of databases that this role cannot connect to, neither collations nor extensions are recorded: "
            f"{', '.join(unread)}. Run: GRANT CONNECT ON DATABASE to that role."
        )
    extensions = {name: version for database in found for name, version in database["extensions"].items()}
    server["extensions"] = dict(sorted(extensions.items()))
    return Recorded(server, found, _ident_maps(session), tuple(warnings))


def _ident_maps(session: Connection) -> list[Record] | None:
    if not one(session, _MAY_READ_MAPS):
        return None
    return [dict(zip(("map", "sys_name", "role"), row, strict=True)) for row in rows(session, _MAPS)]


def _databases(login: Login, session: Connection) -> tuple[list[Record], list[str]]:
    """Return what is recorded of each database, and the names of those that this role cannot connect to."""
    found: list[Record] = []
    unread: list[str] = []
    columns = ("name", "encoding", "provider", "collate", "ctype", "version")
    with raw_names(session):
        listed = rows(session, _DATABASES)
    for connects, name, *properties in listed:
        within: Record = {"collations": [], "extensions": {}}
        if connects:
            try:
                within = _within(login, name)
            except RecoveryError:
                unread.append(readable(name))
        found.append({**dict(zip(columns, (name, *properties), strict=True)), **within})
    return found, unread


def _within(login: Login, database: str) -> Record:
    with contextlib.closing(connect(login, database, read_only=True)) as session:
        columns = ("schema", "name", "provider", "version")
        return {
            "collations": [dict(zip(columns, row, strict=True)) for row in rows(session, _COLLATIONS)],
            "extensions": dict(rows(session, _EXTENSIONS)),
        }


_MAY_READ_MAPS = """
SELECT has_table_privilege('pg_catalog.pg_ident_file_mappings', 'SELECT')
   AND has_function_privilege('pg_catalog.pg_ident_file_mappings()', 'EXECUTE')
"""

_MAPS = """
SELECT map_name, sys_name, pg_username FROM pg_catalog.pg_ident_file_mappings WHERE error IS NULL ORDER BY line_number
"""

_DATABASES = """
SELECT datallowconn, datname::text, pg_encoding_to_char(encoding)::text, datlocprovider::text, datcollate::text,
       datctype::text, datcollversion
  FROM pg_catalog.pg_database ORDER BY datname
"""

_COLLATIONS = """
SELECT DISTINCT n.nspname::text, c.collname::text, c.collprovider::text, c.collversion
  FROM pg_catalog.pg_index i, unnest(i.indcollation) AS used (oid), pg_catalog.pg_collation c,
       pg_catalog.pg_namespace n
 WHERE c.oid = used.oid AND c.collversion IS NOT NULL AND n.oid = c.collnamespace
 ORDER BY 1, 2
"""

_EXTENSIONS = "SELECT extname::text, extversion FROM pg_catalog.pg_extension ORDER BY extname"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A table with a row for each entry of an audit log: how it is made, brought to a later version, filled and settled.

Versions only add. A second small table remembers which are there, so a table of the same name that somebody else made
is told apart and left alone.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import typing as t

from ....ground.errors import DatabaseError, UsageError
from . import server
from .connection import check_name, execute, one, qualified, quote_identifier, rows

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .connection import Connection

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE {table} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  backup_id text,
  created_at timestamptz NOT NULL,
  file_size bigint,
  status text NOT NULL,
  retention_type text,
  retention_expires_at timestamptz,
  metadata jsonb NOT NULL DEFAULT '{{}}',
  operation text NOT NULL,
  application text NOT NULL,
  component text NOT NULL,
  reason text NOT NULL,
  host text NOT NULL,
  requested_by text NOT NULL,
  os_user text NOT NULL,
  duration_seconds double precision NOT NULL,
  plain_size bigint,
  message text NOT NULL,
  deleted_at timestamptz,
  log text NOT NULL,
  sequence bigint NOT NULL,
  previous_hash text NOT NULL,
  entry_hash text NOT NULL UNIQUE
)""",
        "CREATE INDEX ON {table} (created_at)",
        "CREATE INDEX ON {table} (backup_id)",
        "CREATE INDEX ON {table} (log, sequence)",
    ),
)
"""What each version adds to the one before. An entry that was published is never changed."""

COLUMNS = {
    "backup_id": "text",
    "created_at": "timestamptz",
    "file_size": "bigint",
    "status": "text",
    "metadata": "jsonb",
    "operation": "text",
    "application": "text",
    "component": "text",
    "reason": "text",
    "host": "text",
    "requested_by": "text",
    "os_user": "text",
    "duration_seconds": "double precision",
    "plain_size": "bigint",
    "message": "text",
    "log": "text",
    "sequence": "bigint",
    "previous_hash": "text",
    "entry_hash": "text",
}
"""What a row is inserted with."""

BATCH = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """The table by its name. Raise UsageError when PostgreSQL could not hold it, or the name beside it."""

    schema: str
    name: str

    def __post_init__(self) -> None:
        check_name(self.schema, "schema")
        check_name(f"{self.name}_version" if self.name else "", "table")

    @property
    def identifier(self) -> str:
        """The table as it stands in SQL."""
        return qualified(self.schema, self.name)

    @property
    def in_query(self) -> str:
        """The table as it stands in a query with parameters, where a percent sign is doubled."""
        return self.identifier.replace("%", "%%")

    @property
    def versions(self) -> str:
        """The table of versions as it stands in SQL."""
        return qualified(self.schema, f"{self.name}_version")


def lock(session: Connection, table: Table) -> None:
    """Let no other run change the table until this transaction ends."""
    rows(session, "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [table.identifier])


def refuse_owners(session: Connection, table: Table) -> None:
    """Raise UsageError where somebody else owns the table, and this session's login may do more than write there."""
    login, power = server.power(session)
    for name, owner in rows(session, _OWNERS, [table.schema, table.identifier, table.versions]) if power else ():
        raise UsageError(
            f"The {name} belongs to {owner!r}, whose triggers would run as role {login!r}, which {power}.",
            "Use a login_user for the history that may only write this table, or make this role the owner of the "
            "schema and of both tables.",
            field="login_user",
        )


def version(session: Connection, table: Table) -> int:
    """Return the version of the table, 0 when it is not there. Raise DatabaseError when it is not ours, or later."""
    there, remembered, ours = rows(session, _THERE, [table.identifier, *[table.versions] * 2])[0]
    if remembered and not ours:
        raise _of_others(table, table.versions)
    if there and not remembered:
        raise _of_others(table, table.identifier)
    if remembered and not there:
        raise DatabaseError(
            f"The table {table.identifier} is missing, but {table.versions} beside it exists.",
            f"Drop {table.versions} and run again, which creates both and fills them from the log.",
            table=table.identifier,
        )
    found = int(one(session, f"SELECT max(version) FROM {table.versions}") or 0) if ours else 0  # noqa: S608 - quoted
    if found > len(MIGRATIONS):
        raise DatabaseError(
            f"The table {table.identifier} has version {found}, and this release supports up to {len(MIGRATIONS)}.",
            "Update the collection on this host: a later version created the table.",
            table=table.identifier,
        )
    return found


def _of_others(table: Table, name: str) -> DatabaseError:
    return DatabaseError(
        f"The table {name} exists, and this module did not create it.",
        "Choose another table or schema for the history; this one is not changed.",
        table=table.identifier,
    )


def missing(session: Connection, table: Table, found: int) -> list[str]:
    """Return the statements that bring the table from version `found` to the last one."""
    statements = []
    if not found:
        if one(session, "SELECT 1 FROM pg_namespace WHERE nspname = %s", [table.schema]) is None:
            statements.append(f"CREATE SCHEMA {quote_identifier(table.schema)}")
        statements.append(
            f"CREATE TABLE {table.versions} "
            "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT pg_catalog.now())"
        )
    for number, migration in enumerate(MIGRATIONS[found:], found + 1):
        statements += [statement.format(table=table.identifier) for statement in migration]
        statements.append(f"INSERT INTO {table.versions} (version) VALUES ({number})")  # noqa: S608 - quoted
    return statements


def apply(session: Connection, statements: Iterable[str]) -> None:
    """Run the statements that `missing` gave, in the transaction that is open."""
    for statement in statements:
        execute(session, statement)


def last(session: Connection, table: Table, log: str) -> tuple[int, str] | None:
    """Return number and hash of the last entry of a log that the table holds."""
    query = f"SELECT sequence, entry_hash FROM {table.in_query} WHERE log = %s ORDER BY sequence DESC"  # noqa: S608
    found = rows(session, f"{query} LIMIT 1", [log])
    return (int(found[0][0]), str(found[0][1])) if found else None


def of_another_log(session: Connection, table: Table, host: str, log: str) -> int:
    """Return how many rows came from another log of that host."""
    query = f"SELECT count(*) FROM {table.in_query} WHERE host = %s AND log <> %s"  # noqa: S608 - quoted
    return int(one(session, query, [host, log]))


def doubled(session: Connection, table: Table, log: str) -> int | None:
    """Return the first number that two entries of a log have, None when each has its own."""
    query = (
        f"SELECT sequence FROM {table.in_query} WHERE log = %s "  # noqa: S608 - quoted
        "GROUP BY sequence HAVING count(*) > 1 ORDER BY sequence LIMIT 1"
    )
    found = one(session, query, [log])
    return None if found is None else int(found)


def insert(session: Connection, table: Table, records: Iterable[dict[str, t.Any]]) -> list[int]:
    """Write rows, and return the ids of those that were not there."""
    names = ", ".join(COLUMNS)
    shape = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    query = (
        f"INSERT INTO {table.in_query} ({names}) SELECT {names} "  # noqa: S608 - quoted, and constants
        f"FROM jsonb_to_recordset(%s::jsonb) AS r ({shape}) ON CONFLICT (entry_hash) DO NOTHING RETURNING id"
    )
    every = one(session, "SHOW server_encoding") == "UTF8"
    return [
        int(identity)
        for batch in _batches(records)
        for (identity,) in rows(session, query, [json.dumps(batch if every else _ascii(batch))])
    ]


def about(session: Connection, table: Table, ids: list[int], operations: Iterable[str]) -> list[tuple[t.Any, ...]]:
    """Return how runs of these operations ended on the backups that new rows are about, as `_ABOUT` lists it."""
    return rows(session, _ABOUT.format(table=table.in_query), [list(operations), ids])


def settle(session: Connection, table: Table, ids: list[int], tests: Iterable[dict[str, t.Any]]) -> int:
    """Let rows of backups say that they are deleted, and how their `tests` ended. Return how many changed."""
    deleted = rows(session, _DELETED.format(table=table.in_query), [ids])
    query = _TESTED.format(table=table.in_query)
    return len(deleted) + sum(len(rows(session, query, [json.dumps(batch)])) for batch in _batches(tests))


def backups(session: Connection, table: Table, log: str) -> list[tuple[t.Any, ...]]:
    """Return what retention needs to know of a log's backups that are still there, as `_BACKUPS` lists it."""
    return rows(session, _BACKUPS.format(table=table.in_query), [log])


def set_forecasts(session: Connection, table: Table, forecasts: Iterable[dict[str, t.Any]]) -> None:
    """Write `retention_type` and `retention_expires_at` of rows by their `id`."""
    for batch in _batches(forecasts):
        rows(session, _FORECASTS.format(table=table.in_query), [json.dumps(batch)])


def _batches(records: Iterable[dict[str, t.Any]]) -> Iterator[list[dict[str, t.Any]]]:
    left = iter(records)
    while batch := list(itertools.islice(left, BATCH)):
        yield batch


def _ascii(value: t.Any) -> t.Any:
    """Spell out what a database of another encoding than UTF-8 may not be able to hold."""
    if isinstance(value, str):
        return value.encode("ascii", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_ascii(key): _ascii(item) for key, item in value.items()}
    return [_ascii(item) for item in value] if isinstance(value, list) else value


_THERE = """
SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL,
       (SELECT array_agg(attname || ' ' || atttypid::regtype ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped)
       = '{version integer,applied_at timestamp with time zone}'"""

# pg_database_owner stands for whoever owns the database. What a superuser owns is no trap.
_OWNERS = """
WITH o (name, owner) AS (
    SELECT 'schema ' || quote_ident(nspname), nspowner FROM pg_catalog.pg_namespace WHERE nspname = %s
    UNION ALL
    SELECT 'table ' || oid::regclass, relowner FROM pg_catalog.pg_class WHERE oid IN (to_regclass(%s), to_regclass(%s)))
SELECT o.name, r.rolname::text
  FROM o JOIN pg_catalog.pg_database d ON d.datname = current_database()
  JOIN pg_catalog.pg_roles r
    ON r.oid = CASE pg_get_userbyid(o.owner) WHEN 'pg_database_owner' THEN d.datdba ELSE o.owner END
 WHERE NOT r.rolsuper AND r.rolname <> session_user
"""

_DELETED = """
UPDATE {table} AS b SET status = 'deleted', deleted_at = r.created_at
  FROM {table} AS r
 WHERE b.operation = 'backup' AND b.status = 'completed'
   AND b.backup_id IN (SELECT backup_id FROM {table} WHERE id = ANY (%s))
   AND r.operation = 'retention' AND r.metadata ->> 'action' = 'deleted'
   AND r.backup_id = b.backup_id AND r.component = b.component AND r.application = b.application
RETURNING b.id"""

_ABOUT = """
SELECT application, component, backup_id, created_at, operation, status, metadata FROM {table}
 WHERE operation = ANY (%s) AND backup_id IN (SELECT backup_id FROM {table} WHERE id = ANY (%s))
 ORDER BY created_at, id"""

_TESTED = """
UPDATE {table} AS b SET metadata = b.metadata || word.said
  FROM (SELECT r.*, jsonb_build_object('tested', true, 'testedAt', at,
                                       'testResult', CASE WHEN passed THEN 'passed' ELSE 'failed' END) AS said
          FROM jsonb_to_recordset(%s::jsonb)
            AS r (application text, component text, backup_id text, at timestamptz, passed boolean)) AS word
 WHERE b.operation = 'backup' AND b.status IN ('completed', 'deleted') AND NOT b.metadata @> word.said
   AND word.backup_id = b.backup_id AND word.component = b.component AND word.application = b.application
RETURNING b.id"""

_BACKUPS = """
SELECT id, application, component, backup_id, created_at, coalesce(metadata ->> 'scope', 'full'), reason,
       coalesce(file_size, 0),
       CASE WHEN metadata ->> 'testResult' = 'passed' THEN (metadata ->> 'testedAt')::timestamptz END,
       retention_type, retention_expires_at
  FROM {table}
 WHERE log = %s AND operation = 'backup' AND status = 'completed' AND backup_id IS NOT NULL"""

_FORECASTS = """
UPDATE {table} AS b
   SET retention_type = r.retention_type, retention_expires_at = r.retention_expires_at
  FROM jsonb_to_recordset(%s::jsonb) AS r (id bigint, retention_type text, retention_expires_at timestamptz)
 WHERE b.id = r.id
RETURNING b.id"""

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S608 - the statements are put together from constants and quoted names

"""
Faults that are planted in a restored database, to see whether the comparison with the proof names them.

None is taken back: each leaves a difference that those before it did not make, even in a database of one table. What
is planted in is chosen by the proof and was found to be as it was. The statements are of quoted names alone, run
without the owner's triggers, and where his constraints refuse one, the next table is tried.
"""

from __future__ import annotations

import contextlib
import typing as t

from ....ground.errors import RecoveryError
from ..base import Planting
from .catalogue_relations import NO_MEMBER, USERS
from .connection import connect, execute, qualified, quote_identifier, rows
from .differences import due, major
from .snapshot import read_tables

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .connection import Connection, Login
    from .differences import Name, Record
    from .snapshot import Table

CANARIES = ("changed_value", "deleted_row", "sequence_set_back", "changed_object", "dropped_table")
"""In the order in which none hides the next: a row that is gone weighs more than its values, and a table more still."""

TRIES = 20
"""Tables, or columns of one, that are tried before a canary is skipped."""

LONGEST = 60_000
"""Milliseconds that a statement may take: an expression in an index is its owner's code."""


class _Unplantable(Exception):
    """There is nothing that this fault could be planted in; the text says why."""


def none(reason: str) -> Iterator[Planting]:
    """Yield each canary as one that is not planted."""
    return (Planting(name, reason=reason) for name in CANARIES)


class Planter:
    """
    Plants in the database at `login`, whose proof `taken` was found to be like the `source`'s.

    `changed` are the tables whose rows may be others since; whoever read these again clears it.
    """

    def __init__(self, login: Login, database: str, source: Record, taken: Record) -> None:
        self._login = login
        self._database = database
        self._source = source
        self._taken = taken
        after = {_named(entry): entry for entry in taken["tables"]}
        self._entries = {
            _named(entry): entry
            for entry in source["tables"]
            if entry["sort"] == "table" and "rows" in entry and _alike(entry, after.get(_named(entry)))
        }
        self.changed: set[Name] = set()

    def plantings(self) -> Iterator[Planting]:
        """Plant one fault after the other, each before it is yielded."""
        ways: tuple[Callable[[Connection], str], ...] = (
            self._change_value,
            self._delete_row,
            self._set_sequence_back,
            self._change_object,
            self._drop_table,
        )
        with contextlib.ExitStack() as stack:
            try:
                connection = stack.enter_context(contextlib.closing(connect(self._login, self._database)))
                execute(connection, "SET session_replication_role = replica")
                execute(connection, f"SET statement_timeout = {LONGEST}")
            except RecoveryError as exc:
                yield from none(exc.cause)
                return
            for name, plant in zip(CANARIES, ways, strict=True):
                try:
                    planted = Planting(name, plant(connection))
                except _Unplantable as exc:
                    planted = Planting(name, reason=str(exc))
                except RecoveryError as exc:
                    if connection.closed:
                        raise
                    planted = Planting(name, reason=exc.cause)
                yield planted

    def _change_value(self, connection: Connection) -> str:
        if self._source["level"] != "content":
            raise _Unplantable(f"The proof {self._source['level']} does not tell values.")
        tables = [table for table in self._tables(connection) if "sum" in self._entries[_name(table)]]
        return self._in_one_of(connection, tables, _updates, "No table has a value that can be changed.")

    def _delete_row(self, connection: Connection) -> str:
        tables = [table for table in self._tables(connection) if self._entries[_name(table)].get("rows")]
        return self._in_one_of(connection, tables, _deletion, "No table has a row that can be deleted.")

    def _drop_table(self, connection: Connection) -> str:
        tables = self._tables(connection)
        return self._in_one_of(connection, tables, _drop, "There is no table that can be dropped.")

    def _set_sequence_back(self, connection: Connection) -> str:
        after = {_named(entry): entry for entry in self._taken["sequences"]}
        limits = {(schema, name): rest for schema, name, *rest in rows(connection, _SEQUENCES)}
        for entry in self._source["sequences"]:
            wanted, got = due(entry), due(after.get(_named(entry), {"last_value": None}))
            if entry["cycled"] or wanted is None or got is None or _named(entry) not in limits:
                continue
            oid, first = limits[_named(entry)]
            if first not in {wanted, got}:
                rows(connection, "SELECT setval(%s::oid::regclass, %s, false)", [oid, first])
                return f"sequence {qualified(*_named(entry))}"
        raise _Unplantable("There is no sequence that was used.")

    def _change_object(self, connection: Connection) -> str:
        if self._source["partial"]:
            raise _Unplantable("A backup of chosen tables does not tell what else there is.")
        if major(self._source) != major(self._taken):
            raise _Unplantable("A definition may be another one on a server of another major version.")
        before, after = self._source["objects"], self._taken["objects"]
        for identity, statement in rows(connection, _OBJECTS):
            if identity in before and before[identity] == after.get(identity) and _done(connection, statement):
                return str(identity)
        raise _Unplantable("There is no object that can be changed.")

    def _tables(self, connection: Connection) -> list[Table]:
        """Return the tables in which something can be planted, the smallest first."""
        hindered = {int(oid) for (oid,) in rows(connection, _HINDERED)}
        found = [
            table
            for table in read_tables(connection)
            if table.dumped and not table.extension and _name(table) in self._entries and table.oid not in hindered
        ]
        return sorted(found, key=lambda table: table.bytes)

    def _in_one_of(self, connection: Connection, tables: list[Table], statements: Statements, otherwise: str) -> str:
        """Run the first statement that does what it says, and return the table's name."""
        for table in tables[:TRIES]:
            # Known to be another one before it is: whatever happens, it is read again.
            self.changed.add(_name(table))
            if any(_done(connection, statement) for statement in statements(connection, table)):
                return f"table {table.label}"
        raise _Unplantable(otherwise)


if t.TYPE_CHECKING:
    Statements = Callable[[Connection, Table], Iterable[str]]


def _updates(connection: Connection, table: Table) -> Iterator[str]:
    for name, kind, required in rows(connection, _COLUMNS, [table.oid])[:TRIES]:
        column = quote_identifier(name)
        if kind in _CHANGES:
            yield _update(table, column, _CHANGES[kind].format(column), f"t.{column} IS DISTINCT FROM s.was")
        if not required:
            yield _update(table, column, "NULL", f"t.{column} IS NULL")


def _update(table: Table, column: str, change: str, done: str) -> str:
    return (
        f"UPDATE ONLY {table.label} AS t SET {column} = {change} "
        f"FROM (SELECT ctid AS place, {column} AS was FROM ONLY {table.label} "
        f"WHERE {column} IS DISTINCT FROM {change} LIMIT 1) AS s WHERE t.ctid = s.place RETURNING {done}"
    )


def _deletion(_connection: Connection, table: Table) -> Iterator[str]:
    yield (f"DELETE FROM ONLY {table.label} WHERE ctid = (SELECT ctid FROM ONLY {table.label} LIMIT 1) RETURNING true")


def _drop(_connection: Connection, table: Table) -> Iterator[str]:
    yield f"DROP TABLE {table.label} CASCADE"


def _done(connection: Connection, statement: str) -> bool:
    """Run a statement. Whether it did what it says: one that returns rows says so by a single true."""
    try:
        if " RETURNING " in statement:
            return rows(connection, statement) == [(True,)]
        execute(connection, statement)
    except RecoveryError:
        if connection.closed:
            raise
        return False
    return True


def _alike(entry: Record, found: Record | None) -> bool:
    return found is not None and all(entry.get(key) == found.get(key) for key in ("rows", "sum"))


def _name(table: Table) -> Name:
    return table.schema, table.name


def _named(entry: Record) -> Name:
    return entry["schema"], entry["name"]


_CHANGES = {
    **dict.fromkeys(("text", "varchar"), "{0} || 'x'"),
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "date"), "{0} + 1"),
    **dict.fromkeys(("timestamp", "timestamptz"), "{0} + interval '1 day'"),
    "bool": "NOT {0}",
}
"""Other values of a column, by the name of its type."""

_COLUMNS = """
SELECT a.attname::text, CASE WHEN y.typnamespace = 11 THEN y.typname::text ELSE '' END, a.attnotnull
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
 ORDER BY a.attnum
"""

# What a session does that takes itself for a replica may be changed or refused by these.
_HINDERED = """
SELECT tgrelid::bigint FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('A', 'R')
UNION SELECT ev_class::bigint FROM pg_catalog.pg_rewrite WHERE ev_enabled IN ('A', 'R')
"""

_SEQUENCES = """
SELECT n.nspname::text, c.relname::text, c.oid::bigint, CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END
  FROM pg_catalog.pg_sequence s
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""

# A function that suddenly runs with its owner's rights, or else a grant to everybody that comes or goes. Functions
# with expressions are left out: PostgreSQL may word these otherwise, and then the comparison cannot tell.
_OBJECTS = f"""
(SELECT i.type || ' ' || i.identity,
        format('ALTER FUNCTION %s SECURITY %s', p.oid::regprocedure,
               CASE WHEN p.prosecdef THEN 'INVOKER' ELSE 'DEFINER' END)
   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  CROSS JOIN LATERAL pg_identify_object(1255, p.oid, 0) AS i
  WHERE p.prokind = 'f' AND p.proargdefaults IS NULL AND p.prosqlbody IS NULL
    AND {USERS} AND {NO_MEMBER.format(classid=1255, oid="p.oid")} LIMIT {TRIES})
UNION ALL
(SELECT i.type || ' ' || i.identity,
        format(CASE WHEN s.given THEN 'REVOKE SELECT ON TABLE %I.%I FROM PUBLIC'
                    ELSE 'GRANT SELECT ON TABLE %I.%I TO PUBLIC' END, n.nspname, c.relname)
   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL pg_identify_object(1259, c.oid, 0) AS i
  CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT')) AS s (given)
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
    AND {USERS} AND {NO_MEMBER.format(classid=1259, oid="c.oid")} LIMIT {TRIES})
UNION ALL
(SELECT i.type || ' ' || i.identity,
        format(CASE WHEN s.given THEN 'REVOKE CREATE ON SCHEMA %I FROM PUBLIC'
                    ELSE 'GRANT CREATE ON SCHEMA %I TO PUBLIC' END, n.nspname)
   FROM pg_namespace n
  CROSS JOIN LATERAL pg_identify_object(2615, n.oid, 0) AS i
  CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM aclexplode(n.nspacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')) AS s (given)
  WHERE {USERS} AND {NO_MEMBER.format(classid=2615, oid="n.oid")} LIMIT {TRIES})
"""

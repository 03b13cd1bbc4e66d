# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
What a restored database must show to be the one that was backed up, taken in the dump's own snapshot.

Row counts of every ordinary table, at level `content` a hash over all values that does not depend on the order of rows
or columns, sequences, large objects, extensions, and a digest of every catalogue object.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ..errors import DatabaseError, UsageError
from . import properties as database_properties
from .catalogue_objects import describe, digests, frames, tablespaces
from .connection import connect, execute, one, quote_identifier, quote_literal, rows
from .differences import FORMAT, Difference, compare, excuse
from .server import inspect
from .snapshot import SequenceState, Table, read_sequences, read_tables

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .connection import Connection, Login

__all__ = ["LEVELS", "Difference", "compare", "excuse", "take"]

Record = dict[str, t.Any]

LEVELS = ("none", "counts", "content")

SAMPLE = 64
"""Of so many rows one is hashed when the time does not suffice; chosen by its key, so the same one after a restore."""

ASSUMED_RATE = 40e6
"""Bytes that are hashed per second, until this run has its own figure."""

_USER_OID = 16384
_SNAPSHOT = re.compile(r"[0-9A-Fa-f-]+")


def take(
    login: Login,
    database: str,
    snapshot_id: str | None,
    level: str,
    tables: Sequence[Table] | None = None,
    *,
    sequences: Sequence[SequenceState] | None = None,
    like: Record | None = None,
    budget_seconds: float | None = None,
    clock: Callable[[], float] | None = None,
    partial: bool = False,
    connected: Callable[[Connection], object] | None = None,
) -> Record:
    """
    Give the proof of `database` as JSON-able data, in the exported snapshot when there is one.

    At backup `tables` and `sequences` are those that `snapshot.hold` gave. On a restored copy `like` is the source's
    proof: the same tables are read in the same way. `budget_seconds`, measured by `clock`, turns what does not fit
    into samples, and the proof says which. `partial` leaves out what a backup of chosen tables does not have.
    `connected` is given the session that the work is done in, for whoever may have to end it.
    """
    if level not in LEVELS:
        raise UsageError(f"The proof level {level!r} is unknown.", f"Give one of {', '.join(LEVELS)}.", field="proof")
    if level == "none":
        return {"format": FORMAT, "level": level}
    with contextlib.closing(connect(login, database)) as connection:
        if connected is not None:
            connected(connection)
        _begin(connection, snapshot_id)
        server = inspect(connection)
        present = tuple(tables) if tables is not None else read_tables(connection)
        described = {} if partial else describe(connection)
        standing = tuple(sequences) if sequences is not None else read_sequences(connection)
        return {
            "format": FORMAT,
            "level": level,
            "partial": partial,
            "server": {"version_num": server.version_num, "encoding": server.encoding},
            "sequences": [_sequence(state) for state in standing],
            "extensions": dict(rows(connection, "SELECT extname::text, extversion FROM pg_extension ORDER BY 1")),
            "objects": digests(described),
            "frames": frames(described),
            "tablespaces": {} if partial else tablespaces(connection),
            "properties": {} if partial else database_properties.read(connection),
            "large_objects": {} if partial else _large_objects(connection, level),
            "tables": _Reader(connection, level, like or {}, budget_seconds, clock).read(present),
        }


class _Reader:
    """Counts and hashes tables, the small ones first, so that a budget is spent on as many as possible."""

    def __init__(
        self,
        connection: Connection,
        level: str,
        like: Record,
        budget_seconds: float | None,
        clock: Callable[[], float] | None,
    ) -> None:
        self._connection = connection
        self._level = level
        self._like = {(entry["schema"], entry["name"]): entry for entry in like.get("tables", ())}
        self._budget = budget_seconds
        self._clock = clock or (lambda: 0.0)
        self._start = self._clock()
        self._hashed = 0

    def read(self, tables: Sequence[Table]) -> list[Record]:
        wanted = sorted((table for table in tables if table.dumped or table.kind == "m"), key=lambda table: table.bytes)
        oids = [table.oid for table in wanted]
        self._columns = _columns(self._connection, oids)
        self._keys = _keys(self._connection, oids)
        self._conditions = _conditions(self._connection)
        self._replaying = bool(one(self._connection, "SELECT pg_is_in_recovery()"))
        self._roots = {oid: [schema, name] for oid, schema, name in rows(self._connection, _ROOTS)}
        self._populated = {int(oid) for (oid,) in rows(self._connection, _POPULATED)}
        entries = [self._entry(table) for table in wanted]
        return sorted(entries, key=lambda entry: (entry["schema"], entry["name"]))

    def _entry(self, table: Table) -> Record:
        entry: Record = {"schema": table.schema, "name": table.name, "sort": _sort(table)}
        if root := self._roots.get(table.oid):
            entry["root"] = root
        if table.kind == "m":
            entry["populated"] = table.oid in self._populated
            if not entry["populated"]:
                return entry
        if table.unlogged and self._replaying:
            return entry  # a standby has the table and none of its rows
        where = self._conditions.get(table.oid, "")
        before = self._like.get((table.schema, table.name))
        if self._level == "counts" or table.kind == "m" or (before is not None and "hash" not in before):
            entry["rows"] = one(self._connection, f"SELECT count(*) FROM ONLY {table.label} {where}")  # noqa: S608
            return entry
        every = self._sampled(table, before)
        if every > 1 and not self._keys.get(table.oid):
            # Without a key no cheap choice of rows would be the same ones after a restore.
            entry["rows"] = one(self._connection, f"SELECT count(*) FROM ONLY {table.label} {where}")  # noqa: S608
            return {**entry, "unhashed": "no time, and no primary key to choose a sample by"}
        query = self._query(table, every, where)
        entry["rows"], summed = rows(self._connection, query)[0]
        self._hashed += table.bytes // every
        if every > 1:
            entry["sample"] = every
        return {**entry, "hash": str(summed or 0)}

    def _sampled(self, table: Table, before: Record | None) -> int:
        if before is not None:
            return int(before.get("sample", 1))
        if self._budget is None:
            return 1
        spent = self._clock() - self._start
        rate = max(self._hashed / spent, 1e6) if spent > 1 and self._hashed else ASSUMED_RATE
        return SAMPLE if spent + table.bytes / rate > self._budget else 1

    def _query(self, table: Table, every: int, where: str) -> str:
        columns = self._columns.get(table.oid, [])
        summed = f"sum({_row_hash(columns)})"
        if every > 1:
            keys = [column for column in columns if column[0] in self._keys[table.oid]]
            summed += f" FILTER (WHERE {_row_hash(keys)} & {every - 1} = 0)"
        return f"SELECT count(*), {summed} FROM ONLY {table.label} {where}"  # noqa: S608


def _row_hash(columns: Sequence[tuple[str, int]]) -> str:
    """
    Give the hash of a row over `columns` (name and type), which are in the order of their names.

    Hashes of the columns, and not their texts, make the row: ROW(...)::text of whole values overflows on rows that
    pg_dump can dump. Types of the user's go through their output function, as COPY does, because a cast to text may
    be a function of the user's.
    """
    hashed = ", ".join(
        f"hashtextextended({_text(name, oid)} COLLATE {quote_identifier('C')}, 0)" for name, oid in columns
    )
    return f"hashtextextended(ROW({hashed})::text COLLATE {quote_identifier('C')}, 0)"


def _text(name: str, oid: int) -> str:
    column = quote_identifier(name)
    if oid < _USER_OID:
        return f"{column}::text"
    # IS NOT NULL is false for a composite value with nulls in it; num_nulls looks at the value itself.
    return f"CASE WHEN num_nulls({column}) = 0 THEN format('%s', {column}) END"


def _begin(connection: Connection, snapshot_id: str | None) -> None:
    execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if snapshot_id is None:
        return
    if not _SNAPSHOT.fullmatch(snapshot_id):
        raise DatabaseError("The snapshot's name is malformed.", "Give the one that the server exported.")
    execute(connection, f"SET TRANSACTION SNAPSHOT {quote_literal(snapshot_id)}")


def _sort(table: Table) -> str:
    if table.kind == "m":
        return "materialized view"
    return "unlogged table" if table.unlogged else "table"


def _sequence(state: SequenceState) -> Record:
    return {
        "schema": state.schema,
        "name": state.name,
        "last_value": state.last_value,
        "is_called": state.is_called,
        "increment": state.increment,
        "cycled": state.cycled,
    }


def _large_objects(connection: Connection, level: str) -> Record:
    count, owners = rows(connection, _LARGE_OBJECTS)[0]
    record: Record = {"count": count, "owners": owners}
    # An owner who dumps a database of its own has no right to the pages themselves: then the proof goes without.
    if level == "content" and one(connection, "SELECT has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')"):
        record["content"], record["sizes"] = rows(connection, _LARGE_OBJECT_CONTENT)[0]
    return record


def _columns(connection: Connection, oids: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
    """Give names and types of the columns of each table, in the order of their names."""
    found: dict[int, list[tuple[str, int]]] = {}
    for table, name, type_oid in rows(connection, _COLUMNS, [list(oids)]):
        found.setdefault(table, []).append((name, type_oid))
    return {table: sorted(columns) for table, columns in found.items()}


def _keys(connection: Connection, oids: Sequence[int]) -> dict[int, frozenset[str]]:
    return {table: frozenset(names) for table, names in rows(connection, _KEYS, [list(oids)])}


def _conditions(connection: Connection) -> dict[int, str]:
    """Give the WHERE clauses by which extensions tell their users' rows from their own: pg_dump copies only those."""
    return dict(rows(connection, _CONDITIONS))


_COLUMNS = """
SELECT attrelid::bigint, attname::text, atttypid::bigint FROM pg_catalog.pg_attribute
 WHERE attrelid = ANY (%s) AND attnum > 0 AND NOT attisdropped
"""

_KEYS = """
SELECT i.indrelid::bigint, array_agg(a.attname::text)
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
 WHERE i.indisprimary AND i.indrelid = ANY (%s) GROUP BY 1
"""

_CONDITIONS = """
SELECT c.oid::bigint, c.condition
  FROM pg_catalog.pg_extension x, unnest(x.extconfig, x.extcondition) AS c (oid, condition)
 WHERE c.condition <> ''
"""

_ROOTS = """
SELECT c.oid::bigint, n.nspname::text, r.relname::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_class r ON r.oid = pg_catalog.pg_partition_root(c.oid)
  JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
 WHERE c.relispartition AND c.relkind = 'r'
"""

_POPULATED = "SELECT oid::bigint FROM pg_catalog.pg_class WHERE relkind = 'm' AND relispopulated"

_LARGE_OBJECTS = """
SELECT count(*), coalesce(sum(hashtextextended(concat_ws(' ', m.oid, pg_get_userbyid(m.lomowner),
           (SELECT string_agg(i::text, ',' ORDER BY i::text COLLATE "C")
              FROM unnest(coalesce(m.lomacl, acldefault('L', m.lomowner))) AS i)) COLLATE "C", 0)), 0)::text
  FROM pg_catalog.pg_largeobject_metadata m
"""

# Holes read as zeros and are restored as zeros, so pages count without their trailing zeros, and empty ones not at all.
_LARGE_OBJECT_CONTENT = """
SELECT coalesce(sum(p.content), 0)::text,
       coalesce(sum(hashtextextended(concat_ws(' ', p.loid, p.size) COLLATE "C", 0)), 0)::text
  FROM (SELECT loid, max(pageno * 2048::bigint + length(data)) AS size,
               sum(hashtextextended(concat_ws(' ', loid, pageno, rtrim(data, '\\x00')) COLLATE "C", 0))
                   FILTER (WHERE rtrim(data, '\\x00') <> '') AS content
          FROM pg_catalog.pg_largeobject GROUP BY loid) AS p
"""

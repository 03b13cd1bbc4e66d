# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
What a restored database must show to be the one that was backed up, taken in the dump's own snapshot.

Row counts of every ordinary table, at level `content` a sum over all values that does not depend on the order of rows
or columns, sequences, large objects, extensions, and a digest of every catalogue object. No rows of materialized views:
a restore makes them anew, and they could only be read by a query, which runs code of their owner.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ....ground.errors import DatabaseError, UsageError
from ....ground.verbs import PROOFS
from . import copying
from . import properties as database_properties
from .catalogue_objects import describe, digests, frames, tablespaces
from .connection import connect, execute, one, quote_literal, rows
from .differences import FORMAT, Difference, compare, excuse
from .sequences import SequenceState, read_sequences
from .server import inspect
from .snapshot import Table, read_tables

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from .connection import Connection, Login
    from .differences import Name

__all__ = ["Difference", "compare", "excuse", "take"]

Record = dict[str, t.Any]

BATCH = 100
"""Tables that are read in one transaction, which ends with their locks: a server has room for so many only."""

ASSUMED_RATE = 40e6
"""Bytes that are hashed per second, until this run has its own figure."""

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
    known: Record | None = None,
    changed: Collection[Name] = (),
) -> Record:
    """
    Return the proof of `database` as JSON-able data, in the exported snapshot when there is one.

    At backup `tables` and `sequences` are those that `snapshot.hold` gave. On a restored copy `like` is the source's
    proof: the same tables are read in the same way. What does not fit into `budget_seconds`, measured by `clock`, is
    counted only, and the proof says so. `partial` leaves out what a backup of chosen tables does not have. `connected`
    is given the session that the work is done in, for whoever may have to end it. Where a proof of this database is
    `known` and only the rows of `changed` tables may be others, those of the rest are not read again, and large objects
    are not either.
    """
    if level not in PROOFS:
        raise UsageError(f"The proof level {level!r} is unknown.", f"Use one of {', '.join(PROOFS)}.", field="proof")
    if level == "none":
        return {"format": FORMAT, "level": level}
    with contextlib.closing(connect(login, database)) as connection:
        if connected is not None:
            connected(connection)
        standing = tuple(sequences) if sequences is not None else read_sequences(connection)
        with _transaction(connection, snapshot_id):
            server = inspect(connection)
            present = tuple(tables) if tables is not None else read_tables(connection)
            described = {} if partial else describe(connection)
            record = {
                "format": FORMAT,
                "level": level,
                "partial": partial,
                "server": {"version_num": server.version_num, "encoding": server.encoding},
                "sequences": [dataclasses.asdict(state) for state in standing],
                "extensions": dict(rows(connection, "SELECT extname::text, extversion FROM pg_extension ORDER BY 1")),
                "objects": digests(described),
                "frames": frames(described),
                "tablespaces": {} if partial else tablespaces(connection),
                "properties": {} if partial else database_properties.read(connection),
                "large_objects": known["large_objects"]
                if known
                else {}
                if partial
                else _large_objects(connection, level),
            }
            reader = _Reader(connection, level, server.encoding, like or {}, budget_seconds=budget_seconds, clock=clock)
            reader.know(known or {}, changed)
            reader.prepare(present)
        return {**record, "tables": reader.read(snapshot_id)}


class _Reader:
    """Counts and sums tables, the small ones first, so that a budget is spent on as many as possible."""

    def __init__(
        self,
        connection: Connection,
        level: str,
        encoding: str,
        like: Record,
        *,
        budget_seconds: float | None,
        clock: Callable[[], float] | None,
    ) -> None:
        self._connection = connection
        self._level = level
        self._encoding = encoding
        self._like = {(entry["schema"], entry["name"]): entry for entry in like.get("tables", ())}
        self._budget = budget_seconds
        self._clock = clock or (lambda: 0.0)
        self._start = self._clock()
        self._summed = 0
        self._known: dict[Name, Record] = {}

    def know(self, known: Record, changed: Collection[Name]) -> None:
        """Take over what another proof says of tables that did not change."""
        entries = {(entry["schema"], entry["name"]): entry for entry in known.get("tables", ())}
        self._known = {name: entry for name, entry in entries.items() if name not in changed}

    def prepare(self, tables: Sequence[Table]) -> None:
        """Choose what is read, and ask the catalogue what it takes."""
        self._wanted = sorted((table for table in tables if table.dumped), key=lambda table: table.bytes)
        self._views = [table for table in tables if table.kind == "m"]
        self._columns = _columns(self._connection, [table.oid for table in self._wanted])
        self._conditions = dict(rows(self._connection, _CONDITIONS))
        self._roots = {oid: [schema, name] for oid, schema, name in rows(self._connection, _ROOTS)}
        self._replaying = bool(one(self._connection, "SELECT pg_is_in_recovery()"))
        self._populated = {int(oid) for (oid,) in rows(self._connection, _POPULATED)}

    def read(self, snapshot_id: str | None) -> list[Record]:
        """Return the entries of all tables, in the order of their names."""
        entries = [
            {"schema": view.schema, "name": view.name, "sort": _sort(view), "populated": view.oid in self._populated}
            for view in self._views
        ]
        for start in range(0, len(self._wanted), BATCH):
            with _transaction(self._connection, snapshot_id):
                entries += (self._entry(table) for table in self._wanted[start : start + BATCH])
        return sorted(entries, key=lambda entry: (entry["schema"], entry["name"]))

    def _entry(self, table: Table) -> Record:
        if known := self._known.get((table.schema, table.name)):
            return known
        entry: Record = {"schema": table.schema, "name": table.name, "sort": _sort(table)}
        if root := self._roots.get(table.oid):
            entry["root"] = root
        if table.unlogged and self._replaying:
            return entry  # a standby has the table and none of its rows
        before = self._like.get((table.schema, table.name))
        if self._level == "counts" or (before is not None and "sum" not in before):
            return {**entry, "rows": self._copy(table, narrow=True)}
        if before is None and not self._fits(table):
            return {**entry, "rows": self._copy(table, narrow=True), "unsummed": "the time limit was reached"}
        summed = copying.Sum()
        entry["rows"] = self._copy(table, narrow=False, each=summed.add)
        self._summed += table.bytes
        return {**entry, "sum": str(summed)}

    def _fits(self, table: Table) -> bool:
        """Whether the budget lasts for the values of this table, too."""
        if self._budget is None:
            return True
        spent = self._clock() - self._start
        rate = max(self._summed / spent, 1e6) if spent > 1 and self._summed else ASSUMED_RATE
        return spent + table.bytes / rate <= self._budget

    def _copy(self, table: Table, *, narrow: bool, each: Callable[[memoryview], None] | None = None) -> int:
        columns = self._columns.get(table.oid, [])
        names = [min(columns, key=_width)[0]] if narrow and columns else sorted(name for name, _bytes in columns)
        copy = copying.statement(table, names, self._encoding, self._conditions.get(table.oid, ""))
        return copying.read(self._connection, copy, each)


def _width(column: tuple[str, int]) -> float:
    """Order columns by their length, those of any length last."""
    return column[1] if column[1] > 0 else float("inf")


@contextlib.contextmanager
def _transaction(connection: Connection, snapshot_id: str | None) -> Iterator[None]:
    """Let the block see the exported snapshot. It holds its locks no longer."""
    execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if snapshot_id is not None:
        if not _SNAPSHOT.fullmatch(snapshot_id):
            raise DatabaseError("The snapshot's name is malformed.", "Use the snapshot that the server exported.")
        execute(connection, f"SET TRANSACTION SNAPSHOT {quote_literal(snapshot_id)}")
    yield
    execute(connection, "COMMIT")


def _sort(table: Table) -> str:
    if table.kind == "m":
        return "materialized view"
    return "unlogged table" if table.unlogged else "table"


def _large_objects(connection: Connection, level: str) -> Record:
    count, owners = rows(connection, _LARGE_OBJECTS)[0]
    record: Record = {"count": count, "owners": owners}
    # An owner who dumps a database of its own has no right to the pages themselves: then the proof goes without.
    if level == "content" and one(connection, "SELECT has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')"):
        record["content"], record["sizes"] = rows(connection, _LARGE_OBJECT_CONTENT)[0]
    return record


def _columns(connection: Connection, oids: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
    """
    Return names and lengths of the columns of each table that COPY writes: generated ones are not stored in a dump.
    """
    found: dict[int, list[tuple[str, int]]] = {}
    for table, name, length in rows(connection, _COLUMNS, [list(oids)]):
        found.setdefault(table, []).append((name, length))
    return found


_COLUMNS = """
SELECT attrelid::bigint, attname::text, attlen::integer FROM pg_catalog.pg_attribute
 WHERE attrelid = ANY (%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""

# The WHERE clauses by which extensions tell their users' rows from their own: pg_dump copies only those.
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

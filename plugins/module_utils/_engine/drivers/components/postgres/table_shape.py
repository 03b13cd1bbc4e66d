# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What of a table a rescue of its rows has to know, on either side, and what two sides have in common.

All of it is read from the catalogue: nothing here makes PostgreSQL look at the table itself.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import DatabaseError, UsageError
from ....ground.units import human_list
from .connection import qualified, rows

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .connection import Connection

NAMED = 5
"""Columns that a sentence names."""

_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "p": "partitioned, and its rows are in its partitions",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """
    A column. `type` is written with its schema unless that is the system's, as `builtin` says. `identity` is a for
    ALWAYS, d for BY DEFAULT. `collation` is as it stands in SQL, empty for none. `required` says that a row
    must bring a value.
    """

    name: str
    type: str
    builtin: bool
    collation: str
    generated: bool
    identity: str
    required: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """A table. `keys` are its keys by name, the primary one as "", each with its columns."""

    oid: int
    schema: str
    name: str
    owner: str
    columns: tuple[Column, ...]
    keys: Mapping[str, tuple[str, ...]]
    ruled: bool
    forced: bool

    @property
    def label(self) -> str:
        """The name as it stands in SQL."""
        return qualified(self.schema, self.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Common:
    """
    What both sides of a table have: the `columns` that are compared, as the living side has them, those of the `key`,
    and by name what is `gone` from the living side, and what was `added` to it.
    """

    table: Shape
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    gone: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def positions(self) -> tuple[int, ...]:
        """Where the key is among the columns."""
        return tuple(self.names.index(name) for name in self.key)


def read(connection: Connection, name: tuple[str, str]) -> Shape:
    """Return the table of that name. Raise DatabaseError where there is none, or none whose rows can be rescued."""
    found = rows(connection, _TABLE, list(name))
    if not found:
        raise DatabaseError(
            f"There is no table {qualified(*name)} in database {connection.info.dbname!r}.",
            "A table that was dropped is restored by module pg_restore, with its option tables; to select another one, "
            "correct tables.",
        ).naming(qualified(*name))
    oid, kind, owner, ruled, forced = found[0]
    if kind != "r":
        raise DatabaseError(
            f"{qualified(*name)} is {_KINDS.get(kind, 'no table')}, and only rows of tables can be rescued.",
            "Name its partitions instead." if kind == "p" else "Name the tables that its rows come from.",
        ).naming(qualified(*name))
    columns = tuple(Column(*row) for row in rows(connection, _COLUMNS, [oid]))
    keys = {"" if primary else str(key): tuple(names) for key, primary, names in rows(connection, _KEYS, [oid])}
    return Shape(int(oid), *name, str(owner), columns, keys, bool(ruled), bool(forced))


def common(source: Shape, live: Shape, key: str = "") -> Common:
    """
    Return what both sides have; `key` names a unique key to take for the primary one.

    Raise UsageError where the living side has no such key, and DatabaseError, with the names, where the sides differ in
    what cannot be told apart from changed rows.
    """
    columns = _key(live, key)
    there = {column.name: column for column in source.columns}
    both = tuple(column for column in live.columns if column.name in there)
    _refuse_differences([(there[column.name], column) for column in both], live)
    # What is computed from others comes of itself.
    kept = tuple(column for column in both if not column.generated)
    if missing := sorted(set(columns) - {column.name for column in kept}):
        raise DatabaseError(
            f"The key of {live.label} has {human_list(missing, NAMED)}, which is computed, or not in the source.",
            "Set unique_keys to a unique key of columns that both have.",
        ).naming(live.label, *missing)
    here = {column.name for column in live.columns}
    added = tuple(column for column in live.columns if column.name not in there and not column.generated)
    if demanding := [column.name for column in added if column.required]:
        raise DatabaseError(
            f"{live.label} has {human_list(demanding, NAMED)}, which the source has not, and which must have a value.",
            "Give it a default, at least until the rows are back.",
        ).naming(live.label, *demanding)
    gone = tuple(name for name in there if name not in here)
    return Common(live, kept, columns, gone, tuple(column.name for column in added))


def refuse_unwritable(shape: Shape) -> None:
    """Raise DatabaseError where what is written into the table would not be what gets there."""
    if shape.ruled or shape.forced:
        what = "has rules, which rewrite what is done to it" if shape.ruled else "has row security that its owner obeys"
        remedy = (
            f"Disable them for the time of the rescue: ALTER TABLE {shape.label} DISABLE RULE, for each of them."
            if shape.ruled
            else f"Lift it for the time of the rescue: ALTER TABLE {shape.label} NO FORCE ROW LEVEL SECURITY."
        )
        raise DatabaseError(f"{shape.label} {what}.", remedy).naming(shape.label)


def _key(live: Shape, wanted: str) -> tuple[str, ...]:
    if wanted in live.keys:
        return live.keys[wanted]
    have = human_list(sorted(filter(None, live.keys)), NAMED)
    if wanted:
        raise UsageError(
            f"{live.label} has no unique key {wanted!r} whose columns are never null.",
            f"It has: {have}." if have else "It has none: its rows cannot be told apart.",
            field="unique_keys",
        ).naming(live.label, wanted)
    raise UsageError(
        f"{live.label} has no primary key.",
        f"Set unique_keys for it to one of: {have}." if have else "Without a key its rows cannot be told apart.",
        field="unique_keys",
    ).naming(live.label)


def _refuse_differences(pairs: Sequence[tuple[Column, Column]], live: Shape) -> None:
    for before, now in pairs:
        if before.generated != now.generated:
            which = "is computed now and was not at" if now.generated else "was computed at"
            raise DatabaseError(
                f"Column {now.name} of {live.label} {which} the source.",
                "Rescue the rows by hand, from a restored copy.",
            ).naming(now.name, live.label)
        if before.type != now.type:
            raise DatabaseError(
                f"Column {now.name} of {live.label} has type {now.type} and had {before.type} at the source.",
                "Rescue the rows by hand, from a restored copy.",
            ).naming(now.name, live.label)


_TABLE = """
SELECT c.oid::bigint, c.relkind::text, pg_get_userbyid(c.relowner)::text,
       EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_enabled <> 'D'),
       c.relforcerowsecurity
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

_COLUMNS = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(e.typnamespace, y.typnamespace) = 11
           AND coalesce(e.typtype, y.typtype) = 'b',
       coalesce(quote_ident(n.nspname) || '.' || quote_ident(l.collname), ''),
       a.attgenerated <> '', a.attidentity::text, a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_type e ON e.oid = y.typelem AND y.typlen = -1 AND y.typelem <> 0
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""

_KEYS = """
SELECT i.relname::text, x.indisprimary, array_agg(a.attname::text ORDER BY k.place)
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid,
       unnest(x.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = %s AND a.attnum = k.number
 WHERE x.indrelid = a.attrelid AND x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
   AND k.place <= x.indnkeyatts
 GROUP BY i.relname, x.indisprimary, x.indnkeyatts
HAVING bool_and(a.attnotnull)
"""

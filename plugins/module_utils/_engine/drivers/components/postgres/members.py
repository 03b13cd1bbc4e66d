# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
How a dump is cut into members: the schema, one for each large table, and the rest.

The data members partition the tables: what is not named in a member of its own is in the rest, so sequences, large
objects and anything nobody thought of are there. Tables of extensions always stay in the rest.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ....ground.errors import DatabaseError, UsageError
from .connection import check_name, rows

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .connection import Connection
    from .snapshot import Table

THRESHOLD = 64 << 20
"""Bytes from which a table gets a member of its own: below it, a child's start costs more than it saves."""

SMALLEST = 8 << 20
"""Bytes below which no table gets a member of its own, even when the rest would take long."""

MOST = 400
"""Tables with a member of their own, at most: each is an argument of the rest's pg_dump, and an object in the store."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """What a partial backup is of: whole schemas, or tables (schema and name). Empty means everything."""

    schemas: tuple[str, ...] = ()
    tables: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, schemas: Iterable[str] = (), tables: Iterable[str] = ()) -> Scope:
        """
        Read what a user wrote; a table is `schema.table` or `table` (in public), a part with a dot in double quotes.

        Raise UsageError for names that PostgreSQL cannot hold, and for schemas and tables at once.
        """
        scope = cls(
            tuple(dict.fromkeys(check_name(schema, "schemas") for schema in schemas)),
            tuple(dict.fromkeys(_table_name(table) for table in tables)),
        )
        if scope.schemas and scope.tables:
            raise UsageError(
                "The options schemas and tables are mutually exclusive.",
                "Make one backup of the schemas and another of the tables; pg_dump cannot select both at once.",
                field="tables",
            )
        return scope

    @property
    def partial(self) -> bool:
        """Whether this is less than the whole database."""
        return bool(self.schemas or self.tables)

    @property
    def losses(self) -> tuple[str, ...]:
        """What a backup of this scope leaves out though the chosen tables may need it; empty for a full one."""
        if not self.partial:
            return ()
        common = (
            "large objects are left out",
            "extensions, event triggers, publications, foreign servers, casts and languages are left out",
            "foreign keys to tables outside the selection fail in a restore where those tables are missing",
        )
        if self.schemas:
            return (*common, "objects in other schemas that the selected schemas use are left out")
        return (*common, "schemas, functions, types, views and policies' functions that the tables use are left out")


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """
    One stream of the dump. `role` is `schema`, `table` or `rest`; `estimate` is in bytes before compression.

    `selection` is what pg_dump is told to choose, and `excluded` the tables whose data other members have.
    """

    number: int
    role: str
    tables: tuple[Table, ...]
    estimate: int
    selection: tuple[tuple[str, tuple[str, ...]], ...] = ()
    excluded: tuple[Table, ...] = ()


def select(connection: Connection, tables: Sequence[Table], scope: Scope) -> tuple[Table, ...]:
    """Return the tables of `scope`, partitions included. Raise UsageError when it names what does not exist."""
    if scope.schemas:
        _require(connection, scope.schemas)
        return tuple(table for table in tables if table.schema in scope.schemas)
    if not scope.tables:
        return tuple(tables)
    known = {(table.schema, table.name): table.oid for table in tables}
    for schema, name in scope.tables:
        if (schema, name) not in known:
            raise UsageError(
                f"There is no table {name!r} in schema {schema!r}.",
                "Correct the option tables: names are used exactly as written.",
                field="tables",
            ).naming(name, schema)
    roots = [known[name] for name in scope.tables]
    chosen = {int(oid) for (oid,) in rows(connection, _PARTITIONS, [roots])}
    return tuple(table for table in tables if table.oid in chosen)


def plan(
    tables: Sequence[Table], *, jobs: int = 2, threshold: int = THRESHOLD, scope: Scope | None = None
) -> tuple[Member, ...]:
    """
    Cut a dump of `tables` into members, numbered from 1, the large tables by falling size.

    With several jobs the rest is kept small enough not to be what everybody waits for.
    """
    dumped = [table for table in tables if table.dumped]
    large = _large(dumped, jobs, threshold)
    numbers = {table.oid for table in large}
    remaining = tuple(table for table in dumped if table.oid not in numbers)
    selection = _selection(tables, scope or Scope())
    members = [Member(1, "schema", (), 1 << 20, selection)]
    for number, table in enumerate(large, start=2):
        members.append(Member(number, "table", (table,), table.bytes, (("table", (table.schema, table.name)),)))
    estimate = sum(table.bytes for table in remaining) + (1 << 20)
    members.append(Member(len(large) + 2, "rest", remaining, estimate, selection, tuple(large)))
    _check_partition(dumped, members)
    return tuple(members)


def _large(dumped: Sequence[Table], jobs: int, threshold: int) -> list[Table]:
    """Return the tables that get members of their own, the largest first."""
    candidates = sorted(
        (table for table in dumped if not table.extension), key=lambda table: (-table.bytes, table.schema, table.name)
    )
    left = sum(table.bytes for table in dumped)
    share = left // (2 * jobs) if jobs > 1 else left
    large: list[Table] = []
    for table in candidates[:MOST]:
        if table.bytes < threshold and (left <= share or table.bytes < min(SMALLEST, threshold)):
            break
        large.append(table)
        left -= table.bytes
    return large


def _selection(tables: Sequence[Table], scope: Scope) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if scope.schemas:
        return tuple(("schema", (schema,)) for schema in scope.schemas)
    if scope.tables:
        return tuple(("table", (table.schema, table.name)) for table in tables)
    return ()


def _check_partition(dumped: Sequence[Table], members: Sequence[Member]) -> None:
    """Raise unless every table is in exactly one data member: pg_dump itself matches nothing without a word."""
    placed = sorted(table.oid for member in members for table in member.tables)
    excluded = {table.oid for table in members[-1].excluded}
    own = {table.oid for member in members[1:-1] for table in member.tables}
    names = {(table.schema, table.name) for table in dumped}
    if placed != sorted(table.oid for table in dumped) or excluded != own or len(names) != len(dumped):
        raise DatabaseError(
            "The members do not contain every table exactly once.",
            "Report this bug with the list of tables.",
        )


def _require(connection: Connection, schemas: Sequence[str]) -> None:
    found = {name for (name,) in rows(connection, "SELECT nspname::text FROM pg_catalog.pg_namespace")}
    for schema in schemas:
        if schema not in found:
            raise UsageError(
                f"There is no schema {schema!r}.",
                "Correct the option schemas: names are used exactly as written.",
                field="schemas",
            ).naming(schema)


def _table_name(text: str) -> tuple[str, str]:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise UsageError(
            f"The table {text!r} is malformed.",
            "Write schema.table or table; put a part that contains a dot or begins with a quote in double quotes.",
            field="tables",
        ).naming(text)
    schema = _bare(match["schema"]) if match["schema"] else "public"
    return check_name(schema, "tables"), check_name(_bare(match["table"]), "tables")


def _bare(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


_WRITTEN = re.compile(
    r"""(?:(?P<schema>"(?:[^"]|"")+"|[^".][^.]*)\.)?(?P<table>"(?:[^"]|"")+"|(?<=\.)[^".].*|[^".][^.]*)""", re.DOTALL
)

_PARTITIONS = """
WITH RECURSIVE below (oid) AS (
    SELECT unnest(%s::oid[])
    UNION
    SELECT i.inhrelid FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent = b.oid
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relispartition
)
SELECT oid::bigint FROM below
"""

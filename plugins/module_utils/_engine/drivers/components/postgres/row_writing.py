# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Puts rows back into a table, in the transaction that holds its lock.

The rows go into a temporary table first, where no code of the table's owner sees them, and from there into the table
itself, by statements that run with the owner's rights.
"""

from __future__ import annotations

import typing as t

from ....ground.errors import DatabaseError, UsageError
from .connection import RAW, execute, explained, quote_identifier, rows

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from . import row_diff
    from .connection import Connection
    from .owner_code import OwnerCode
    from .table_shape import Column, Common

_EQUALS = "OPERATOR(pg_catalog.=)"
_BATCH = 256 << 10


class Writer:
    """Changes one table. The session is in its transaction; `place` is a number that no other table has."""

    def __init__(self, connection: Connection, table: Common, code: OwnerCode, place: int) -> None:
        self._connection = connection
        self._table = table
        self._code = code
        self._stage = f"pg_temp.lifeboat_rows_{place}"

    def stage(self, found: Iterable[row_diff.Difference], kinds: frozenset[str]) -> None:
        """Hand over the rows of these kinds of differences."""
        columns = ", ".join(f"c{at} {_staged(column)}" for at, column in enumerate(self._table.columns))
        execute(self._connection, f"CREATE TEMPORARY TABLE {self._stage} (kind text, {columns}) ON COMMIT DROP")
        execute(self._connection, f"GRANT SELECT ON {self._stage} TO {quote_identifier(self._table.table.owner)}")
        encoding = RAW if self._connection.info.parameter_status("server_encoding") == RAW else "UTF8"
        statement = f"COPY {self._stage} FROM STDIN (ENCODING '{encoding}')"
        with explained("handing over rows"), self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for batch in _batches(_lines(found, kinds)):
                copy.write(batch)

    def delete(self, wanted: int, *, last: bool = True) -> None:
        """Delete the rows that are only alive."""
        statement = (
            f"DELETE FROM ONLY {self._table.table.label} AS t USING {self._stage} AS s "  # noqa: S608 - quoted names
            f"WHERE s.kind {_EQUALS} 'delete' AND {self._same()}"
        )
        self._run(statement, wanted, "deleted", last=last)

    def update(self, wanted: int, names: Iterable[str], *, last: bool = True) -> None:
        """Change the rows that differ, in the columns of these names."""
        places = self._table.names
        set_ = ", ".join(f"{quote_identifier(name)} = {self._value(places.index(name))}" for name in names)
        statement = (
            f"UPDATE ONLY {self._table.table.label} AS t SET {set_} FROM {self._stage} AS s "  # noqa: S608 - quoted names
            f"WHERE s.kind {_EQUALS} 'update' AND {self._same()}"
        )
        self._run(statement, wanted, "changed", last=last)

    def insert(self, wanted: int, *, last: bool = True) -> None:
        """Insert the rows that are gone."""
        names = ", ".join(map(quote_identifier, self._table.names))
        values = ", ".join(self._value(at) for at in range(len(self._table.columns)))
        statement = (
            f"INSERT INTO {self._table.table.label} ({names}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - quoted names
            f"SELECT {values} FROM {self._stage} AS s WHERE s.kind {_EQUALS} 'insert'"
        )
        self._run(statement, wanted, "inserted", last=last)

    def _run(self, statement: str, wanted: int, what: str, *, last: bool) -> None:
        if not wanted:
            return
        table = self._table.table
        done = self._code.run(table.owner, statement, last=last)
        if done != wanted:
            raise DatabaseError(
                f"Only {done} of {wanted} rows of {table.label} could be {what}: its triggers keep the others from it.",
                "Nothing was changed. Set triggers: off to put the rows back as they were.",
            ).naming(table.label)

    def _same(self) -> str:
        columns = self._table.columns
        return " AND ".join(
            _equal(columns[at], f"t.{quote_identifier(columns[at].name)}", f"s.c{at}") for at in self._at
        )

    @property
    def _at(self) -> tuple[int, ...]:
        return self._table.positions

    def _value(self, at: int) -> str:
        column = self._table.columns[at]
        return f"s.c{at}" if column.builtin else f"s.c{at}::{column.type}"


def refuse_identities(table: Common, summary: row_diff.Summary) -> None:
    """Raise UsageError where a row differs in what PostgreSQL lets nobody change."""
    for column in table.columns:
        if column.identity == "a" and column.name in summary.columns:
            raise UsageError(
                f"Rows differ in {column.name} of {table.table.label}, which is GENERATED ALWAYS AS IDENTITY and so "
                "cannot be changed.",
                f"For the time of the rescue: ALTER TABLE {table.table.label} ALTER {quote_identifier(column.name)} "
                "SET GENERATED BY DEFAULT.",
                field="tables",
            ).naming(column.name, table.table.label)


def disable_triggers(connection: Connection, table: Common) -> list[str]:
    """Disable the triggers that are not PostgreSQL's own; return the statements that enable them as they were."""
    again: list[str] = []
    for name, enabled in rows(connection, _TRIGGERS, [table.table.oid]):
        quoted = quote_identifier(name)
        execute(connection, f"ALTER TABLE ONLY {table.table.label} DISABLE TRIGGER {quoted}")
        again.append(f"ALTER TABLE ONLY {table.table.label} ENABLE {_ENABLED[enabled]}TRIGGER {quoted}")
    return again


def _staged(column: Column) -> str:
    """Return what a column of the temporary table is: text where the type is another's: its code is not to run."""
    if not column.builtin:
        return "text"
    return f"{column.type} COLLATE {column.collation}" if column.collation else column.type


def _equal(column: Column, mine: str, staged: str) -> str:
    # A type of the owner's may have any operators; its text is compared, byte by byte.
    return (
        f"{mine} {_EQUALS} {staged}" if column.builtin else f'{mine}::text COLLATE "C" {_EQUALS} {staged} COLLATE "C"'
    )


def _lines(found: Iterable[row_diff.Difference], kinds: frozenset[str]) -> Iterator[bytes]:
    for difference in found:
        if difference.kind in kinds:
            line = difference.live if difference.source is None else difference.source
            yield difference.kind.encode() + b"\t" + (line or b"") + b"\n"


def _batches(lines: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size > _BATCH:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


_ENABLED = {"O": "", "R": "REPLICA ", "A": "ALWAYS "}

_TRIGGERS = """
SELECT tgname::text, tgenabled::text FROM pg_catalog.pg_trigger
 WHERE tgrelid = %s AND NOT tgisinternal AND tgenabled <> 'D' AND tgparentid = 0 ORDER BY tgname
"""

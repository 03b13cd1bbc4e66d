# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
In which rows two sides of a table differ: those that are gone, those that changed, and those that are alive alone.

Both sides are read by COPY, which runs nothing of the table's owner, and sorted here, by the bytes of their keys: no
collation, operator or cast of the database has a say in which row is compared with which.
"""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
import itertools
import operator
import re
import typing as t

from . import copying
from .connection import RAW, explained, quote_identifier

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ....ground.sorted_lines import SortedLines
    from .connection import Connection
    from .table_shape import Common

SHOWN = 20
"""Rows of each kind that a preview shows."""

VALUE = 200
"""Characters of a value that a preview shows."""

INSERT, UPDATE, DELETE = "insert", "update", "delete"


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same on both sides, None where a side has it not: lines of COPY, without their ends."""

    key: bytes
    source: bytes | None
    live: bytes | None

    @property
    def kind(self) -> str:
        """What would make the living side as the source is."""
        if self.live is None:
            return INSERT
        return DELETE if self.source is None else UPDATE


def read(connection: Connection, table: Common, into: SortedLines, query: str = "") -> int:
    """
    Read a side of a table, and return how many rows it has.

    A `query` tells which rows are meant. Only in a sandbox may there be one: it runs what the table's owner wrote.
    """
    positions = table.positions

    def each(row: memoryview) -> None:
        line = bytes(row).removesuffix(b"\n")
        fields = line.split(b"\t")
        into.add(b"\t".join([fields[at] for at in positions]), line)

    return copying.read(connection, _copy(connection, f"({query})" if query else _source(table)), each)


def pump(live: Connection, sandbox: Connection, table: Common, into: str) -> None:
    """Copy all rows of the living side into table `into` of the sandbox."""
    target = f"COPY {into} ({_listed(table)}) FROM STDIN (ENCODING '{_encoding(live)}')"
    with explained("copying rows into the sandbox"), sandbox.cursor() as cursor, cursor.copy(target) as copy:
        copying.read(live, _copy(live, _source(table)), copy.write)


def _copy(connection: Connection, what: str) -> str:
    return f"COPY {what} TO STDOUT (ENCODING '{_encoding(connection)}')"


def _source(table: Common) -> str:
    return f"{table.table.label} ({_listed(table)})"


def _listed(table: Common) -> str:
    return ", ".join(map(quote_identifier, table.names))


def _encoding(connection: Connection) -> str:
    return RAW if connection.info.parameter_status("server_encoding") == RAW else "UTF8"


def differences(source: Iterable[tuple[bytes, bytes]], live: Iterable[tuple[bytes, bytes]]) -> Iterator[Difference]:
    """Yield the differences of two sides, each with its lines in the order of the keys, in that order."""
    both = heapq.merge(_marked(0, source), _marked(1, live))
    for key, rows in itertools.groupby(both, key=operator.itemgetter(0)):
        found = {side: line for _key, side, line in rows}
        if found.get(0) != found.get(1):
            yield Difference(key, found.get(0), found.get(1))


def _marked(side: int, lines: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, int, bytes]]:
    return ((key, side, line) for key, line in lines)


class Summary:
    """The differences of one table: how many, in which columns, the first of each kind, and a digest of all."""

    def __init__(self, table: Common) -> None:
        self.table = table
        self.counts = dict.fromkeys((INSERT, UPDATE, DELETE), 0)
        self.columns: dict[str, int] = {}
        self.first: dict[str, list[Difference]] = {INSERT: [], UPDATE: [], DELETE: []}
        self._digest = hashlib.sha256()

    @classmethod
    def of(cls, table: Common, found: Iterable[Difference]) -> Summary:
        """Look at all differences of a table."""
        made = cls(table)
        for difference in found:
            made.add(difference)
        return made

    def add(self, difference: Difference) -> None:
        """Take one in."""
        kind = difference.kind
        self.counts[kind] += 1
        if kind == UPDATE:
            for name in changed(self.table, difference):
                self.columns[name] = self.columns.get(name, 0) + 1
        if len(self.first[kind]) < SHOWN:
            self.first[kind].append(difference)
        for part in (difference.source, difference.live):
            self._digest.update(b"-" if part is None else b"%d:" % len(part) + part)

    @property
    def digest(self) -> bytes:
        """What tells these differences from all others."""
        return self._digest.digest()

    @property
    def token(self) -> str:
        """The table and the numbers of its differences, as a confirmation names them."""
        inserts, updates, deletes = (self.counts[kind] for kind in (INSERT, UPDATE, DELETE))
        return f"{self.table.table.schema}.{self.table.table.name}@{inserts}+{updates}+{deletes}"

    def facts(self, *, show_rows: bool) -> dict[str, t.Any]:
        """Return it for machines: keys, and with `show_rows` all values."""
        shape = self.table.table
        return {
            "table": f"{shape.schema}.{shape.name}",
            "key": list(self.table.key),
            "inserts": self.counts[INSERT],
            "updates": self.counts[UPDATE],
            "deletes": self.counts[DELETE],
            "columns_changed": {name: self.columns[name] for name in self.table.names if name in self.columns},
            "left_out": list(self.table.gone),
            "added": list(self.table.added),
            "first": {
                kind: [_shown(self.table, difference, show_rows=show_rows) for difference in found]
                for kind, found in self.first.items()
            },
        }


def changed(table: Common, difference: Difference) -> list[str]:
    """Return the names of the columns in which a row differs."""
    before, now = (difference.source or b"").split(b"\t"), (difference.live or b"").split(b"\t")
    return [name for name, one, other in zip(table.names, before, now, strict=True) if one != other]


def _shown(table: Common, difference: Difference, *, show_rows: bool) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {"key": dict(zip(table.key, _values(difference.key), strict=True))}
    if difference.kind == UPDATE:
        found["columns"] = changed(table, difference)
    if show_rows:
        for side, line in (("source", difference.source), ("live", difference.live)):
            if line is not None:
                found[side] = dict(zip(table.names, _values(line), strict=True))
    return found


def _values(line: bytes) -> Sequence[str | None]:
    return [_value(field) for field in line.split(b"\t")]


def _value(field: bytes) -> str | None:
    if field == rb"\N":
        return None
    text = _ESCAPED.sub(lambda found: _PLAIN.get(found[1], found[1]), field).decode("utf-8", "replace")
    return text if len(text) <= VALUE else f"{text[:VALUE]}..."


_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PLAIN = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

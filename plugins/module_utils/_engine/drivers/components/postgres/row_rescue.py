# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Rows of some tables as they were at another moment: compared with those that are alive, and put back in one transaction.

The other moment is a database that one can connect to, whatever it was made from. Nothing of a living table's owner
runs before something is changed, and then with his rights alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ....ground.acting import acting_as
from ....ground.errors import Busy, DatabaseError
from ....ground.sorted_lines import SortedLines
from . import foreign_keys, row_diff, row_writing, table_shape
from .connection import connect, execute, one, quote_identifier, rows
from .owner_code import OwnerCode, prepare
from .sequences import read_sequences

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .connection import Connection, Login
    from .table_shape import Common


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """
    Which tables, and what may happen to them: `keys` and `where` by the name of a table.

    With `deletes`, rows that are only alive go. Without `triggers`, those of the tables do not run.
    """

    tables: tuple[tuple[str, str], ...]
    keys: Mapping[tuple[str, str], str]
    where: Mapping[tuple[str, str], str]
    deletes: bool = False
    triggers: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """How the tables differ, and the sequences that would be set, with where to."""

    summaries: tuple[row_diff.Summary, ...]
    sequences: Mapping[str, int]
    deletes: bool

    @property
    def count(self) -> int:
        """How many rows a rescue would change."""
        return sum(self._wanted(summary) for summary in self.summaries)

    @property
    def token(self) -> str:
        """What confirms these differences and no others."""
        digest = hashlib.sha256(b"".join((*(each.digest for each in self.summaries), b"%d" % self.deletes)))
        return f"{','.join(each.token for each in self.summaries)}#{digest.hexdigest()[:8]}"

    def _wanted(self, summary: row_diff.Summary) -> int:
        inserts, updates, deletes = summary.counts.values()
        return inserts + updates + (deletes if self.deletes else 0)


class Rescue:
    """
    One rescue of rows into `database` at `login`, from what `source` is connected to. `close` it.

    `directory` is where rows are sorted that do not fit into memory; `os_user` is the user of the operating system who
    connects to the living server.
    """

    def __init__(
        self, source: Connection, login: Login, database: str, wanted: Wanted, *, directory: str, os_user: str = ""
    ) -> None:
        self._source = source
        self._login = login
        self._database = database
        self._wanted = wanted
        self._directory = directory
        self._os_user = os_user
        self._stack = contextlib.ExitStack()
        self._tables: tuple[Common, ...] = ()
        self._before: dict[int, SortedLines] = {}

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def compare(self) -> Found:
        """Read both sides, and return how they differ. Nobody is kept from anything meanwhile."""
        with contextlib.closing(self._connect(read_only=True)) as live:
            execute(live, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._tables = self._common(live)
            for table in self._tables:
                self._before[table.table.oid] = lines = self._stack.enter_context(SortedLines(self._directory))
                row_diff.read(self._source, table, lines, self._query(table, table.table.label))
            with self._alive(live) as now:
                return self._found(live, now)

    def apply(self, confirmed: Found) -> tuple[Found, tuple[str, ...]]:
        """
        Put the rows back, as they were `confirmed`. Return what differs afterwards, and warnings.

        Raise Busy when a row has moved since, and whatever PostgreSQL says. In every such case nothing was changed.
        """
        with contextlib.closing(self._connect()) as live:
            prepare(live)
            execute(live, "BEGIN ISOLATION LEVEL READ COMMITTED")
            self._lock(live)
            with self._alive(live) as now:
                found = self._found(live, now)
                if found.token != confirmed.token:
                    raise Busy(
                        "Rows have changed since they were compared.",
                        f"Nothing was changed. Look at them again; to go on, set confirm: {found.token}",
                        confirm=found.token,
                    )
                self._write(live, found, now)
            with self._alive(live) as after:
                left = self._found(live, after)
                warnings = self._refuse_left(left)
            execute(live, "COMMIT")
        return left, warnings

    def _connect(self, *, read_only: bool = False) -> Connection:
        with acting_as(self._os_user, "os_user"):
            return connect(self._login, self._database, read_only=read_only)

    def _common(self, live: Connection) -> tuple[Common, ...]:
        found = []
        for name in self._wanted.tables:
            here = table_shape.read(live, name)
            found.append(
                table_shape.common(table_shape.read(self._source, name), here, self._wanted.keys.get(name, ""))
            )
        return tuple(found)

    def _query(self, table: Common, label: str) -> str:
        """Return the query of the rows that are meant, empty where all are. No living server runs it."""
        where = self._wanted.where.get((table.table.schema, table.table.name), "")
        listed = ", ".join(map(quote_identifier, table.names))
        return f"SELECT {listed} FROM ONLY {label} WHERE ({where}\n)" if where else ""  # noqa: S608 - whose rescue it is

    @contextlib.contextmanager
    def _alive(self, live: Connection) -> Iterator[dict[int, SortedLines]]:
        """Read the living side as it is now."""
        with contextlib.ExitStack() as stack:
            now: dict[int, SortedLines] = {}
            for table in self._tables:
                now[table.table.oid] = lines = stack.enter_context(SortedLines(self._directory))
                if self._query(table, ""):
                    self._selected(live, table, lines)
                else:
                    row_diff.read(live, table, lines)
            yield now

    def _selected(self, live: Connection, table: Common, lines: SortedLines) -> None:
        """Let the source tell which of the living rows are meant: there no code of their owner harms anybody."""
        copy = "pg_temp.lifeboat_alive"
        listed = ", ".join(map(quote_identifier, table.names))
        # Without what else the table had: constraints, and columns that are gone.
        made = f"CREATE TEMPORARY TABLE {copy} AS SELECT {listed} FROM {table.table.label} WITH NO DATA"  # noqa: S608
        execute(self._source, made)
        try:
            row_diff.pump(live, self._source, table, copy)
            row_diff.read(self._source, table, lines, self._query(table, copy))
        finally:
            execute(self._source, f"DROP TABLE {copy}")

    def _found(self, live: Connection, now: Mapping[int, SortedLines]) -> Found:
        summaries = (row_diff.Summary.of(table, self._differences(table, now)) for table in self._tables)
        return Found(tuple(summaries), self._behind(live), self._wanted.deletes)

    def _differences(self, table: Common, now: Mapping[int, SortedLines]) -> Iterator[row_diff.Difference]:
        return row_diff.differences(self._before[table.table.oid], now[table.table.oid])

    def _lock(self, live: Connection) -> None:
        """Lock the tables, and require that they are what was compared."""
        labels = ", ".join(f"ONLY {table.table.label}" for table in self._tables)
        execute(live, f"LOCK TABLE {labels} IN SHARE ROW EXCLUSIVE MODE")
        if self._common(live) != self._tables:
            raise Busy("A table was changed or replaced since it was compared.", "Nothing was changed. Run again.")
        for table in self._tables:
            table_shape.refuse_unwritable(table.table)

    def _write(self, live: Connection, found: Found, now: Mapping[int, SortedLines]) -> None:
        by_oid = {each.table.table.oid: each for each in found.summaries}
        labels = {oid: each.table.table.label for oid, each in by_oid.items()}
        keys = foreign_keys.read(live, list(by_oid))
        order = foreign_keys.order(keys, labels)
        self._refuse(keys, by_oid, deferred=order.deferred)
        code = OwnerCode(live)
        kinds = {row_diff.INSERT, row_diff.UPDATE} | ({row_diff.DELETE} if self._wanted.deletes else set())
        writers, again = {}, []
        for place, oid in enumerate(order.oids):
            summary = by_oid[oid]
            writers[oid] = row_writing.Writer(live, summary.table, code, place)
            writers[oid].stage(self._differences(summary.table, now), frozenset(kinds))
            if not self._wanted.triggers:
                again += row_writing.disable_triggers(live, summary.table)
        if order.deferred:
            execute(live, "SET CONSTRAINTS ALL DEFERRED")
        last = not order.deferred
        if self._wanted.deletes:
            for oid in reversed(order.oids):
                writers[oid].delete(by_oid[oid].counts[row_diff.DELETE], last=last)
        for oid in order.oids:
            summary = by_oid[oid]
            writers[oid].update(summary.counts[row_diff.UPDATE], summary.columns, last=last)
            writers[oid].insert(summary.counts[row_diff.INSERT], last=last)
        if order.deferred:
            code.run(by_oid[order.oids[0]].table.table.owner, "SELECT", last=True)
        code.refuse_postponed({summary.table.table.owner for summary in found.summaries})
        for statement in again:
            execute(live, statement)
        for name, value in found.sequences.items():
            one(live, "SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s)", [name, value])

    def _refuse(
        self, keys: Sequence[foreign_keys.ForeignKey], found: Mapping[int, row_diff.Summary], *, deferred: bool
    ) -> None:
        """Raise where more than the tables would change, or not all of a row could."""
        deleted = {oid for oid, each in found.items() if self._wanted.deletes and each.counts[row_diff.DELETE]}
        foreign_keys.refuse_followers(
            keys, set(found), deleted, {oid: frozenset(each.columns) for oid, each in found.items()}
        )
        for summary in found.values():
            row_writing.refuse_identities(summary.table, summary)
        owners = {summary.table.table.owner for summary in found.values()}
        if deferred and len(owners) > 1:
            raise DatabaseError(
                f"Tables of {' and '.join(sorted(owners))} refer to each other in a circle.",
                "Rescue the tables of each owner by themselves.",
            ).naming(*owners)

    def _behind(self, live: Connection) -> dict[str, int]:
        """Return the sequences of the tables that stood further on, and where."""
        oids = [table.table.oid for table in self._tables]
        owned = {(schema, name): label for schema, name, label in rows(live, _SEQUENCES, [oids])}
        before = {(each.schema, each.name): each for each in read_sequences(self._source)}
        found: dict[str, int] = {}
        for now in read_sequences(live):
            then = before.get((now.schema, now.name))
            if then is None or (now.schema, now.name) not in owned or then.cycled or now.cycled:
                continue
            if not then.is_called or then.last_value is None:
                continue
            further = (
                now.last_value is None or not now.is_called or (then.last_value - now.last_value) * now.increment > 0
            )
            if further and then.increment == now.increment:
                found[owned[now.schema, now.name]] = then.last_value
        return found

    def _refuse_left(self, left: Found) -> tuple[str, ...]:
        """Raise DatabaseError where rows are not as they were to be; return what triggers made of them, as warnings."""
        warnings = []
        for summary in left.summaries:
            label = summary.table.table.label
            inserts, updates, deletes = summary.counts.values()
            if inserts or (updates and not self._wanted.triggers) or (deletes and self._wanted.deletes):
                raise DatabaseError(
                    f"Rows of {label} are not as they should be: {inserts} lack, {updates} differ, {deletes} are left.",
                    "Nothing was changed. Look at the triggers of the tables and at what they refer to; set triggers: "
                    "off to put the rows back as they were.",
                ).naming(label)
            if updates:
                names = ", ".join(summary.columns)
                warnings.append(f"The triggers of {label} changed {names} in {updates} of the rows on their way.")
        return tuple(warnings)


_SEQUENCES = """
SELECT n.nspname::text, c.relname::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE d.classid = 1259 AND d.refclassid = 1259 AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
   AND d.refobjid = ANY (%s)
"""

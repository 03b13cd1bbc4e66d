# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
One exported snapshot with every table locked ACCESS SHARE under it, held until the last reader is done.

Without the locks a TRUNCATE or a rewrite between the export and a reader's start would be silent data loss: the
reader finds an empty table, and so does the proof. A change that came between the export and the lock shows as another
file, other columns or another name than the snapshot knows, to a session that looks without a snapshot; then everything
is given back and tried again with a fresh one. No lock on a table keeps the name of its schema or of a type: those are
looked at again after the last reader.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import Busy, DatabaseError
from . import naming
from .connection import connect, execute, one, qualified, rows
from .sequences import SequenceState, read_sequences
from .server import ServerInfo, inspect

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .connection import Connection, Login

    Choice = Callable[[Connection, "tuple[Table, ...]"], "tuple[Table, ...]"]

LOCK_BATCH = 200
"""Tables in one LOCK statement: few round trips, and a message that still names the table in a short list."""

ATTEMPTS = 5

FIRST_PAUSE = 0.5
"""Seconds before the second attempt; each further pause is twice as long."""

DATA_KINDS = frozenset({"r"})
LOCKED_KINDS = frozenset({"r", "p"})
"""What LOCK TABLE takes and pg_dump locks. Materialised views are refreshed by a restore, not copied."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """
    A relation that holds or shows rows. `kind` is pg_class.relkind: r table, p partitioned, m materialised view,
    f foreign. `bytes` counts heap and TOAST. `extension` is set for a member of an extension; `configuration` for one
    whose rows the extension declares to be the user's.
    """

    oid: int
    schema: str
    name: str
    kind: str = "r"
    bytes: int = 0
    extension: bool = False
    configuration: bool = False
    unlogged: bool = False

    @property
    def label(self) -> str:
        """The name as it stands in SQL."""
        return qualified(self.schema, self.name)

    @property
    def dumped(self) -> bool:
        """Whether pg_dump copies rows of it: an ordinary table that is the user's or an extension's configuration."""
        return self.kind in DATA_KINDS and (self.configuration or not self.extension)

    @property
    def locked(self) -> bool:
        """Whether it stays locked while it is dumped."""
        return self.kind in LOCKED_KINDS and (self.configuration or not self.extension)


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """
    A snapshot that other sessions may import, with its locks. It ends with the `with` block.

    `sequences` were read before any dump can have begun: sequences stand outside snapshots, and a value read after
    the dump could be beyond the dumped one.
    """

    connection: Connection
    login: Login
    database: str
    snapshot_id: str
    server: ServerInfo
    tables: tuple[Table, ...]
    sequences: tuple[SequenceState, ...]
    lock_timeout_ms: int

    def assure(self, *, failed: bool = False) -> tuple[str, ...]:
        """
        Return the schemas that may have been renamed there and back meanwhile.

        Raise DatabaseError unless the snapshot and its locks stood until now, and Busy when anything was renamed
        meanwhile: a reader may have met another table under its name. Call it after the last reader.

        With `failed`, what was dropped counts as renamed: a reader failed, and that may be why.
        """
        one(self.connection, "SELECT 1")
        wanted = {table.oid for table in self.tables if table.locked}
        if missing := wanted - _granted(self.connection):
            raise DatabaseError(
                f"{len(missing)} table locks were lost during the backup.",
                "Check the PostgreSQL server log.",
            )
        with contextlib.closing(connect(self.login, self.database, read_only=True)) as outside:
            before, after = naming.read(self.connection), naming.read(outside)
        if changed := naming.changed(before, after, dropped=failed):
            raise Busy(
                f"While database {self.database!r} was dumped, {changed}.",
                "The dump was discarded; back up when nothing is being renamed.",
            )
        return naming.written(before, after)


@contextlib.contextmanager
def hold(
    login: Login,
    database: str,
    *,
    sleep: Callable[[float], None],
    lock_timeout_ms: int = 10_000,
    choose: Choice | None = None,
) -> Iterator[Held]:
    """
    Export a snapshot of `database` and lock what it shows, until the `with` block ends.

    `choose` picks tables; without it all are taken. Raise Busy when a table stays locked by somebody or keeps changing
    through all ATTEMPTS.
    """
    with contextlib.closing(connect(login, database, lock_timeout_ms=lock_timeout_ms)) as connection:
        server = inspect(connection)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with contextlib.closing(connect(login, database, read_only=True)) as outside:
                    snapshot_id, tables, sequences = _attempt(connection, outside, choose)
                break
            except _Changed as exc:
                execute(connection, "ROLLBACK")
                if attempt == ATTEMPTS:
                    raise Busy(
                        f"The tables of database {database!r} could not be locked in {ATTEMPTS} attempts: {exc.what}.",
                        "Try again when no schema change, TRUNCATE or VACUUM FULL is running, or raise lock_timeout.",
                    ).naming(exc.what) from exc
                sleep(FIRST_PAUSE * 2 ** (attempt - 1))
        yield Held(connection, login, database, snapshot_id, server, tables, sequences, lock_timeout_ms)


class _Changed(Exception):
    """Something moved between the export and the locks."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def _attempt(
    connection: Connection, outside: Connection, choose: Choice | None
) -> tuple[str, tuple[Table, ...], tuple[SequenceState, ...]]:
    execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    snapshot_id = str(one(connection, "SELECT pg_export_snapshot()"))
    with _changes():
        tables = read_tables(connection)
        if choose is not None:
            tables = choose(connection, tables)
        locked = [table for table in tables if table.locked]
        for start in range(0, len(locked), LOCK_BATCH):
            names = ", ".join(f"ONLY {table.label}" for table in locked[start : start + LOCK_BATCH])
            execute(connection, f"LOCK TABLE {names} IN ACCESS SHARE MODE")
        _check_same(connection, outside, locked)
        sequences = read_sequences(connection, outside)
    return snapshot_id, tables, sequences


def read_tables(connection: Connection) -> tuple[Table, ...]:
    """Return every relation with rows outside the system's own schemas, in the order of their oids."""
    return tuple(Table(*row) for row in rows(connection, _TABLES))


def _granted(connection: Connection) -> set[int]:
    return {int(oid) for (oid,) in rows(connection, _LOCKS)}


def _check_same(connection: Connection, outside: Connection, locked: Sequence[Table]) -> None:
    """Raise unless each lock is on the table that the snapshot shows, and all is as it shows it to one `outside`."""
    granted = _granted(connection)
    for table in locked:
        if table.oid not in granted:
            raise _Changed(f"{table.label} was replaced by another table")
    oids = [table.oid for table in locked]
    shown, found = _shapes(connection, oids), _shapes(outside, oids)
    for table in locked:
        (file, columns), now = shown[table.oid], found.get(table.oid, (0, ""))
        if now[0] != file:
            raise _Changed(f"{table.label} was truncated or rewritten")
        if now[1] != columns:
            raise _Changed(f"{table.label} has other columns now")
    if changed := naming.changed(naming.read(connection), naming.read(outside), dropped=True):
        raise _Changed(changed)


def _shapes(connection: Connection, oids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Return the file of each table, and a digest of its columns."""
    return {int(oid): (int(file), str(columns)) for oid, file, columns in rows(connection, _SHAPES, [list(oids)])}


@contextlib.contextmanager
def _changes() -> Iterator[None]:
    """Tell what a fresh snapshot can cure from what it cannot."""
    try:
        yield
    except Busy as exc:
        raise _Changed(exc.cause.rstrip(".")) from exc
    except DatabaseError as exc:
        # undefined_table, undefined_object, invalid_schema_name, wrong_object_type: dropped, renamed or replaced.
        if exc.details.get("sqlstate") in {"42P01", "42704", "3F000", "42809", "XX000"}:
            raise _Changed(exc.cause.rstrip(".")) from exc
        raise


_TABLES = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
       CASE WHEN c.relkind IN ('r', 'm') THEN coalesce(pg_table_size(c.oid), 0) ELSE 0 END,
       e.objid IS NOT NULL, coalesce(c.oid = ANY (x.extconfig), false), c.relpersistence = 'u'
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_depend e ON e.classid = 1259 AND e.objid = c.oid AND e.objsubid = 0 AND e.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
 WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
 ORDER BY c.oid
"""

_LOCKS = """
SELECT relation::bigint FROM pg_catalog.pg_locks
 WHERE pid = pg_backend_pid() AND locktype = 'relation' AND mode = 'AccessShareLock' AND granted
   AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""

_SHAPES = """
SELECT c.oid::bigint, CASE c.relkind WHEN 'r' THEN c.relfilenode ELSE 0 END::bigint,
       (SELECT sum(hashtextextended(concat_ws(' ', a.attnum, a.atttypid, a.atttypmod, a.attisdropped, a.attname)
                                    COLLATE "C", 0))
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)::text
  FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s)
"""

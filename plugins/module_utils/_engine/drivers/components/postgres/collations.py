# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Indexes of text on a machine whose libraries sort otherwise than those of the machine that made them.

An index in another order does not find what it holds, and takes a unique key twice. PostgreSQL notes the version of
each collation, and only warns of another one ("ALTER COLLATION", "ALTER DATABASE"). So these indexes are built anew
while nobody is connected, and then the version is noted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import DatabaseError
from .connection import connect, execute, rows
from .encodings import raw_names, readable

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .connection import Connection, Login


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """The collations that sort otherwise, the indexes that were built anew, and what people have to look at."""

    changed: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def settle(login: Login, maintenance: str, note: Callable[[], None]) -> Settled:
    """
    Build the indexes anew whose collations have another version than the libraries; `note` is called after each.

    `maintenance` is a database of the server. What cannot be built is told, and its version stays as it was noted, so
    that PostgreSQL goes on to warn. Raise DatabaseError where the server cannot be asked.
    """
    settled = Settled()
    with contextlib.closing(connect(login, maintenance)) as session:
        with raw_names(session):
            databases = rows(session, _DATABASES)
        for name, connects, differs in databases:
            if connects:
                with contextlib.closing(connect(login, name)) as within, raw_names(within):
                    done = _within(within, readable(name), differs=differs, note=note)
            elif differs:
                done = Settled((readable(name),), (), (_CLOSED.format(readable(name)),))
            else:
                continue
            settled = Settled(
                settled.changed + done.changed, settled.rebuilt + done.rebuilt, settled.warnings + done.warnings
            )
    return settled


def _within(session: Connection, database: str, *, differs: bool, note: Callable[[], None]) -> Settled:
    """Settle one database; it `differs` where the version of its own collation does."""
    changed = rows(session, _CHANGED) + ([(_DEFAULT, "its own")] if differs else [])
    rebuilt: list[str] = []
    warnings: list[str] = []
    for oid, name in changed:
        told = f"collation {readable(name)} of database {database}, which sorts otherwise on this host"
        wrong = [_PARTITIONED.format(readable(table), told) for (table,) in rows(session, _RANGES.format(oid))]
        for index, shown in rows(session, _INDEXES.format(oid)):
            try:
                _run(session, "REINDEX INDEX %s", f"{index}::pg_catalog.regclass")
            except DatabaseError as exc:
                wrong.append(_NOT_BUILT.format(readable(shown), told, exc.cause))
            else:
                rebuilt.append(f"{database}: {readable(shown)}")
            note()
        if not wrong and oid == _DEFAULT:
            _run(session, "ALTER DATABASE %I REFRESH COLLATION VERSION", "pg_catalog.current_database()")
        elif not wrong:
            _run(session, "ALTER COLLATION %s REFRESH VERSION", f"{oid}::pg_catalog.regcollation")
        warnings += wrong
    names = tuple(f"{database}: {readable(name)}" for _oid, name in changed)
    return Settled(names, tuple(dict.fromkeys(rebuilt)), tuple(dict.fromkeys(warnings)))


def _run(session: Connection, template: str, name: str) -> None:
    """Run a statement with a name in it that the server itself writes, whatever its encoding is."""
    execute(session, f"DO $lifeboat$ BEGIN EXECUTE pg_catalog.format('{template}', {name}); END $lifeboat$")


_DEFAULT = 100
"""The oid of the collation that stands for the database's own."""

_CLOSED = (
    "Database {} takes no connections, and its texts sort otherwise on this host: build its indexes anew before it is "
    "used."
)
_PARTITIONED = "Table {} has partitions by ranges in {}: rows may be in other partitions than they are looked for in."
_NOT_BUILT = "Index {} is in {}, and could not be built anew: {}"

_DATABASES = """
SELECT datname::text, datallowconn,
       datcollversion IS NOT NULL AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
  FROM pg_catalog.pg_database ORDER BY oid
"""

_CHANGED = """
SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname)
  FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
 WHERE c.collversion IS NOT NULL AND c.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(c.oid)
 ORDER BY c.oid
"""

# What an expression sorts by is not in indcollation; that it uses the database's own collation is noted nowhere.
_INDEXES = """
SELECT i.indexrelid, i.indexrelid::pg_catalog.regclass::text
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
 WHERE {0}::oid = ANY (i.indcollation) OR ({0} = 100 AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
    OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.classid = 1259 AND d.objid = i.indexrelid AND d.refclassid = 3456 AND d.refobjid = {0})
 ORDER BY i.indexrelid
"""

_RANGES = """
SELECT partrelid::pg_catalog.regclass::text FROM pg_catalog.pg_partitioned_table
 WHERE partstrat = 'r' AND {0}::oid = ANY (partcollation) ORDER BY partrelid
"""

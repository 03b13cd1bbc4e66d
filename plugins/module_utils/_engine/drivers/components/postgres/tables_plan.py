# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Chosen tables of a full backup, into a fresh database or beside what an existing one has; nothing is ever replaced.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import secrets
import typing as t

from ....ground.errors import DatabaseError, RecoveryError
from ....ground.units import human_count
from ..base import Comparison
from ..target import Committed
from . import failed_objects, members, proof, role_choice, roles, snapshot, staging_database, toc
from .connection import connect, execute, qualified, rows
from .decision import make_tools, tablespace_notes
from .restore_plan import RestorePlan
from .selection import Selected, select

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..base import Place
    from ..target import Reader
    from .layout import BackupContents
    from .restore_options import RestoreOptions
    from .restorer import Tools


class TablesPlan(RestorePlan):
    """The plan of a restore of chosen tables."""

    beside = True
    holds_data = False  # what is there stays as it is
    before = ""
    _tables: Sequence[tuple[str, str]] = ()

    @functools.cached_property
    def target(self) -> str:
        """The name of the database that the tables go into."""
        stamp = f"{self._run.world.now():%Y%m%d_%H%M%S}"
        beginning = staging_database.cut(self._wanted.database, staging_database.CUT)
        return self._wanted.target_db or f"{beginning}_tables_{stamp}"

    @functools.cached_property
    def selection(self) -> str:
        """The tables, for the history."""
        return " ".join(sorted(qualified(*table) for table in self._chosen))

    @property
    def identity(self) -> int:
        """What tells whether these tables are still those that were restored, 0 when one is not there."""
        return self._identity(self.target) if staging_database.exists(self._session, self.target) else 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The tables and what comes with them."""
        entries, owners = self._selected.tables, self._contents.owners
        return (*(entry.name(owners) for entry in entries), *self._selected.along)

    @property
    def facts(self) -> Mapping[str, t.Any]:
        """The same for machines."""
        return {
            "chosen": list(self._wanted.tables),
            "along": list(self._selected.along),
            "left_out": list(self._selected.left_out),
            "dropped_leftovers": self.dropped,
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth knowing before."""
        lost = (f"{what} is not restored: it depends on an unselected object." for what in self._selected.left_out)
        return (*tablespace_notes(self._session, self._contents), *lost)

    def decide(self) -> None:
        """
        Choose what belongs to the tables.

        Raise UsageError for a table that the backup has not, DatabaseError when the target has one of that name.
        """
        self._tables = self._names(self._selected)
        if self._exists:
            self._refuse_present(self._tables)
        if not self._run.world.dry_run:
            self._require_roles()

    def require_free(self) -> None:
        """Let everybody go on who uses the database: nothing of theirs is touched."""

    def emergency(self) -> None:
        """Say that nothing can be lost."""

    def ready(self) -> contextlib.AbstractContextManager[object]:
        """Have the rights."""
        return self._run.rights()

    @contextlib.contextmanager
    def filled(self, _emergency: Reader | None, /) -> Iterator[Place]:
        """Yield the database with the tables in it; what was made is dropped when anything fails."""
        made = self._dropped_on_failure(self._tables) if self._exists else self._making(self._temporary, ())
        with made as database:
            loaded = self._loader.load(database, self._selected.choice)
            failed_objects.require(loaded.losses)
            yield TablesPlace(self._wanted, database, self._contents, self._tables, tuple(map(str, loaded.losses)))

    def commit(self, _place: Place, /) -> Committed:
        """Give a fresh database its name."""
        identity = 0
        with contextlib.suppress(RecoveryError):  # what cannot be told apart is restored again, and not lost
            identity = self._identity(self.target if self._exists else self._temporary)
        if not self._exists:
            self._swap(self._temporary, None, force=True)
        return Committed(identity)

    def settle(self) -> tuple[str, ...]:
        """Gather the planner's statistics, of these tables alone where others were there before."""
        with self._run.phases("statistics"):
            return self._analyze_tables() if self._exists else self._analyze(self.target)

    def _analyze_tables(self) -> tuple[str, ...]:
        names = ", ".join(qualified(*table) for table in self._tables)
        try:
            with contextlib.closing(connect(self._wanted.login, self.target)) as connection:
                execute(connection, f"ANALYZE {names}")
        except RecoveryError as exc:
            return (f"ANALYZE failed: {exc.cause} Run ANALYZE {names} in {self.target}.",)
        return ()

    def _identity(self, database: str) -> int:
        with contextlib.closing(connect(self._wanted.login, database, read_only=True)) as connection:
            there = {(schema, name): oid for schema, name, oid in rows(connection, _RELATIONS)}
        oids = [there.get(table, 0) for table in self._chosen]
        digest = hashlib.sha256(repr(oids).encode()).digest()
        return int.from_bytes(digest[:6], "big") if all(oids) else 0

    @property
    def _chosen(self) -> tuple[tuple[str, str], ...]:
        return members.Scope.of((), self._wanted.tables).tables

    @functools.cached_property
    def _exists(self) -> bool:
        return bool(staging_database.exists(self._session, self.target))

    @functools.cached_property
    def _tools(self) -> Tools:
        return make_tools(self._session, self._wanted, self._contents, self._run.world)

    @functools.cached_property
    def _selected(self) -> Selected:
        loader, contents = self._loader, self._contents
        schemas = self._schemas() if self._exists else None
        return select(
            loader.entries, loader.rest_entries, contents.layout, self._chosen, owners=contents.owners, schemas=schemas
        )

    @functools.cached_property
    def _temporary(self) -> str:
        return staging_database.temporary_name(self.target, secrets.token_hex(4))

    def _names(self, selected: Selected) -> list[tuple[str, str]]:
        chosen = {entry.name(self._contents.owners).removeprefix("TABLE ") for entry in selected.tables}
        tables = [(table["schema"], table["name"]) for table in self._contents.detail["tables"]]
        return [name for name in tables if toc.plain(" ".join(name)) in chosen]

    def _schemas(self) -> set[str]:
        with contextlib.closing(connect(self._wanted.login, self.target, read_only=True)) as connection:
            return {schema for (schema,) in rows(connection, "SELECT nspname::text FROM pg_catalog.pg_namespace")}

    def _require_roles(self) -> None:
        needed = role_choice.needed(self._contents.roles)
        if missing := sorted(needed - roles.names(self._session.connection)):
            raise DatabaseError(
                f"The roles {', '.join(missing)} of the backup do not exist on this server.",
                "Create the roles that own or use the tables, or restore the whole database once.",
                roles=missing,
            )

    def _refuse_present(self, tables: Sequence[tuple[str, str]]) -> None:
        if present := self._present(tables):
            raise DatabaseError(
                f"The database {self.target!r} already has {', '.join(present)}.",
                "Rename it there, or omit target_db: the tables then go into a new database.",
                tables=present,
            ).naming(*present)

    def _present(self, tables: Sequence[tuple[str, str]]) -> list[str]:
        with contextlib.closing(connect(self._wanted.login, self.target, read_only=True)) as connection:
            there = {(schema, name) for schema, name, _oid in rows(connection, _RELATIONS)}
        return [qualified(*table) for table in tables if table in there]

    @contextlib.contextmanager
    def _dropped_on_failure(self, tables: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Yield the existing database to the block; on a failure drop what it made there."""
        try:
            yield self.target
        except BaseException as exc:
            if said := self._taken_back(tables):
                (exc.advise if isinstance(exc, RecoveryError) else exc.add_note)(said)
            raise

    def _taken_back(self, tables: Sequence[tuple[str, str]]) -> str:
        """
        Drop what this restore created of `tables`; return what is left to do about them.

        Nothing of these names was there before. What it could not create, somebody else may have, and where it was
        stopped before it knew, nobody can tell whose they are.
        """
        missing = self._loader.missing
        ours = [table for table in tables if toc.plain(f"TABLE {' '.join(table)}") not in (missing or ())]
        names = ", ".join(qualified(*table) for table in ours)
        left = f"The database {self.target!r} may still have {names}: drop those that this restore created."
        with contextlib.suppress(RecoveryError):
            if missing is None and self._present(tables):
                return left
            if missing is not None and ours:
                with contextlib.closing(connect(self._wanted.login, self.target)) as connection:
                    # Without CASCADE nothing else goes.
                    execute(connection, f"DROP TABLE IF EXISTS {names}")
            return ""
        return left


class TablesPlace:
    """The restored tables, wherever they lie."""

    def __init__(
        self,
        wanted: RestoreOptions,
        database: str,
        contents: BackupContents,
        tables: Sequence[tuple[str, str]],
        warnings: tuple[str, ...],
    ) -> None:
        self._wanted = wanted
        self._database = database
        self._whole = contents.detail["proof"]
        self._tables = tables
        self.warnings = warnings
        self.contents = human_count(len(tables), "table")

    def compare(self) -> Comparison:
        """Compare the chosen tables, and nothing else, with the proof."""
        whole, wanted = self._whole, set(self._tables)
        if whole["level"] == "none":
            return Comparison()
        chosen = [entry for entry in whole["tables"] if (entry["schema"], entry["name"]) in wanted]
        before = {**whole, **_NOTHING_ELSE, "tables": chosen}
        login = self._wanted.login
        with contextlib.closing(connect(login, self._database, read_only=True)) as connection:
            present = [table for table in snapshot.read_tables(connection) if (table.schema, table.name) in wanted]
        after = proof.take(login, self._database, None, whole["level"], present, like=before, partial=True)
        found = [str(difference) for difference in proof.compare(before, after) if not difference.note]
        return Comparison(tuple(found))


_NOTHING_ELSE: Mapping[str, t.Any] = {
    "sequences": [],
    "extensions": {},
    "objects": {},
    "large_objects": {},
    "partial": True,
}

_RELATIONS = """
SELECT n.nspname::text, c.relname::text, c.oid::bigint
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""

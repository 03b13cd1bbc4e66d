# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Chosen tables of a full backup, into a fresh database or beside what an existing one has; nothing is ever replaced.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import typing as t

from .. import units
from ..errors import DatabaseError, ProofMismatch, RecoveryError
from ..model import Outcome
from ..postgres import halfmade, load, members, proof, role_choice, snapshot, statistics, swap, toc, unmade
from ..postgres.connection import connect, execute, qualified, rows
from ..postgres.selection import Selected, select
from . import emergency
from .plan import make_tools, tablespace_notes
from .warrants import HalfMade

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..model import World
    from ..postgres.connection import Connection
    from .borrowing import Borrower
    from .plan import Material, RestoreRequest


def restore_tables(request: RestoreRequest, world: World, material: Material, loan: Borrower) -> Outcome:
    """
    Restore `request.tables` with what belongs to them; the rights of `loan` are asked for when all is decided.

    Raise UsageError for a table that the backup has not, DatabaseError when the target has one of that name; then, and
    on every failure, what was made is dropped again.
    """
    warrants = HalfMade(request.repository.state_dir)
    with halfmade.manage(request.login, warrants) as session:
        return _Run(session, request, world, material).go(loan)


class _Run:
    """One restore of chosen tables."""

    def __init__(self, session: halfmade.Session, request: RestoreRequest, world: World, material: Material) -> None:
        self._session = session
        self._request = request
        self._world = world
        self._material = material
        self._began = world.now()
        stamp = f"{self._began:%Y%m%d_%H%M%S}"
        self._name = request.target_db or f"{halfmade.cut(request.database, halfmade.CUT)}_tables_{stamp}"
        self._tools = make_tools(session, request, material, world)
        self._phases: dict[str, float] = {}

    def go(self, loan: Borrower) -> Outcome:
        material, request = self._material, self._request
        wanted = members.Scope.of((), self._request.tables).tables
        existing = bool(halfmade.exists(self._session, self._name))
        schemas = self._schemas() if existing else None
        with load.Loader(
            self._tools,
            material.backup,
            material.layout,
            now=self._world.now,
            owners=material.owners,
            accepted=request.accept_failed,
        ) as loader:
            selected = select(
                loader.entries, loader.rest_entries, material.layout, wanted, owners=material.owners, schemas=schemas
            )
            tables = self._names(selected)
            if existing:
                self._refuse_present(tables)
            if self._world.dry_run:
                return self._outcome(selected, [], 0.0)
            self._require_roles()
            place = self._dropped_on_failure(tables) if existing else self._fresh()
            with loan.rights():
                with place as database:
                    warnings = self._fill(database, loader, selected, tables)
                self._phases = loader.phases
                with contextlib.suppress(RecoveryError):
                    statistics.analyze(self._tools, self._name, None)
        return self._outcome(selected, warnings, (self._world.now() - self._began).total_seconds())

    def _names(self, selected: Selected) -> list[tuple[str, str]]:
        chosen = {entry.name(self._material.owners).removeprefix("TABLE ") for entry in selected.tables}
        tables = [(table["schema"], table["name"]) for table in self._material.detail["tables"]]
        return [name for name in tables if toc.plain(" ".join(name)) in chosen]

    def _schemas(self) -> set[str]:
        with contextlib.closing(connect(self._request.login, self._name, read_only=True)) as connection:
            return {schema for (schema,) in rows(connection, "SELECT nspname::text FROM pg_catalog.pg_namespace")}

    def _refuse_present(self, tables: Sequence[tuple[str, str]]) -> None:
        with contextlib.closing(connect(self._request.login, self._name, read_only=True)) as connection:
            there = set(rows(connection, _RELATIONS))
        if present := [qualified(*table) for table in tables if table in there]:
            raise DatabaseError(
                f"The database {self._name!r} has {', '.join(present)} already.",
                "Rename it there, or leave out target_db: the tables then go into a fresh database.",
                tables=present,
            ).naming(*present)

    def _require_roles(self) -> None:
        if missing := sorted(role_choice.needed(self._material.roles) - self._roles()):
            raise DatabaseError(
                f"The roles {', '.join(missing)} of the backup are missing on this server.",
                "Create those that own or may use the tables, or restore the whole database once.",
                roles=missing,
            )

    def _roles(self) -> set[str]:
        return {role for (role,) in rows(self._session.connection, "SELECT rolname::text FROM pg_roles")}

    @contextlib.contextmanager
    def _fresh(self) -> Iterator[str]:
        """Give a database of its own to the block, and its wanted name to the database afterwards."""
        request, recorded = self._request, self._material.detail["properties"]
        temporary = halfmade.temporary_name(self._name, secrets.token_hex(4))
        maker = f"{request.host} pid {os.getpid()} at {self._began:%Y-%m-%dT%H:%M:%SZ}"
        backup_id = self._material.backup.manifest.backup_id
        mark = halfmade.mark_of(backup_id, self._name, request.recovery_id or "-", maker, secrets.token_hex(16))
        emergency.drop_leftovers(self._session, request, self._name, self._world)
        making = halfmade.making(self._session, temporary, recorded, mark, target=self._name, tablespaces=())
        with making:
            yield temporary
            swap.swap(
                self._session,
                restored=temporary,
                target=self._name,
                kept=None,
                recorded=recorded,
                roles=self._roles(),
                force=True,
            )

    @contextlib.contextmanager
    def _dropped_on_failure(self, tables: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Give the existing database to the block; on a failure drop what it made there."""
        try:
            yield self._name
        except BaseException as exc:
            # Nothing of these names was there before; what could not be made, somebody else may have made meanwhile.
            lost = t.cast("t.Any", exc.details.get("lost", ())) if isinstance(exc, RecoveryError) else ()
            ours = [table for table in tables if toc.plain(f"TABLE {' '.join(table)}") not in lost]
            names = ", ".join(qualified(*table) for table in ours)
            with contextlib.suppress(RecoveryError), contextlib.closing(self._connect()) as connection:
                # Without CASCADE nothing else goes.
                execute(connection, f"DROP TABLE IF EXISTS {names}")
            raise

    def _connect(self) -> Connection:
        return connect(self._request.login, self._name)

    def _fill(
        self, database: str, loader: load.Loader, selected: Selected, tables: Sequence[tuple[str, str]]
    ) -> list[str]:
        loaded = loader.load(database, selected.choice)
        unmade.require(loaded.losses)
        warnings = [str(loss) for loss in loaded.losses]
        if self._request.validate:
            self._prove(database, tables)
        return warnings

    def _prove(self, database: str, tables: Sequence[tuple[str, str]]) -> None:
        """Compare the chosen tables, and nothing else, with the proof."""
        whole = self._material.detail["proof"]
        if whole["level"] == "none":
            return
        wanted = set(tables)
        chosen = [entry for entry in whole["tables"] if (entry["schema"], entry["name"]) in wanted]
        before = {**whole, **_NOTHING_ELSE, "tables": chosen}
        login = self._request.login
        with contextlib.closing(connect(login, database, read_only=True)) as connection:
            present = [table for table in snapshot.read_tables(connection) if (table.schema, table.name) in wanted]
        after = proof.take(login, database, None, whole["level"], present, like=before, partial=True)
        if real := [difference for difference in proof.compare(before, after) if not difference.note]:
            raise ProofMismatch(
                f"A restored table is not the one that was backed up: {real[0]}.",
                "What was restored is dropped again; try an earlier backup.",
                differences=[str(difference) for difference in real[:100]],
                first_difference=str(real[0]),
            ).naming(str(real[0]))

    def _outcome(self, selected: Selected, warnings: list[str], seconds: float) -> Outcome:
        facts = {
            "restore": {
                "backup_id": self._material.backup.manifest.backup_id,
                "target": self._name,
                "tables": list(self._request.tables),
                "along": list(selected.along),
                "left_out": list(selected.left_out),
                "phases": dict(self._phases),
                "seconds": round(seconds, 3),
            },
            "summary": (
                f"{len(selected.tables)} tables with {len(selected.along)} further objects in database {self._name}"
                + (f", {units.human_duration(seconds)}." if seconds else " would be restored.")
            ),
        }
        names = (*(entry.name(self._material.owners) for entry in selected.tables), *selected.along)
        lost = [f"{what} was left out: it needs or belongs to what was not chosen." for what in selected.left_out]
        after = f"database {self._name}\n" + "".join(f"  {name}\n" for name in names)
        elsewhere = tablespace_notes(self._session, self._material)
        notes = (*self._material.doubts, *elsewhere, *warnings, *lost)
        return Outcome(changed=True, facts=facts, after=after, warnings=notes)


_NOTHING_ELSE: Mapping[str, t.Any] = {
    "sequences": [],
    "extensions": {},
    "objects": {},
    "large_objects": {},
    "partial": True,
}

_RELATIONS = """
SELECT n.nspname::text, c.relname::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""

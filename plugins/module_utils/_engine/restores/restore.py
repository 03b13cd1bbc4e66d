# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: a logical backup back into a database, beside the old one and swapped in only when it is proved the same.

The order keeps the promise that a restore gives exactly that data or leaves the target as it was: everything that can
be known is checked first; a database of its own is filled; it is compared with the proof; and one transaction puts it
in the old one's place.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import typing as t

from .. import units
from ..backups import backup as backups
from ..catalogue import readings
from ..errors import Busy, ProcessFailed, RecoveryError
from ..model import Outcome
from ..postgres import halfmade, load, server, statistics, swap, target, unmade
from ..postgres.connection import execute, rows
from ..progress import Progress, status_directory
from . import emergency, tables
from .borrowing import Borrower, borrowing
from .choice import choose
from .comparing import prove
from .history import History, Restored
from .plan import (
    Material,
    Plan,
    RestoreRequest,
    check_request,
    make_plan,
    refuse_filled,
    refuse_use,
    require_confirm,
)
from .report import compared, done_before, dropped, lost, planned, proved, state_of
from .warrants import HalfMade
from .watched import Watched

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..catalogue.catalogue import Backup
    from ..model import World

    BackUp = Callable[[backups.BackupRequest, World], Outcome]

__all__ = ["RestoreRequest", "restore", "restore_backup"]


def restore(request: RestoreRequest, world: World) -> Outcome:
    """
    Restore the backup that `request` names.

    Raise UsageError for a missing confirm token, DatabaseError when the server cannot take the backup, Busy when the
    target is in use, Tampered when a stored byte is not as signed, ProofMismatch when the restored database is not the
    one that was backed up, NotFound when retention let it go meanwhile. In every such case with strategy swap, the
    target is as it was.
    """
    check_request(request)
    # Held from before the first look at a key, which may be lent too.
    with borrowing(request.loan) as loan:
        backup, against = choose(request, world)
        with readings.announced(backup, "a restore", secrets.token_hex(8)) as reading:
            if request.strategy == "in_place":
                reading.require()
            done = restore_backup(request, world, backup, backups.back_up, against, loan=loan)
    return dataclasses.replace(done, warnings=(*reading.warnings, *done.warnings))


def restore_backup(
    request: RestoreRequest,
    world: World,
    backup: Backup,
    back_up: BackUp,
    against: tuple[str, ...] = (),
    *,
    loan: Borrower | None = None,
) -> Outcome:
    """
    Restore `backup`; `back_up` makes the emergency backup where one is due, `against` is told before anything.

    The rights of `loan` are asked for only when something is about to be changed.
    """
    check_request(request)
    loan = loan or Borrower()
    material = Material.of(backup, against)
    if request.tables:
        return tables.restore_tables(request, world, material, loan)
    state_dir = request.repository.state_dir
    history = History(state_dir)
    with halfmade.manage(request.login, HalfMade(state_dir)) as session:
        if not session.lock(f"into {request.target}"):
            raise Busy(f"Another restore into {request.target!r} is running.", "Wait for it to end.")
        leftovers = [] if world.dry_run else _drop_leftovers(session, request, loan, world)
        if done := done_before(session, request, material, history):
            return done
        plan = make_plan(session, request, material, history, world)
        progress = Progress(status_directory(state_dir, world), "restore", backup.manifest.component, world.now)
        source = Watched(backup, progress)
        loader = load.Loader(
            plan.tools,
            source,
            material.layout,
            now=world.now,
            watcher=progress,
            owners=material.owners,
            accepted=request.accept_failed,
        )
        with loader, progress.running():
            target.check_extensions(session.connection, loader.entries)
            target.check_owners(
                loader.entries, material.owners, plan.roles, request.accept_failed, server.inspect(session.connection)
            )
            if world.dry_run:
                return planned(plan)
            require_confirm(plan)
            refuse_use(session, plan)
            with loan.rights() as lent:
                if lent:
                    # With more rights more is seen, such as the room on the disk.
                    plan = make_plan(session, request, material, history, world)
                    require_confirm(plan)
                    loader.use(plan.tools)
                return _Run(session, plan, loader, world, back_up).go(history, leftovers)


def _drop_leftovers(session: halfmade.Session, request: RestoreRequest, loan: Borrower, world: World) -> list[str]:
    """Drop what killed runs left. Only where there is any are the rights asked for."""
    if not any(halfmade.left(session).values()):
        return []
    with loan.rights():
        return emergency.drop_leftovers(session, request, request.target, world)


class _Run:
    """One restore that is carried out."""

    def __init__(
        self, session: halfmade.Session, plan: Plan, loader: load.Loader, world: World, back_up: BackUp
    ) -> None:
        self._session = session
        self._plan = plan
        self._request = plan.request
        self._loader = loader
        self._world = world
        self._back_up = back_up
        self._warnings = list(plan.warnings)
        self._began = world.now()
        self._emergency_id = ""
        self._dropped = False

    def go(self, history: History, leftovers: list[str]) -> Outcome:
        plan, request = self._plan, self._request
        try:
            self._prepare()
            for statement in plan.roles.statements:
                execute(self._session.connection, statement)
            self._replace()
        except RecoveryError as exc:
            exc.details.update(emergency_backup_id=self._emergency_id or None)
            if not self._dropped:
                raise
            raise lost(exc, request.target, self._emergency_id) from exc
        except BaseException as exc:
            if self._dropped:
                exc.add_note(dropped(request.target, self._emergency_id))
            raise
        usable = (self._world.now() - self._began).total_seconds()
        oid = halfmade.exists(self._session, request.target)
        self._remember(history, oid, usable)
        with self._phase("statistics"):
            self._analyze(request.target, statistics.BETTER)
            self._analyze(request.target, None)
        return self._outcome(usable, leftovers)

    def _replace(self) -> None:
        """Drop the old database where it is in place, fill one, prove it, and give it the wanted name."""
        plan, request = self._plan, self._request
        if request.strategy == "in_place" and plan.target.exists:
            halfmade.drop(self._session, request.target, plan.target.oid)
            self._dropped = True
        recorded = plan.material.detail["properties"]
        with self._filled(recorded):
            with self._phase("statistics_rough"):
                self._analyze(plan.temporary, statistics.ROUGH)
            with self._phase("swap"):
                swap.swap(
                    self._session,
                    restored=plan.temporary,
                    target=request.target,
                    kept=plan.kept,
                    recorded=recorded,
                    roles=self._roles(),
                    force=request.force_disconnect,
                )

    def _prepare(self) -> None:
        """Check every byte and back up what is there, where the old database will not survive."""
        plan, request = self._plan, self._request
        in_place = request.strategy == "in_place"
        if in_place:
            with self._phase("full_check"):
                emergency.read_to_the_end(plan.material.backup)
        wanted = request.emergency_backup == "required" or (request.emergency_backup == "auto" and in_place)
        if wanted and plan.target.holds_data:
            with self._phase("emergency_backup"):
                self._emergency_id = emergency.make(request, self._world, self._back_up)
        if in_place and plan.target.exists:
            refuse_use(self._session, plan)
            refuse_filled(self._session, plan)

    @contextlib.contextmanager
    def _filled(self, recorded: Mapping[str, t.Any]) -> Iterator[None]:
        """Give the block a database that is filled and proved; it is dropped when anything fails."""
        plan, request, backup = self._plan, self._request, self._plan.material.backup.manifest
        maker = f"{request.host} pid {os.getpid()} at {self._began:%Y-%m-%dT%H:%M:%SZ}"
        token = secrets.token_hex(16)
        mark = halfmade.mark_of(backup.backup_id, request.target, request.recovery_id or "-", maker, token)
        spaces = {name for (name,) in rows(self._session.connection, "SELECT spcname::text FROM pg_tablespace")}
        making = halfmade.making(
            self._session, plan.temporary, recorded, mark, target=request.target, tablespaces=spaces
        )
        with making:
            loaded = self._loader.load(plan.temporary)
            unmade.require(loaded.losses)
            self._warnings += [str(loss) for loss in loaded.losses]
            if request.validate:
                with self._phase("validation"):
                    self._warnings += prove(plan, plan.temporary, loaded.losses)
            yield

    def _analyze(self, database: str, statistics_target: int | None) -> None:
        try:
            statistics.analyze(self._plan.tools, database, statistics_target)
        except ProcessFailed as exc:
            # Nothing of the data depends on it: the restore stands, and autovacuum will do it some day.
            self._warnings.append(f"ANALYZE failed: {exc.cause} Run vacuumdb --analyze-in-stages on {database}.")

    def _roles(self) -> set[str]:
        return {name for (name,) in rows(self._session.connection, "SELECT rolname::text FROM pg_roles")}

    def _remember(self, history: History, oid: int, seconds: float) -> None:
        manifest = self._plan.material.backup.manifest
        history.add(
            Restored(
                host=self._request.host,
                target=self._request.target,
                oid=oid,
                component=manifest.component,
                backup_id=manifest.backup_id,
                recovery_id=self._request.recovery_id,
                finished=f"{self._world.now():%Y-%m-%dT%H:%M:%SZ}",
                seconds=round(seconds, 3),
                plain_size=manifest.plain_size,
                kept=self._plan.kept or "",
                kept_oid=self._plan.target.oid if self._plan.kept else 0,
            )
        )

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = self._world.now()
        yield
        self._loader.phases[name] = round((self._world.now() - began).total_seconds(), 3)

    def _outcome(self, usable: float, leftovers: list[str]) -> Outcome:
        plan, manifest, emergency_id = self._plan, self._plan.material.backup.manifest, self._emergency_id
        facts = {
            "restore": {
                "backup_id": manifest.backup_id,
                "component": manifest.component,
                "target": self._request.target,
                "strategy": self._request.strategy,
                "kept": plan.kept,
                "emergency_backup_id": emergency_id or None,
                "proved": proved(plan),
                "seconds_until_usable": round(usable, 3),
                "seconds": round((self._world.now() - self._began).total_seconds(), 3),
                "phases": dict(self._loader.phases),
                "dropped_leftovers": leftovers,
                "roles": plan.roles.facts(),
                "plain_size": manifest.plain_size,
            },
            "summary": (
                f"{manifest.backup_id} is restored as {self._request.target}, usable after "
                f"{units.human_duration(usable)}, {compared(plan)}"
                + (f"; the old one is {plan.kept}" if plan.kept else "")
                + (f"; the emergency backup of it is {emergency_id}." if emergency_id else ".")
            ),
        }
        return Outcome(
            changed=True,
            facts=facts,
            before=state_of(plan),
            after="\n".join(plan.lines()) + "\n",
            warnings=tuple(self._warnings),
        )

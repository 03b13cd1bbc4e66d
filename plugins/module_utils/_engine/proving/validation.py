# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: prove that a backup restores. It is restored into a scratch cluster, compared with its proof, asked the
user's questions, and dropped; or a database that was restored already is compared and asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import typing as t

from .. import repository
from ..catalogue import catalogue, marking, newer, readings
from ..catalogue.reread import RereadFiles
from ..errors import RecoveryError, UsageError
from ..model import Outcome
from ..postgres import halfmade, load, notes, proof, properties, scratch, target, unmade
from ..postgres.connection import Login, connect, execute, permit_views
from ..postgres.layout import counted
from ..progress import Progress, status_directory
from ..restores.plan import Material
from ..restores.watched import Watched
from ..termination import raised_on_sigterm
from . import checks, cluster, report, wording
from .wording import DATABASE

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ..model import World
    from ..postgres.differences import Difference
    from ..postgres.restorer import Tools

SCRATCH_DIRECTORY = "/var/lib/lifeboat-scratch"
CHECKER = "lifeboat_check"

ACCEPT = "A restore needs accept_failed (lifeboat_accept_failed) with this name, and goes without it"

IGNORED = frozenset({"subscription"})


@dataclasses.dataclass(frozen=True, slots=True)
class ValidateRequest:
    """
    Which backup to prove. With `target_db`, the database of that name at `login` is compared instead of a fresh one.

    `accept_failed` names objects without which the backup passes, as a restore takes it. A scratch cluster lasts for
    `timeout` seconds at most, unless they are 0.
    """

    repository: catalogue.RepositorySettings
    cluster: str
    database: str
    backup: str = "latest"
    login: Login | None = None
    target_db: str | None = None
    checks: tuple[checks.Check, ...] = ()
    scratch_dir: str = SCRATCH_DIRECTORY
    jobs: int = 2
    check_timeout: float = 60.0
    timeout: float = 86400.0
    accept_failed: tuple[str, ...] = ()


def validate(request: ValidateRequest, world: World) -> Outcome:
    """
    Prove the backup that `request` names.

    Raise ProofMismatch when anything differs or a check fails (`details["validation"]` has the whole result), Tampered
    when a stored byte is not as signed, NotFound when retention let the backup go meanwhile, DatabaseError or
    UsageError when it cannot be tried.
    """
    opened = catalogue.open_repository(request.repository, world)
    component = repository.component(request.cluster, request.database)
    chosen = newer.choose(opened, component, request.backup, world.now())
    with readings.announced(chosen.backup, "a validation", secrets.token_hex(8)) as reading:
        done = _vouched(validate_backup(request, world, chosen.backup), chosen.backup, world)
    return dataclasses.replace(done, warnings=(*chosen.notes, *reading.warnings, *done.warnings))


def validate_backup(request: ValidateRequest, world: World, backup: catalogue.Backup) -> Outcome:
    """Prove `backup`."""
    material = Material.of(backup)
    if world.dry_run:
        if not request.target_db:
            scratch.require(cluster.programs(material, world))
        where = f"database {request.target_db}" if request.target_db else "a scratch cluster"
        return Outcome(False, {"summary": f"Would compare {backup.manifest.backup_id} with its proof in {where}."})
    progress = Progress(
        status_directory(request.repository.state_dir, world), "validate", backup.manifest.component, world.now
    )
    run = _Run(request, world, material, progress)
    with raised_on_sigterm(), progress.running():
        if request.target_db:
            run.existing(request.target_db)
        else:
            run.fresh()
        return run.outcome()


def _vouched(done: Outcome, backup: catalogue.Backup, world: World) -> Outcome:
    """Mark the backup as restore-tested where the keys may; one that has no proof was compared with nothing."""
    if world.dry_run:
        return done
    result = done.facts["validation"]
    marked, problem = False, ""
    if result["proof"] != "none":
        marked, problem = marking.vouch(backup, f"restored, {result['mode']}, proof {result['proof']}", world)
    warnings = (*done.warnings, problem) if problem else done.warnings
    return dataclasses.replace(done, facts={**done.facts, "restore_tested_mark": marked}, warnings=warnings)


class _Run:
    """One validation and its findings."""

    def __init__(self, request: ValidateRequest, world: World, material: Material, progress: Progress) -> None:
        self._progress = progress
        self._request = request
        self._world = world
        self._material = material
        self._before = material.detail["proof"]
        self._phases: dict[str, float] = {}
        self._differences: list[Difference] = []
        self._notes: list[str] = []
        self._tables: list[dict[str, t.Any]] = []
        self._checks: list[dict[str, t.Any]] = []
        self._losses: tuple[unmade.Loss, ...] = ()
        self._replaced: frozenset[str] = frozenset()
        self._began: datetime = world.now()

    def existing(self, database: str) -> None:
        """Compare and ask a database that is there."""
        login = self._request.login
        if login is None:
            raise UsageError("A target_db needs a login.", "Give login_host and the like.", field="login_host")
        if self._request.checks:
            with contextlib.closing(connect(login, database, read_only=True)) as connection:
                checks.refuse_powers(connection, database)
        self._compare(login, database, whole=True)
        if self._request.checks:
            with contextlib.closing(connect(login, database, read_only=True)) as connection:
                self._ask(connection)

    def fresh(self) -> None:
        """Restore into a cluster that is gone afterwards; compare and ask there."""
        with self._scratch() as tools:
            self._restore(tools)
            self._remember()
            self._compare(tools.login, DATABASE, whole=False)
            self._finish(tools.login)

    def _remember(self) -> None:
        """Remember that every file was read, whatever the data turns out to be."""
        settings, record = self._request.repository, self._material.backup.manifest
        names = (file.name for file in record.files)
        RereadFiles(settings.state_dir, settings.place).add(record.application, names)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Tools]:
        """Give the tools that reach a cluster which is gone afterwards."""
        programs = cluster.programs(self._material, self._world)
        request = self._request
        with contextlib.ExitStack() as stack:
            with self._phase("scratch_start"):
                tools = stack.enter_context(
                    cluster.running(
                        programs,
                        self._material,
                        self._world,
                        parent=request.scratch_dir,
                        chance=secrets.randbits(32),
                        jobs=request.jobs,
                        limit=request.timeout,
                    )
                )
            yield tools

    def outcome(self) -> Outcome:
        """Give the result. Raise ProofMismatch when it is a failure."""
        manifest = self._material.backup.manifest
        return report.outcome(
            report.Findings(
                backup_id=manifest.backup_id,
                component=manifest.component,
                mode="existing" if self._request.target_db else "scratch",
                proof=self._before["level"],
                seconds=round((self._world.now() - self._began).total_seconds(), 3),
                phases=self._phases,
                tables=tuple(self._tables),
                checks=tuple(self._checks),
                differences=tuple(str(difference) for difference in self._differences[:100]),
                notes=tuple(self._notes),
            ),
            counted(self._material.detail),
        )

    def _restore(self, tools: Tools) -> None:
        material = self._material
        with cluster.prepared(tools, material, self._notes) as prepared:
            self._replaced = prepared.replaced
            source = Watched(material.backup, self._progress)
            with load.Loader(
                tools,
                source,
                material.layout,
                now=self._world.now,
                watcher=self._progress,
                owners=material.owners,
                accepted=self._request.accept_failed,
            ) as loader:
                target.check_extensions(prepared.session.connection, loader.entries)
                loaded = loader.load(DATABASE)
        self._phases |= loaded.phases
        self._losses = loaded.losses
        self._notes += [str(loss) for loss in loaded.losses if loss.accepted]
        self._differences += [
            proof.Difference(loss.name, "missing", f"it could not be made: {loss.reason}. {ACCEPT}")
            for loss in loaded.losses
            if not loss.accepted
        ]

    def _compare(self, login: Login, database: str, *, whole: bool) -> None:
        before = self._before
        if before["level"] == "none":
            self._notes.append("The backup has no proof: it restores, and nothing says that the data is right.")
            return
        with self._phase("proof"):
            partial = bool(before.get("partial"))
            after = proof.take(login, database, None, before["level"], like=before, partial=partial)
            found = proof.compare(before, after, ignored_kinds=() if whole else IGNORED)
            read_again = wording.read_again(found, after, self._material, self._empty_scratch) if whole else None
            found = proof.excuse(found, read_again)
            found = [difference for difference in found if not unmade.excuses(self._losses, difference)]
        self._differences += [difference for difference in found if not difference.note]
        self._notes += notes.told(found, self._before, after)
        self._tables = list(report.tables(before, after))

    @contextlib.contextmanager
    def _empty_scratch(self) -> Iterator[Tools]:
        with self._scratch() as tools, cluster.prepared(tools, self._material, self._notes):
            yield tools

    def _finish(self, login: Login) -> None:
        """Apply the database's own properties, compare them, and ask the user's questions as a role that reads."""
        with halfmade.manage(login) as session:
            recorded = self._material.detail["properties"]
            with self._phase("properties"):
                properties.apply(session.connection, properties.statements(dict(recorded), DATABASE, "final"))
            self._compare_properties(login)
            if not self._request.checks:
                return
            execute(session.connection, f"CREATE ROLE {CHECKER} LOGIN BYPASSRLS IN ROLE pg_read_all_data")
            execute(session.connection, f"GRANT CONNECT ON DATABASE {DATABASE} TO {CHECKER}")
            execute(session.connection, f"ALTER DATABASE {DATABASE} CONNECTION LIMIT -1")
        with contextlib.closing(connect(dataclasses.replace(login, user=CHECKER), DATABASE)) as connection:
            # In here the owners of views reach nothing but this copy.
            permit_views(connection)
            self._ask(connection)

    def _compare_properties(self, login: Login) -> None:
        before = self._before
        if before["level"] == "none" or before.get("partial"):
            return
        try:
            with contextlib.closing(connect(login, DATABASE, read_only=True)) as connection:
                after = properties.read(connection)
        except RecoveryError as exc:
            self._notes.append(f"With the database's own settings no session starts here: {exc.cause}")
            return
        # What a scratch cluster cannot have: the source's tablespaces, and a locale that this host lacks.
        apart = self._replaced | {"name", "collation_version", "tablespace"}
        self._differences += [
            proof.Difference(
                f"property {name} of the database", "property", f"it was {value!r} and is {after.get(name)!r}"
            )
            for name, value in before["properties"].items()
            if name not in apart and value != after.get(name)
        ]

    def _ask(self, connection: t.Any) -> None:
        with self._phase("checks"):
            timeout = self._request.check_timeout
            self._checks = [checks.run(connection, check, timeout=timeout) for check in self._request.checks]

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = self._world.now()
        self._progress.phase(name)
        yield
        self._phases[name] = round((self._world.now() - began).total_seconds(), 3)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a logical backup is proved: in a scratch cluster that is gone afterwards, or in a database that is there."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import typing as t

from ....ground.errors import RecoveryError
from ..base import EXISTING, SCRATCH, Comparison
from . import checks, plantings, properties, scratch, scratch_cluster, staging_database, target
from .connection import connect, execute, permit_views
from .database_place import NO_PROOF, DatabasePlace
from .differences import changed_properties
from .layout import KIND, BackupContents
from .load import Loader
from .wording import DATABASE

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ....ground.model import World
    from ..base import Answering, Planting, Run, Stored
    from .connection import Connection, Login
    from .failed_objects import Loss
    from .restorer import Tools

SCRATCH_DIRECTORY = "/var/lib/lifeboat-scratch"
CHECKER = "lifeboat_check"

IGNORED = frozenset({"subscription"})
"""Kinds of objects that no scratch cluster gets."""


@dataclasses.dataclass(frozen=True, slots=True)
class ScratchTrial:
    """
    A cluster below `directory`, which lasts for `timeout` seconds at most, unless they are 0.

    `accept_failed` names objects without which the backup passes, as a restore takes it.
    """

    directory: str = SCRATCH_DIRECTORY
    jobs: int = 2
    timeout: float = 86400.0
    accept_failed: tuple[str, ...] = ()

    mode: t.ClassVar[str] = SCRATCH
    where: t.ClassVar[str] = "a scratch cluster"
    reads_all: t.ClassVar[bool] = True
    kinds: t.ClassVar[frozenset[str]] = frozenset({KIND})

    def require(self, chain: Sequence[Stored], world: World) -> None:
        """Raise DatabaseError or UsageError where no scratch cluster can be made."""
        scratch.require(scratch_cluster.programs(BackupContents.of(chain[-1]), world))

    @contextlib.contextmanager
    def place(self, chain: Sequence[Stored], run: Run, *, asked: bool) -> Iterator[Answering]:  # noqa: ARG002 - here anybody may ask
        """Yield the backup, restored into a cluster that is gone afterwards."""
        contents = BackupContents.of(chain[-1])
        with self.tools(contents, run) as tools:
            with scratch_cluster.prepared(tools, contents) as prepared:
                lost = self._load(tools, contents, run, prepared.session)
            with contextlib.closing(_ScratchPlace(tools.login, contents, lost, run, prepared)) as place:
                yield place

    @contextlib.contextmanager
    def tools(self, contents: BackupContents, run: Run) -> Iterator[Tools]:
        """Yield the tools that reach a cluster which is gone afterwards."""
        programs = scratch_cluster.programs(contents, run.world)
        with contextlib.ExitStack() as stack:
            with run.phases("scratch_start"):
                running = scratch_cluster.running(
                    programs,
                    contents,
                    run.world,
                    parent=self.directory,
                    chance=secrets.randbits(32),
                    jobs=self.jobs,
                    limit=self.timeout,
                )
                tools = stack.enter_context(running)
            yield tools

    def _load(
        self, tools: Tools, contents: BackupContents, run: Run, session: staging_database.Session
    ) -> tuple[Loss, ...]:
        with Loader(tools, contents, run.phases, self.accept_failed) as loader:
            target.check_extensions(session.connection, loader.entries)
            return loader.load(DATABASE).losses


class _ScratchPlace(DatabasePlace):
    """The restored database with its own properties, and a role that reads for whoever asks."""

    def __init__(
        self, login: Login, contents: BackupContents, lost: tuple[Loss, ...], run: Run, made: scratch_cluster.Prepared
    ) -> None:
        super().__init__(login, DATABASE, contents, lost, ignored=IGNORED, phases=run.phases)
        self.warnings = (*made.notes, *self.warnings)
        self._replaced = made.replaced
        self._run = run
        self._planter: plantings.Planter | None = None

    def compare(self) -> Comparison:
        """Compare the database, then the properties that it gets last; with canaries in it, read what they are in."""
        if self._planter:
            self._proved = self._take(self._proved, self._planter.changed)
            self._planter.changed.clear()
            return self._compared(self._proved)
        found = super().compare()
        with self._run.phases("properties"), staging_database.manage(self.login) as session:
            recorded = dict(self._backup.detail["properties"])
            properties.apply(session.connection, properties.statements(recorded, DATABASE, "final"))
            differences, notes = self._properties()
        return Comparison((*found.differences, *differences), (*found.notes, *notes), found.parts)

    def _properties(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        before = self._backup.detail["proof"]
        if before["level"] == "none" or before.get("partial"):
            return (), ()
        try:
            with contextlib.closing(connect(self.login, DATABASE, read_only=True)) as connection:
                after = properties.read(connection)
        except RecoveryError as exc:
            return (), (f"With the database's own settings, no session can be opened on this host: {exc.cause}",)
        return tuple(map(str, changed_properties(before["properties"], after, self._replaced))), ()

    def plantings(self) -> Iterator[Planting]:
        """Plant one fault after the other."""
        if self._proved is None:
            yield from plantings.none(NO_PROOF)
            return
        self._planter = plantings.Planter(self.login, DATABASE, self._source, self._proved)
        yield from self._planter.plantings()

    def _connect(self) -> Connection:
        """Open the session of a role that reads."""
        with staging_database.manage(self.login) as session:
            execute(session.connection, f"CREATE ROLE {CHECKER} LOGIN BYPASSRLS IN ROLE pg_read_all_data")
            execute(session.connection, f"GRANT CONNECT ON DATABASE {DATABASE} TO {CHECKER}")
            execute(session.connection, f"ALTER DATABASE {DATABASE} CONNECTION LIMIT -1")
        connection = connect(dataclasses.replace(self.login, user=CHECKER), DATABASE)
        # In here the owners of views reach nothing but this copy.
        permit_views(connection)
        return connection


@dataclasses.dataclass(frozen=True, slots=True)
class LivingTrial:
    """The database of that name at `login`, which was restored already; `scratch` is for what it words otherwise."""

    login: Login
    database: str
    scratch: ScratchTrial = dataclasses.field(default_factory=ScratchTrial)

    mode: t.ClassVar[str] = EXISTING
    reads_all: t.ClassVar[bool] = False
    kinds: t.ClassVar[frozenset[str]] = frozenset({KIND})

    @property
    def where(self) -> str:
        """The database."""
        return f"database {self.database}"

    def require(self, chain: Sequence[Stored], _world: World) -> None:
        """Open the backup: a database that is not there says so by itself."""
        BackupContents.of(chain[-1])

    @contextlib.contextmanager
    def place(self, chain: Sequence[Stored], run: Run, *, asked: bool) -> Iterator[Answering]:
        """Yield the database. Raise UsageError where it is asked by a login that may do more than read."""
        if asked:
            with contextlib.closing(connect(self.login, self.database, read_only=True)) as connection:
                checks.refuse_powers(connection, self.database)
        contents = BackupContents.of(chain[-1])
        told: list[str] = []

        @contextlib.contextmanager
        def empty() -> Iterator[Tools]:
            with self.scratch.tools(contents, run) as tools, scratch_cluster.prepared(tools, contents) as prepared:
                told.extend(prepared.notes)
                yield tools

        living = DatabasePlace(self.login, self.database, contents, empty=empty, phases=run.phases, told=told)
        with contextlib.closing(living) as place:
            yield place

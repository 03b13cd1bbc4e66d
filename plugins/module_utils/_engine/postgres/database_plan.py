# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A whole database back from its backup: beside the old one and swapped in, or in its place.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import typing as t

from ..components.target import Committed
from ..errors import DatabaseError, ProcessFailed
from ..units import human_size
from . import globals as roles
from . import halfmade, server, statistics, swap, target, unmade
from .connection import execute, rows
from .database_place import DatabasePlace
from .decision import Decision, decide, look
from .load import Loader
from .source import DatabaseSource

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..components.base import Place, Run
    from ..components.target import Reader
    from .contents import BackupContents
    from .restore_options import RestoreOptions


class DatabasePlan:
    """The plan of one restore, over the `session` that manages databases; `stack` closes what it opens."""

    selection = ""

    def __init__(
        self,
        session: halfmade.Session,
        wanted: RestoreOptions,
        contents: BackupContents,
        run: Run,
        stack: contextlib.ExitStack,
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._contents = contents
        self._run = run
        self._stack = stack
        self._decided: Decision | None = None
        self._loader: Loader | None = None
        self.dropped: list[str] = []
        self._told: tuple[str, ...] = ()
        self.destroyed = False

    @property
    def target(self) -> str:
        """The database's name."""
        return self._wanted.target

    @property
    def host(self) -> str:
        """The server's name."""
        return self._wanted.host

    @property
    def identity(self) -> int:
        """The oid of what is there, or 0."""
        return halfmade.exists(self._session, self.target)

    @property
    def beside(self) -> bool:
        """Whether the old database stays until the restored one is proved."""
        return not self._wanted.in_place

    @property
    def holds_data(self) -> bool:
        """Whether the target has anything that may be missed."""
        return self._decision.target.exists and self._decision.target.holds_data

    @property
    def before(self) -> str:
        """The target as it is."""
        found = self._decision.target
        return f"database {self.target}" + (f", {human_size(found.size)}" if found.exists else " does not exist")

    @property
    def lines(self) -> tuple[str, ...]:
        """What will be done."""
        return tuple(self._decision.lines())

    @property
    def facts(self) -> Mapping[str, t.Any]:
        """The same for machines."""
        return {**self._decision.facts(), "dropped_leftovers": self.dropped}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth knowing before."""
        return self._decision.warnings

    @property
    def _decision(self) -> Decision:
        if self._decided is None:
            self._decided = decide(self._session, self._wanted, self._contents, self._run.world)
        return self._decided

    def decide(self) -> None:
        """Look at everything and decide."""
        entries, owners, accepted = self._loading.entries, self._contents.owners, self._wanted.accept_failed
        target.check_extensions(self._session.connection, entries)
        info = server.inspect(self._session.connection)
        target.check_owners(entries, owners, self._decision.roles, accepted, info)

    def require_free(self) -> None:
        """Raise Busy when sessions stand in the way that may not be ended: now, and not after the whole load."""
        if self._decision.target.exists and not self._wanted.force_disconnect:
            swap.refuse_sessions(self._session, self.target)

    def emergency(self) -> DatabaseSource:
        """Return the target as something to back up."""
        wanted = self._wanted
        return DatabaseSource(wanted.login, wanted.cluster, self.target, jobs=wanted.jobs, allow_empty=True)

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Have the rights; with more of them more is seen, such as the room on the disk."""
        with self._run.rights() as lent:
            if lent:
                self._decided = None
                self._loading.use(self._decision.tools)
            yield

    @contextlib.contextmanager
    def filled(self, _emergency: Reader | None, /) -> Iterator[Place]:
        """Give a database that is filled; it is dropped when anything fails."""
        replaced = self._wanted.in_place and self._decision.target.exists
        if replaced:
            self._require_unchanged()
        for statement in self._decision.roles.statements:
            execute(self._session.connection, statement)
        if replaced:
            halfmade.drop(self._session, self.target, self._decision.target.oid)
            self.destroyed = True
        with self._making():
            loaded = self._loading.load(self._decision.temporary)
            unmade.require(loaded.losses)
            yield DatabasePlace(self._wanted.login, self._decision.temporary, self._contents, loaded.losses)

    def commit(self, _place: Place, /) -> Committed:
        """Put the filled database where the target is wanted."""
        decided = self._decision
        with self._run.phases("statistics_rough"):
            self._told = self._analyze(decided.temporary, statistics.ROUGH)
        # A rename keeps it; after the swap no failure may take back what is in use.
        identity = halfmade.exists(self._session, decided.temporary)
        with self._run.phases("swap"):
            swap.swap(
                self._session,
                restored=decided.temporary,
                target=self.target,
                kept=decided.kept,
                recorded=self._contents.detail["properties"],
                roles=roles.names(self._session.connection),
                force=self._wanted.force_disconnect,
            )
        return Committed(identity, decided.kept or "", decided.target.oid if decided.kept else 0)

    def settle(self) -> tuple[str, ...]:
        """Gather the planner's statistics, the useful before the exact."""
        return (*self._told, *self._analyze(self.target, statistics.BETTER), *self._analyze(self.target, None))

    @property
    def _loading(self) -> Loader:
        if self._loader is None:
            contents = self._contents
            self._loader = Loader(
                self._decision.tools,
                contents.backup,
                contents.layout,
                phases=self._run.phases,
                owners=contents.owners,
                accepted=self._wanted.accept_failed,
            )
            self._stack.enter_context(self._loader)
        return self._loader

    def _require_unchanged(self) -> None:
        """Raise Busy or DatabaseError when somebody came, or data came into a target that had none, meanwhile."""
        self.require_free()
        if not self._decision.target.holds_data and look(self._session, self.target).holds_data:
            raise DatabaseError(
                f"The database {self.target!r} held no data when this restore began, and holds some now.",
                "Nothing was touched. Find out who writes there, and run again.",
            )

    def _making(self) -> contextlib.AbstractContextManager[str]:
        backup_id, recovery_id = self._contents.backup.manifest.backup_id, self._run.recovery_id or "-"
        maker = f"{self.host} pid {os.getpid()} at {self._run.world.now():%Y-%m-%dT%H:%M:%SZ}"
        mark = halfmade.mark_of(backup_id, self.target, recovery_id, maker, secrets.token_hex(16))
        spaces = {name for (name,) in rows(self._session.connection, "SELECT spcname::text FROM pg_tablespace")}
        recorded = self._contents.detail["properties"]
        return halfmade.making(
            self._session, self._decision.temporary, recorded, mark, target=self.target, tablespaces=spaces
        )

    def _analyze(self, database: str, statistics_target: int | None) -> tuple[str, ...]:
        try:
            statistics.analyze(self._decision.tools, database, statistics_target)
        except ProcessFailed as exc:
            # Nothing of the data depends on it: the restore stands, and autovacuum will do it some day.
            return (f"ANALYZE failed: {exc.cause} Run vacuumdb --analyze-in-stages on {database}.",)
        return ()

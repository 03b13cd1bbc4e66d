# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole database back from its backup: beside the old one and swapped in, or in its place."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ....ground.errors import DatabaseError
from ....ground.units import human_size
from ..target import Committed
from . import failed_objects, server, sessions, staging_database, target
from .connection import execute, rows
from .database_place import DatabasePlace
from .decision import Decision, decide, inspect
from .restore_plan import RestorePlan
from .source import DatabaseSource

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..base import Place
    from ..target import Reader
    from .restorer import Tools


ROUGH = 1
BETTER = 10
"""Statistics targets of the first stages, as vacuumdb has them; the last one uses the server's own."""


class DatabasePlan(RestorePlan):
    """The plan of a restore of a whole database."""

    selection = ""
    _told: tuple[str, ...] = ()
    _has_rights = False

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

    @functools.cached_property
    def _decision(self) -> Decision:
        expects = self._run.lends and not self._has_rights
        return decide(self._session, self._wanted, self._contents, self._run.world, expects_rights=expects)

    @property
    def _tools(self) -> Tools:
        return self._decision.tools

    def decide(self) -> None:
        """Look at everything and decide."""
        entries, owners, accepted = self._loader.entries, self._contents.owners, self._wanted.accept_failed
        target.check_extensions(self._session.connection, entries)
        info = server.inspect(self._session.connection)
        target.check_owners(entries, owners, self._decision.roles, accepted, info)

    def require_free(self) -> None:
        """Raise Busy when sessions stand in the way that may not be ended: now, and not after the whole load."""
        if self._decision.target.exists and not self._wanted.force_disconnect:
            sessions.refuse(self._session.connection, self.target)

    def emergency(self) -> DatabaseSource:
        """Return the target as something to back up."""
        wanted = self._wanted
        return DatabaseSource(wanted.login, wanted.cluster, self.target, jobs=wanted.jobs, allow_empty=True)

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Have the rights; with more of them more is seen, such as the room on the disk."""
        with self._run.rights() as lent:
            if lent:
                self._has_rights = True
                del self._decision
                self._loader.use(self._tools)
            yield

    @contextlib.contextmanager
    def filled(self, _emergency: Reader | None, /) -> Iterator[Place]:
        """Yield a database that is filled; it is dropped when anything fails."""
        replaced = self._wanted.in_place and self._decision.target.exists
        if replaced:
            self._require_unchanged()
        for statement in self._decision.roles.statements:
            execute(self._session.connection, statement)
        if replaced:
            staging_database.drop(self._session, self.target, self._decision.target.oid)
            self.destroyed = True
        spaces = {name for (name,) in rows(self._session.connection, "SELECT spcname::text FROM pg_tablespace")}
        with self._making(self._decision.temporary, spaces):
            loaded = self._loader.load(self._decision.temporary)
            failed_objects.require(loaded.losses)
            yield DatabasePlace(self._wanted.login, self._decision.temporary, self._contents, loaded.losses)

    def commit(self, _place: Place, /) -> Committed:
        """Put the filled database where the target is wanted."""
        decided = self._decision
        with self._run.phases("statistics_rough"):
            self._told = self._analyze(decided.temporary, ROUGH)
        # A rename keeps it; after the swap no failure may take back what is in use.
        identity = staging_database.exists(self._session, decided.temporary)
        with self._run.phases("swap"):
            self._swap(decided.temporary, decided.kept, force=self._wanted.force_disconnect)
        return Committed(identity, decided.kept or "", decided.target.oid if decided.kept else 0)

    def settle(self) -> tuple[str, ...]:
        """Gather the planner's statistics, the useful before the exact."""
        with self._run.phases("statistics"):
            return (*self._told, *self._analyze(self.target, BETTER), *self._analyze(self.target))

    def _require_unchanged(self) -> None:
        """Raise Busy or DatabaseError when somebody came, or data came into a target that had none, meanwhile."""
        self.require_free()
        if not self._decision.target.holds_data and inspect(self._session, self.target).holds_data:
            raise DatabaseError(
                f"The database {self.target!r} was empty when this restore began, and now holds data.",
                "Nothing was changed. Find out who writes to it, and run again.",
            )

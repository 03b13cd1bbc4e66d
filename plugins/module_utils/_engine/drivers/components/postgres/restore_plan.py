# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What the restore of a whole database and that of chosen tables share: a database is made, filled, swapped in, analyzed.
"""

from __future__ import annotations

import abc
import functools
import os
import secrets
import typing as t

from ....ground import process
from ....ground.errors import ProcessFailed
from ....ground.model import Done, Outcome
from ..target import DROPPED
from . import restorer, roles, staging_database, swap
from .load import Loader

if t.TYPE_CHECKING:
    import contextlib
    from collections.abc import Collection

    from ..base import Run
    from .layout import BackupContents
    from .restore_options import RestoreOptions


class RestorePlan(abc.ABC):
    """The plan of one restore, over the `session` that manages databases; `stack` closes what it opens."""

    destroyed = False

    def __init__(
        self,
        session: staging_database.Session,
        wanted: RestoreOptions,
        contents: BackupContents,
        run: Run,
        stack: contextlib.ExitStack,
    ) -> None:
        self.host = wanted.host
        self._session = session
        self._wanted = wanted
        self._contents = contents
        self._run = run
        self._stack = stack
        self.dropped: list[str] = []

    @functools.cached_property
    def target(self) -> str:
        """The database's name."""
        return self._wanted.target

    @property
    def identity(self) -> int:
        """The oid of what is there, or 0."""
        return staging_database.exists(self._session, self.target)

    @property
    @abc.abstractmethod
    def _tools(self) -> restorer.Tools: ...

    @functools.cached_property
    def _loader(self) -> Loader:
        loader = Loader(self._tools, self._contents, self._run.phases, self._wanted.accept_failed)
        return self._stack.enter_context(loader)

    def drop_leftovers(self) -> None:
        """Drop what killed runs left of restores into the target; the history knows of it."""
        self.dropped = staging_database.drop_leftovers(self._session, self.target)
        for name in self.dropped:
            said = f"The staging database {name}, left by an interrupted restore into {self.target}, was dropped."
            facts = {"restore": {"target": name, "action": DROPPED}, "summary": said}
            about = {"component": self._contents.backup.manifest.component}
            self._run.world.record(Done("restore", Outcome(changed=True, facts=facts), about))

    def _making(self, database: str, tablespaces: Collection[str] | None) -> contextlib.AbstractContextManager[str]:
        """Make an empty database that is dropped when the block fails."""
        backup_id, recovery_id = self._contents.backup.manifest.backup_id, self._run.recovery_id or "-"
        maker = f"{self.host} pid {os.getpid()} at {self._run.world.now():%Y-%m-%dT%H:%M:%SZ}"
        mark = staging_database.mark_of(backup_id, self.target, recovery_id, maker, secrets.token_hex(16))
        recorded = self._contents.detail["properties"]
        return staging_database.making(
            self._session, database, recorded, mark, target=self.target, tablespaces=tablespaces
        )

    def _swap(self, restored: str, kept: str | None, *, force: bool) -> None:
        """Rename `restored` to the target's name, and what has that name to `kept`."""
        swap.swap(
            self._session,
            restored=restored,
            target=self.target,
            kept=kept,
            recorded=self._contents.detail["properties"],
            roles=roles.names(self._session.connection),
            force=force,
        )

    def _analyze(self, database: str, statistics_target: int | None = None) -> tuple[str, ...]:
        """Gather the planner's statistics, to a target or to what the tables ask for; return what went wrong."""
        tools, jobs = self._tools, f"--jobs={self._tools.jobs}"
        settings = [] if statistics_target is None else [f"default_statistics_target={statistics_target}"]
        program = [*tools.prefix, tools.programs.path("vacuumdb")]
        argv = [*program, "--no-password", "--quiet", "--analyze-only", jobs, restorer.target(database)]
        try:
            process.run(argv, env=tools.environment(database, settings=settings))
        except ProcessFailed as exc:
            # Nothing of the data depends on it: the restore stands, and autovacuum will do it some day.
            return (f"ANALYZE failed: {exc.cause} Run vacuumdb --analyze-in-stages on {database}.",)
        return ()

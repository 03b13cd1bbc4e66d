# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs restores of backups that lie in memory."""

from __future__ import annotations

import contextlib
import datetime
import os
import typing as t

import asked
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import properties
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.choice import Choice
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.restore import (
    RestoreRequest,
    restore_chain,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Done


class Restorer:
    """Runs restores of in-memory backups on one cluster."""

    def __init__(self, cluster: t.Any, state_dir: Path) -> None:
        self.cluster = cluster
        self.state_dir = state_dir
        self.emergencies: list[t.Any] = []
        self.recorded: list[Done] = []
        self._restores = 0

    def request(self, database: str, **values: t.Any) -> RestoreRequest:
        settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": str(self.state_dir)})())
        return asked.restore(
            repository=settings,
            cluster="main",
            database=database,
            host="db1",
            **{"login": self.cluster.login, "force_disconnect": True, **values},
        )

    def restore(self, backup: restore_fakes.Backup, database: str, *, dry_run: bool = False, **values: t.Any) -> t.Any:
        # A minute after the one before, as people do it: replaced databases are named by the second.
        self._restores += 1
        later = datetime.timedelta(minutes=self._restores)
        world = restore_fakes.world(
            dry_run=dry_run, environ=self.cluster.environ, later=later, record=self.recorded.append
        )
        request = self.request(database, **values)
        request.check()
        return restore_chain(request, world, self._chosen(backup), self._back_up)

    def _chosen(self, backup: restore_fakes.Backup) -> Choice:
        emergency = restore_fakes.Backup(restore_fakes.Record(backup_id="backup-emergency"), {}, {}, {})
        return Choice((t.cast("t.Any", backup),), lambda _component, _backup_id: t.cast("t.Any", emergency))

    def _back_up(self, request: t.Any, world: t.Any) -> t.Any:
        self.emergencies.append(request)
        return type("Outcome", (), {"facts": {"backup": {"backup_id": "backup-emergency"}}})()

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[t.Any, ...]]:
        """Run SQL with the search path that an application has. Return the first statement's rows."""
        with contextlib.closing(self.cluster.connect(database)) as connection:
            connection.execute("SET search_path = public")
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def properties(self) -> dict[str, t.Any]:
        """What a database without anything special is recorded as."""
        with contextlib.closing(self.cluster.connect("postgres")) as session:
            return properties.read(session)

    def databases(self) -> set[str]:
        return {name for (name,) in self.cluster.execute("SELECT datname::text FROM pg_database")}


def validated(backup: restore_fakes.Backup, *, environ: dict[str, str] | None = None, **values: t.Any) -> t.Any:
    """Return the outcome of a validation of `backup`, which lies in memory."""
    settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
    request = asked.validation(repository=settings, cluster="main", database="shop", **values)
    world = restore_fakes.world(environ=environ or {"PATH": os.environ["PATH"]})
    return validation.validate_chain(request, world, [t.cast("t.Any", backup)])

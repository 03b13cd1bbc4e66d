# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that was recovered within walls: what tells that it is whole, and answers to whoever asks it."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import typing as t

from ...drivers.components.base import Comparison
from ...drivers.components.postgres import amcheck, checks, server_proof
from ...drivers.components.postgres.connection import connect, execute, permit_views, quote_identifier
from ...ground.errors import RecoveryError
from ...ground.units import human_count, human_list
from ...records.wal.bases import range_of
from . import planted

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.components.base import Check, Planting, Run
    from ...drivers.components.postgres.connection import Connection
    from ...drivers.components.postgres.walled_server import WalledServer
    from .recovered import Extent, Recovered

VERDICT = "is damaged"
NO_CHECKSUMS = "The server has no data checksums, so a page that changed on its disk may be found by nobody."


class ProvedPlace:
    """The copy that runs as `server` within its walls; `unasked` is said of questions that were left out."""

    def __init__(
        self, server: WalledServer, done: Recovered, extent: Extent, unasked: tuple[str, ...], run: Run
    ) -> None:
        self._extent = extent
        self._unasked = unasked
        self._server = server
        self._done = done
        self._run = run
        # No role that was backed up has that name.
        self._asking = f"lifeboat_check_{secrets.token_hex(8)}"
        self._sessions: dict[str, Connection] = {}
        self._opened = contextlib.ExitStack()
        self._databases, self._notes = server_proof.databases(server)
        self._planted: planted.Planted | None = None

    @property
    def contents(self) -> str:
        """What is there if all is right."""
        return f"the files of {human_count(len(self._databases), 'database')}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out."""
        return (*self._done.plan.warnings, *self._unasked, *self._notes)

    def compare(self) -> Comparison:
        """Look at all of it; with canaries in it, at what they are in."""
        if self._planted is not None:
            return Comparison(self._planted.found(), verdict=VERDICT)
        run, server, done = self._run, self._server, self._done
        with run.phases("connect"):
            differences = list(server_proof.refused(server.login, self._databases))
        notes = []
        with run.phases("amcheck"):
            found = amcheck.check(server, ["--all"], jobs=self._extent.jobs, budget=self._extent.budget)
            differences += found.damage
            notes += [found.left] if found.left else []
        if server_proof.has_checksums(server):
            differences += server_proof.checksum_failures(server)
        else:
            notes.append(NO_CHECKSUMS)
        stop, record = range_of(done.backup).stop, done.backup.manifest
        try:
            beat = server.heartbeat()
        except RecoveryError as exc:
            notes.append(f"The heartbeat cannot be read: {exc.cause}")
        else:
            reached = done.reached
            differences += server_proof.behind(
                beat, stop=stop, finished=record.finished, reached=reached.position, last=reached.last_end
            )
        return Comparison(tuple(differences), tuple(notes), verdict=VERDICT, recovered=done.facts)

    def ask(self, check: Check, timeout: float) -> dict[str, t.Any]:
        """Answer one question, in the database that it names."""
        try:
            connection = self._session(check.part)
        except RecoveryError as exc:
            return {"name": check.name, "wanted": None, "passed": False, "found": None, "error": exc.cause}
        return checks.run(connection, check, timeout=timeout)

    def plantings(self) -> Iterator[Planting]:
        """Plant one fault after the other."""
        self._planted = planted.Planted(self._server, self._done, self._extent, self._databases)
        yield from self._planted.plantings(self._run.world.sleep)

    def close(self) -> None:
        """End the sessions that were asked."""
        self._opened.close()

    def _session(self, database: str) -> Connection:
        """Return the session in a database of a role that reads, and may do nothing else."""
        if database not in self._sessions:
            if database not in self._databases:
                raise RecoveryError(
                    f"The backup has no database {database!r} that takes sessions. It has "
                    f"{human_list(self._databases, 10)}."
                )
            name = quote_identifier(database)
            with contextlib.closing(connect(self._server.login, database)) as session:
                if not self._sessions:
                    execute(session, f"CREATE ROLE {self._asking} LOGIN BYPASSRLS IN ROLE pg_read_all_data")
                execute(session, f"GRANT CONNECT ON DATABASE {name} TO {self._asking}")
                execute(session, f"ALTER DATABASE {name} CONNECTION LIMIT -1")
            login = dataclasses.replace(self._server.login, user=self._asking)
            connection = self._opened.enter_context(contextlib.closing(connect(login, database)))
            # In here the owners of views reach nothing but this copy.
            permit_views(connection)
            self._sessions[database] = connection
        return self._sessions[database]

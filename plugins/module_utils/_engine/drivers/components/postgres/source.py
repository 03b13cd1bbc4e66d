# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A database as something to back up: looked at, then dumped from one snapshot, with the proof taken beside.

Members are dumped by several pg_dump at once against one snapshot, each straight into the store. When a child waits
for a lock behind somebody who waits for ours, or when something was renamed under a reader, everything is given back
and a whole new attempt begins.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
import typing as t

from ....ground.errors import Busy, DatabaseError, ProcessFailed, UsageError, require_one_of
from ....ground.streams import counted
from ....ground.units import human_size
from ....ground.verbs import PROOFS
from ....ground.workers import WorkerPool
from ..base import WHOLE_CLUSTER
from ..source import Captured, Preview
from . import (
    accepted,
    capacity,
    connection,
    dump,
    grants,
    layout,
    locks,
    members,
    omissions,
    proof,
    roles,
    server,
    server_record,
    snapshot,
)
from .detail import describe

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ....ground.model import World
    from ..source import Known, Sink


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseSource:
    """
    A database at `login`, whole or chosen `schemas` and `tables` of it; `database` is the option of that name.

    `proof_time_budget` is in seconds, and so is `lock_timeout`, for each wait for a lock.
    """

    login: connection.Login
    cluster: str
    database: str
    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    jobs: int = 2
    proof: str = "counts"
    proof_time_budget: float | None = None
    allow_empty: bool = False
    accept_warnings: tuple[str, ...] = ()
    lock_timeout: float = 10.0

    own_facts: t.ClassVar[tuple[str, ...]] = ("tables", "rows")

    @property
    def name(self) -> tuple[str, str]:
        """The cluster and the database."""
        return self.cluster, connection.check_name(self.database, "login_db")

    @property
    def kind(self) -> str:
        """The kind of its backups."""
        return layout.KIND

    @property
    def scope(self) -> members.Scope:
        """What of the database is meant."""
        return members.Scope.of(self.schemas, self.tables)

    def check(self) -> None:
        """Raise UsageError for values that cannot be meant, before anything is touched."""
        if self.database == WHOLE_CLUSTER:
            said = f"The name {WHOLE_CLUSTER} stands for all files of a server in the store."
            raise UsageError(said, "Rename that database to back it up.", field="login_db")
        require_one_of("proof", self.proof, PROOFS)
        if not 1 <= self.jobs <= 64:
            raise UsageError(f"{self.jobs} jobs is out of range.", "Set jobs to a value from 1 to 64.", field="jobs")
        if self.lock_timeout <= 0:
            raise UsageError("The lock_timeout is not positive.", "Set a duration such as 10s.", field="lock_timeout")
        accepted.check(self.accept_warnings)

    def preview(self, _known: Known, world: World, /) -> Preview:
        """
        Return the members that a dump would have.

        Raise DatabaseError when the server, its programs or the role's rights do not allow a correct dump.
        """
        scope = self.scope
        with contextlib.closing(connection.connect(self.login, self.database, read_only=True)) as session:
            programs = server.programs(server.inspect(session).major, environ=world.environ)
            tables = members.select(session, snapshot.read_tables(session), scope)
            needed = self.jobs + capacity.BESIDE - 1  # this session is over when they begin
            found = [*grants.preflight(session, programs, sessions=needed), *locks.findings(session, tables)]
            findings = grants.require(found, self.accept_warnings)
            lost = () if scope.partial else omissions.read(session)
        if not self.allow_empty and not any(table.kind in "rpf" for table in tables):
            raise DatabaseError(
                f"The database {self.database!r} has no tables, so its backup would be empty.",
                "Correct login_db, or set allow_empty: true.",
                database=self.database,
            )
        planned = members.plan(tables, jobs=self.jobs, scope=scope)
        return Preview(
            how=f"proof {self.proof}",
            lines=tuple(map(_line, planned)),
            members=len(planned),
            estimate=sum(member.estimate for member in planned),
            facts={"tables": sum(len(member.tables) for member in planned)},
            warnings=(*(str(finding) for finding in findings), *lost),
        )

    def capture(self, _known: Known, sink: Sink, world: World, /) -> Captured:
        """
        Dump and store, all of one snapshot.

        Raise Busy when it met a lock conflict or a rename; DatabaseError, StoreError as they come.
        """
        with contextlib.ExitStack() as stack:
            with sink.phases("snapshot"):
                held = stack.enter_context(self._hold(world))
            return _Dump(self, sink, world, held).captured()

    def _hold(self, world: World) -> contextlib.AbstractContextManager[snapshot.Held]:
        return snapshot.hold(
            self.login,
            self.database,
            sleep=world.sleep,
            lock_timeout_ms=int(self.lock_timeout * 1000),
            choose=lambda session, tables: members.select(session, tables, self.scope),
        )


def _line(member: members.Member) -> str:
    tables = ", ".join(table.label for table in member.tables) if member.role == "table" else member.role
    return f"member {member.number:04d}: {tables}, about {human_size(member.estimate)} of data"


class _Dump:
    """One attempt against a held snapshot."""

    def __init__(self, source: DatabaseSource, sink: Sink, world: World, held: snapshot.Held) -> None:
        self._source = source
        self._sink = sink
        self._world = world
        self._held = held
        self._programs = server.programs(held.server.major, environ=world.environ)
        self._pool = WorkerPool(source.jobs + 1)
        self._slots = threading.BoundedSemaphore(source.jobs)
        self._usual = dump.server_warnings(held.connection)
        self._warnings: list[str] = []
        self._proof: dict[str, t.Any] = {}

    def captured(self) -> Captured:
        source, sink, held = self._source, self._sink, self._held
        planned = members.plan(held.tables, jobs=source.jobs, scope=source.scope)
        with sink.phases("dump"), _names_kept(held):
            self._dump(planned)
        with sink.phases("records"):
            detail = describe(
                held,
                planned,
                self._proof,
                login=source.login,
                database=source.database,
                compression=sink.compression,
                losses=source.scope.losses,
            )
            sink.record("globals", self._globals())
            self._keep({**detail, "phase_milliseconds": sink.phases.milliseconds})
            self._warnings += _there_and_back(held.assure(), sink.attempt)
        tables, rows = layout.counted(detail)
        return Captured(
            scope="partial" if source.scope.partial else "full",
            proof=source.proof,
            versions={"server": held.server.version, "pg_dump": self._programs.version},
            figures=layout.figures(detail),
            facts={"tables": tables, "rows": rows},
            said=f"proof {source.proof} of {tables} tables" + ("" if rows is None else f" and {rows:,} rows"),
            warnings=tuple(dict.fromkeys(self._warnings)),
        )

    def _dump(self, planned: Sequence[members.Member]) -> None:
        """Dump all members, the largest first, and take the proof beside them; no member takes over its thread."""
        self._sink.progress.plan({f"{member.number:04d}": member.estimate for member in planned})
        self._pool.add(sum(member.estimate for member in planned) + 1, self._prove)
        for member in planned:
            self._pool.add(member.estimate, functools.partial(self._in_a_slot, member))
        self._pool.run()

    def _prove(self) -> None:
        source, held = self._source, self._held
        with contextlib.ExitStack() as stack:

            def connected(session: connection.Connection) -> None:
                end = functools.partial(_end_session, held, session.info.backend_pid)
                stack.enter_context(self._pool.ended_by(end))

            self._proof = proof.take(
                source.login,
                source.database,
                held.snapshot_id,
                source.proof,
                held.tables,
                sequences=held.sequences,
                budget_seconds=source.proof_time_budget,
                clock=lambda: self._world.now().timestamp(),
                partial=source.scope.partial,
                connected=connected,
            )

    def _in_a_slot(self, member: members.Member) -> None:
        with self._slots:
            self._pool.check()
            self._dump_member(member)

    def _dump_member(self, member: members.Member) -> None:
        """Dump and store one member; keep the warnings that fail nothing."""
        source, environ = self._source, self._world.environ
        argv, environment = dump.command(
            self._programs, member, self._held, source.login, source.database, environ=environ
        )
        shown = self._sink.progress.member(f"{member.number:04d}")
        with dump.start(argv, environment) as child:
            try:
                self._sink.member(member.number, counted(self._pool.guarded(child), shown.note))
            except ProcessFailed as exc:
                raise dump.explain(exc, source.database) from exc
            dump.require_accepted(child, (*source.accept_warnings, *self._usual))
        self._warnings += dump.told_warnings(child.stderr, source.accept_warnings)
        shown.finish()

    def _keep(self, detail: dict[str, t.Any]) -> None:
        try:
            self._sink.record("detail", detail)
        except UsageError as exc:
            remedy = "Back up fewer tables at once, with schemas or tables."
            raise UsageError(exc.cause, remedy, field="tables") from exc

    def _globals(self) -> dict[str, t.Any]:
        source, record = self._source, roles.read(self._held.connection)
        sql = roles.written(self._programs, source.login, source.database, record, environ=self._world.environ)
        of_server = server_record.read(source.login, self._held.connection)
        if of_server["missing"]:
            self._warnings.append(server_record.caution(of_server["missing"]))
        return {**record, "sql": sql, "server": of_server}


def _end_session(held: snapshot.Held, pid: int) -> None:
    """End the session that reads for the proof: its query may have an hour to go when a dump has failed."""
    with contextlib.suppress(DatabaseError, Busy):
        connection.one(held.connection, "SELECT pg_catalog.pg_terminate_backend(%s)", [pid])


def _there_and_back(schemas: Sequence[str], number: int) -> tuple[str, ...]:
    """Return a warning about schemas that may have been exchanged for a moment. Raise Busy at the first attempt."""
    if not schemas:
        return ()
    shown = ", ".join(schemas[:5]) + (" and others" if len(schemas) > 5 else "")
    cause = f"During the dump, a schema was renamed and renamed back, or a grant on it was repeated: {shown}."
    if number == 1:
        raise Busy(cause, "Back up when nothing is being renamed.")
    return (f"{cause} If it was renamed, tables may contain rows of another schema: validate the backup.",)


@contextlib.contextmanager
def _names_kept(held: snapshot.Held) -> Iterator[None]:
    """Raise Busy instead of a failure inside that came while things were renamed or dropped: a fresh attempt may do."""
    try:
        yield
    except DatabaseError:
        with contextlib.suppress(DatabaseError):
            held.assure(failed=True)
        raise

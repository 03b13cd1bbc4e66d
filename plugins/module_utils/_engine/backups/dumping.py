# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
From a held snapshot to stored files: the members, the proof and the records of one backup.

Members are dumped by several pg_dump at once against one snapshot, each straight into the store. When a child waits
for a lock behind somebody who waits for ours, or when something was renamed under a reader, everything is given back
and a whole new attempt begins.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import secrets
import threading
import typing as t

from .. import codec, process, repository
from ..errors import Busy, DatabaseError, ProcessFailed
from ..postgres import connection, dump, layout, members, proof, snapshot
from ..postgres import globals as roles
from ..streams import counted
from .detail import describe
from .storing import BackupFiles, Crew

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence

    from ..catalogue.manifest import File
    from ..crypto import lbx
    from ..model import World
    from ..postgres.server import Programs
    from ..progress import Progress
    from ..stores.base import Store


ATTEMPTS = 4
"""Whole dumps that are begun before a lock conflict or a rename is somebody else's problem."""

PAUSE = 2.0
"""Seconds before the second attempt; doubled for each further one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """Everything an attempt needs; see BackupRequest for the values."""

    store: Store
    application: str
    writer: lbx.Writer
    compression: codec.Codec
    login: connection.Login
    database: str
    scope: members.Scope
    programs: Programs
    jobs: int
    proof: str
    proof_time_budget: float | None
    accept_warnings: tuple[str, ...]
    lock_timeout_ms: int
    progress: Progress


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """What an attempt stored. `rows` is None without a proof; `phases` are milliseconds."""

    backup_id: str
    started: datetime.datetime
    finished: datetime.datetime
    files: tuple[File, ...]
    plain_size: int
    versions: dict[str, str]
    tables: int
    rows: int | None
    attempts: int
    phases: dict[str, int]
    detail: dict[str, t.Any]
    warnings: tuple[str, ...]
    discard: Callable[[], None]


def dump_database(job: Job, world: World) -> Made:
    """
    Dump and store, with a fresh snapshot and a fresh id for each attempt.

    Raise Busy when every attempt met a lock conflict or a rename; DatabaseError, StoreError as they come. What a failed
    attempt stored is removed as far as the store lets us.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(job, world, attempt)
        except Busy:
            if attempt == ATTEMPTS:
                raise
            world.sleep(PAUSE * 2 ** (attempt - 1))
    raise Busy("No attempt was made.")


class _Clock:
    """Milliseconds that each phase took."""

    def __init__(self, now: Callable[[], datetime.datetime]) -> None:
        self._now = now
        self.phases: dict[str, int] = {}

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = self._now()
        yield
        self.phases[name] = round((self._now() - began).total_seconds() * 1000)


def _attempt(job: Job, world: World, number: int) -> Made:
    started = world.now()
    identity = repository.backup_id(started, secrets.token_hex(8))
    files = BackupFiles(job.store, job.application, identity, job.writer, job.compression)
    try:
        return _fill(files, job, world, number, started)
    except BaseException:
        files.discard()
        raise


def _fill(files: BackupFiles, job: Job, world: World, number: int, started: datetime.datetime) -> Made:
    """Store everything that belongs to one attempt, all of one snapshot."""
    clock = _Clock(world.now)
    job.progress.phase("snapshot")
    with contextlib.ExitStack() as stack:
        with clock.phase("snapshot"):
            held = stack.enter_context(
                snapshot.hold(
                    job.login,
                    job.database,
                    sleep=world.sleep,
                    lock_timeout_ms=job.lock_timeout_ms,
                    choose=lambda session, tables: members.select(session, tables, job.scope),
                )
            )
        planned = members.plan(held.tables, jobs=job.jobs, scope=job.scope)
        with clock.phase("dump"), _names_kept(held):
            proved, told = _dump_members(job, world, held, planned, files)
        with clock.phase("records"):
            job.progress.phase("records")
            detail = describe(
                held,
                planned,
                proved,
                login=job.login,
                database=job.database,
                compression=str(job.compression),
                losses=job.scope.losses,
            )
            files.store_record("detail", {**detail, "phases": dict(clock.phases)})
            files.store_record("globals", _globals(job, world, held))
            told += _there_and_back(held.assure(), number)
    stored = files.files
    tables, rows = layout.counted(detail)
    return Made(
        backup_id=files.backup_id,
        started=started,
        finished=world.now(),
        files=stored,
        plain_size=sum(file.plain_size for file in stored),
        versions={"server": held.server.version, "pg_dump": job.programs.version},
        tables=tables,
        rows=rows,
        attempts=number,
        phases=clock.phases,
        detail=detail,
        warnings=told,
        discard=files.discard,
    )


def _there_and_back(schemas: Sequence[str], number: int) -> tuple[str, ...]:
    """Give a warning about schemas that may have been exchanged for a moment. Raise Busy at the first attempt."""
    if not schemas:
        return ()
    shown = ", ".join(schemas[:5]) + (" and others" if len(schemas) > 5 else "")
    cause = f"While this was dumped, a schema was renamed there and back, or granted what it had been already: {shown}."
    if number == 1:
        raise Busy(cause, "Back up when nothing is renamed.")
    return (f"{cause} If it was renamed, tables of that time may hold another schema's rows: validate the backup.",)


@contextlib.contextmanager
def _names_kept(held: snapshot.Held) -> Iterator[None]:
    """Raise Busy instead of a failure inside that came while things were renamed or dropped: a fresh attempt may do."""
    try:
        yield
    except DatabaseError:
        with contextlib.suppress(DatabaseError):
            held.assure(failed=True)
        raise


def _dump_members(
    job: Job, world: World, held: snapshot.Held, planned: Sequence[members.Member], files: BackupFiles
) -> tuple[dict[str, t.Any], tuple[str, ...]]:
    """Dump all members and take the proof beside them. Give the proof, and warnings that fail nothing."""
    crew = Crew(job.jobs + 1)
    seats = threading.BoundedSemaphore(job.jobs)
    proved: list[dict[str, t.Any]] = []
    told: list[str] = []
    usual = dump.server_warnings(held.connection)
    job.progress.plan({f"{member.number:04d}": member.estimate for member in planned})
    job.progress.phase("dump")
    # The largest first, so that nobody waits for one that began late. No member takes over the proof's thread.
    ordered = sorted(planned, key=lambda member: -member.estimate)

    def prove() -> None:
        with contextlib.ExitStack() as stack:

            def connected(session: connection.Connection) -> None:
                end = functools.partial(_end_session, held, session.info.backend_pid)
                stack.enter_context(crew.ended_by(end))

            proved.append(
                proof.take(
                    job.login,
                    job.database,
                    held.snapshot_id,
                    job.proof,
                    held.tables,
                    sequences=held.sequences,
                    budget_seconds=job.proof_time_budget,
                    clock=lambda: world.now().timestamp(),
                    partial=job.scope.partial,
                    connected=connected,
                )
            )

    def task(member: members.Member) -> Callable[[], None]:
        def dump_it() -> None:
            with seats:
                crew.check()
                told.extend(_dump_member(job, world, held, member, store=files, crew=crew, usual=usual))

        return dump_it

    try:
        crew.run([prove, *(task(member) for member in ordered)])
    finally:
        crew.close()
    return proved[0], tuple(dict.fromkeys(told))


def _end_session(held: snapshot.Held, pid: int) -> None:
    """End the session that reads for the proof: its query may have an hour to go when a dump has failed."""
    with contextlib.suppress(DatabaseError, Busy):
        connection.one(held.connection, "SELECT pg_catalog.pg_terminate_backend(%s)", [pid])


def _dump_member(
    job: Job,
    world: World,
    held: snapshot.Held,
    member: members.Member,
    *,
    store: BackupFiles,
    crew: Crew,
    usual: tuple[str, ...],
) -> list[str]:
    """Dump and store one member. Give the warnings that fail nothing; `usual` are what the server says to everybody."""
    argv, environment = dump.command(job.programs, member, held, job.login, job.database, environ=world.environ)
    shown = job.progress.member(f"{member.number:04d}")
    with process.Producer(argv, env=environment) as child:
        try:
            store.store_member(member.number, counted(crew.guarded(child), shown.note))
        except ProcessFailed as exc:
            raise dump.explain(exc, job.database) from exc
        if left_out := dump.unaccepted_warnings(child.stderr, (*job.accept_warnings, *usual)):
            raise DatabaseError(
                f"pg_dump warned: {left_out[0]}.",
                "Mend the cause, or accept it by name with accept_warnings if the loss is meant.",
                warnings=left_out,
                stderr=child.stderr,
            )
        told = dump.told_warnings(child.stderr, job.accept_warnings)
    shown.finish()
    return told


def _globals(job: Job, world: World, held: snapshot.Held) -> dict[str, t.Any]:
    record = roles.read(held.connection)
    return {**record, "sql": roles.written(job.programs, job.login, job.database, record, environ=world.environ)}

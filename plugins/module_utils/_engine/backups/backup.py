# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: one logical backup of a database, from a consistent snapshot into the store, nothing touching a disk.

The order keeps every promise: keys, store, server and rights are checked before anything is dumped; all members come
from one snapshot under locks; each file's end is stored only after its program exited well; the guards look at the
sizes; and the manifest, written last and create-only, is what makes the backup exist.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import typing as t

from .. import codec, repository, units
from ..anomalies import assessment, judging
from ..anomalies.statistics import Statistics
from ..catalogue import catalogue, choosing, manifest
from ..catalogue.receipts import Receipt
from ..crypto import seals
from ..errors import AccessDenied, DatabaseError, NotFound, StoreError, Unbelievable, UsageError
from ..model import Outcome
from ..postgres import connection, grants, locks, losses, members, server, snapshot
from ..printing import printable
from ..progress import Progress, status_directory
from . import dumping, sharing

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..crypto import lbx
    from ..model import World

PROOFS = ("none", "counts", "content")


@dataclasses.dataclass(frozen=True, slots=True)
class BackupRequest:
    """
    What to back up, and how.

    `max_age` and `proof_time_budget` are seconds, `min_bytes` counts plaintext, `max_shrink` is percent of the
    previous full backup's plaintext (0: off), `lock_timeout` is seconds for each wait for a lock.
    """

    repository: catalogue.RepositorySettings
    login: connection.Login
    cluster: str
    database: str
    max_age: float | None = None
    reason: str = "manual"
    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    jobs: int = 2
    compression: str = "zstd:3"
    proof: str = "counts"
    proof_time_budget: float | None = None
    min_bytes: int = 0
    max_shrink: int = 50
    accept_shrink: bool = False
    allow_empty: bool = False
    accept_warnings: tuple[str, ...] = ()
    lock_timeout: float = 10.0
    thresholds: judging.Thresholds = judging.DEFAULTS


def back_up(request: BackupRequest, world: World) -> Outcome:
    """
    Make a backup, or leave things as they are when the newest is younger than `max_age`.

    Raise UsageError on a bad value, KeyRefused or StoreError when the way into the store is not clear, DatabaseError
    when the server, its programs or the role's rights do not allow a correct dump or a guard refuses the result, Busy
    when the tables cannot be locked. In every such case no backup is listed that was not listed before.
    """
    compression = check(request)
    component = repository.component(request.cluster, connection.check_name(request.database, "login_db"))
    opened = catalogue.open_repository(request.repository, world)
    writer = opened.custody.writer(component, world.now())
    previous = _previous(opened, component)
    if previous and request.max_age is not None:
        age = (world.now() - datetime.datetime.fromisoformat(previous.finished)).total_seconds()
        if 0 <= age < request.max_age and request.reason != choosing.EMERGENCY:
            return _young_enough(previous, age)
    with contextlib.closing(connection.connect(request.login, request.database, read_only=True)) as session:
        programs = server.programs(server.inspect(session).major, environ=world.environ)
        scope = members.Scope.of(request.schemas, request.tables)
        tables = members.select(session, snapshot.read_tables(session), scope)
        needed = request.jobs + sharing.BESIDE - 1  # this session is over when they begin
        known = [*grants.preflight(session, programs, sessions=needed), *locks.findings(session, tables)]
        findings = grants.require(known, request.accept_warnings)
        lost = () if scope.partial else losses.read(session)
    warnings = (*(str(finding) for finding in findings), *lost)
    if not request.allow_empty and not any(table.kind in "rpf" for table in tables):
        raise DatabaseError(
            f"The database {request.database!r} has no tables, so its backup would be empty.",
            "Check login_db, or allow it with allow_empty.",
            database=request.database,
        )
    planned = members.plan(tables, jobs=request.jobs, scope=scope)
    if world.dry_run:
        return _planned(request, component, planned, warnings)
    progress = Progress(status_directory(request.repository.state_dir, world), "backup", component, world.now)
    job = dumping.Job(
        store=opened.store,
        application=opened.application,
        writer=writer,
        compression=compression,
        login=request.login,
        database=request.database,
        scope=scope,
        programs=programs,
        jobs=request.jobs,
        proof=request.proof,
        proof_time_budget=request.proof_time_budget,
        accept_warnings=request.accept_warnings,
        lock_timeout_ms=int(request.lock_timeout * 1000),
        progress=progress,
    )
    with progress.running():
        made = dumping.dump_database(job, world)
        try:
            _guard(request, made, previous)
            record = _manifest(opened, component, request, made, writer)
            envelope = _publish(opened, writer, record)
        except BaseException:
            if _surely_unlisted(opened, component, made.backup_id):
                made.discard()
            raise
    opened.receipts.add(_receipt(record, hashlib.sha256(envelope).hexdigest()))
    suspicions, trouble = assessment.note(
        Statistics(request.repository.state_dir, request.repository.place), record, made.detail, request.thresholds
    )
    return _made(record, made, (*warnings, *made.warnings, *trouble), suspicions)


def check(request: BackupRequest) -> codec.Codec:
    """Give the compression. Raise UsageError for values that cannot be meant, before anything is touched."""
    choices = {"reason": (request.reason, manifest.REASONS), "proof": (request.proof, PROOFS)}
    for field, (value, allowed) in choices.items():
        if value not in allowed:
            raise UsageError(f"The {field} {value!r} is unknown.", f"Give one of {', '.join(allowed)}.", field=field)
    if not 1 <= request.jobs <= 64:
        raise UsageError(f"{request.jobs} jobs are impossible.", "Give 1 to 64.", field="jobs")
    if not 0 <= request.max_shrink <= 100:
        raise UsageError(
            f"A shrink of {request.max_shrink} percent is impossible.", "Give 0 to 100.", field="max_shrink"
        )
    if request.lock_timeout <= 0:
        raise UsageError("The lock timeout is not positive.", "Give a time such as 10s.", field="lock_timeout")
    return codec.Codec.parse(request.compression)


def _previous(opened: catalogue.Repository, component: str) -> Receipt | None:
    """Give the newest full backup: the store's own word, or this host's memory where it may only write."""
    try:
        found = opened.find(component, "latest")
    except (NotFound, Unbelievable):
        return None  # where backups are hidden, one more is what helps
    except AccessDenied:
        return choosing.newest(opened.receipts.of(opened.application, component))
    return _receipt(found.manifest, found.manifest_sha256)


def _receipt(record: manifest.Manifest, digest: str) -> Receipt:
    return Receipt(
        application=record.application,
        component=record.component,
        backup_id=record.backup_id,
        manifest_sha256=digest,
        scope=record.scope,
        reason=record.reason,
        finished=record.finished.isoformat(),
        size=record.size,
        plain_size=record.plain_size,
    )


def _guard(request: BackupRequest, made: dumping.Made, previous: Receipt | None) -> None:
    """Refuse a result that is suspiciously small, before it becomes a backup."""
    size = made.plain_size
    if size < request.min_bytes:
        raise DatabaseError(
            f"The dump has only {units.human_size(size)}, less than min_bytes asks for.",
            "Look at the database before you lower min_bytes: nothing was listed as a backup.",
            plain_size=size,
        )
    full = not (request.schemas or request.tables)
    if previous is None or not full or request.accept_shrink or not request.max_shrink:
        return
    least = previous.plain_size * (100 - request.max_shrink) // 100
    if size < least:
        raise DatabaseError(
            f"The dump shrank from {units.human_size(previous.plain_size)} to {units.human_size(size)}, "
            f"by more than {request.max_shrink} percent.",
            "If that is right, run once with accept_shrink: true; nothing was listed as a backup.",
            plain_size=size,
            previous=previous.plain_size,
        )


def _manifest(
    opened: catalogue.Repository, component: str, request: BackupRequest, made: dumping.Made, writer: lbx.Writer
) -> manifest.Manifest:
    return manifest.Manifest(
        application=opened.application,
        backup_id=made.backup_id,
        component=component,
        kind="logical",
        scope="partial" if request.schemas or request.tables else "full",
        reason=request.reason,
        proof=request.proof,
        started=made.started,
        finished=made.finished,
        versions=made.versions,
        recipients=tuple(recipient.kid for recipient in writer.recipients),
        parents=(),
        files=made.files,
    )


def _publish(opened: catalogue.Repository, writer: lbx.Writer, record: manifest.Manifest) -> bytes:
    """Look at every file once more, then write the manifest. Return its envelope."""
    prefixes = [f"{record.application}/{part}/{record.backup_id}/" for part in ("data", "details")]
    # A host that may only write cannot list; each of its uploads was checked as it ended.
    with contextlib.suppress(AccessDenied):
        sizes = {info.name: info.size for prefix in prefixes for info in opened.store.list(prefix)}
        if problem := catalogue.missing_file(record, sizes):
            raise StoreError(problem, "Something removed it during the backup: find out what, and run again.")
    envelope = seals.seal_record("manifest", record.payload(), [writer.signer])
    opened.store.put_new(repository.manifest(record.application, record.component, record.backup_id), envelope)
    return envelope


def _surely_unlisted(opened: catalogue.Repository, component: str, backup_id: str) -> bool:
    """Whether no manifest lists the files: its answer may be lost, and then they must stay."""
    try:
        opened.store.head(repository.manifest(opened.application, component, backup_id))
    except StoreError as exc:
        return isinstance(exc, NotFound)
    return False


def _young_enough(previous: Receipt, age: float) -> Outcome:
    said = f"{previous.backup_id} is {units.human_duration(age)} old, younger than max_age: nothing to do."
    return Outcome(changed=False, facts={"backup": dataclasses.asdict(previous), "summary": said})


def _planned(
    request: BackupRequest, component: str, planned: Sequence[members.Member], warnings: tuple[str, ...]
) -> Outcome:
    """Say what would be written, member by member, without dumping."""
    lines = [f"backup of {component} ({request.reason}), {request.compression}, proof {request.proof}"]
    for member in planned:
        tables = ", ".join(table.label for table in member.tables) if member.role == "table" else member.role
        lines.append(f"  member {member.number:04d}: {tables}, about {units.human_size(member.estimate)} of data")
    facts = {
        "backup": {
            "component": component,
            "members": len(planned),
            "tables": sum(len(member.tables) for member in planned),
            "estimate": sum(member.estimate for member in planned),
        },
        "summary": f"Would back up {component}: {len(planned)} members.",
    }
    return Outcome(changed=True, facts=facts, after="\n".join(map(printable, lines)) + "\n", warnings=warnings)


def _made(
    record: manifest.Manifest, made: dumping.Made, warnings: tuple[str, ...], suspicions: Sequence[str]
) -> Outcome:
    seconds = max(record.seconds, 0.001)
    proved = f"proof {record.proof} of {made.tables} tables"
    if made.rows is not None:
        proved += f" and {made.rows:,} rows"
    summary = (
        f"{record.backup_id} of {record.component}: {units.human_size(record.plain_size)} of data stored as "
        f"{units.human_size(record.size)} in {units.human_duration(seconds)} "
        f"({units.human_rate(record.plain_size / seconds)}), {proved}."
    )
    facts = {
        "backup": {
            "backup_id": record.backup_id,
            "component": record.component,
            "scope": record.scope,
            "reason": record.reason,
            "proof": record.proof,
            "started": record.started.isoformat(),
            "finished": record.finished.isoformat(),
            "seconds": record.seconds,
            "size": record.size,
            "plain_size": record.plain_size,
            "members": len(record.numbers),
            "tables": made.tables,
            "rows": made.rows,
            "attempts": made.attempts,
            "phases": made.phases,
            "suspicions": list(suspicions),
        },
        "summary": summary,
    }
    looked = tuple(f"{record.backup_id} of {record.component} is suspicious. {cause}" for cause in suspicions)
    return Outcome(changed=True, facts=facts, after=summary + "\n", warnings=(*warnings, *looked))

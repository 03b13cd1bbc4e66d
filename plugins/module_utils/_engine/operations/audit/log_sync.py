# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: bring a table in a database up to date with the audit log of this host, however long it was not reached.

The log decides and the table follows. What the table holds already is what the log is checked against, so that an
entry that was removed or rewritten on the host shows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ...drivers.components.postgres import log_table
from ...drivers.components.postgres.connection import connect, explained
from ...ground.errors import DatabaseError
from ...ground.model import Outcome
from ...ground.verbs import that
from ...records.audit.log import LARGEST, AuditLog, Entry, one_line
from ...records.repository import protection
from ...records.retention import forecast
from ...records.retention.planner import Candidate

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...drivers.components.postgres.connection import Connection, Login
    from ...ground.model import World
    from ...records.repository.marks import Word
    from ...records.retention.policy import Policy


@dataclasses.dataclass(frozen=True, slots=True)
class SyncRequest:
    """
    Which log goes into which table: the log of `host`. With an `application`, only its entries and those of none.

    With a `policy` of retention the rows of backups say how long each stays. Without `create` the table must be there
    in its last version.
    """

    state_dir: str
    login: Login
    database: str
    table: log_table.Table
    host: str
    application: str = ""
    create: bool = True
    policy: Policy | None = None


@dataclasses.dataclass(slots=True)
class _Done:
    """What a sync did, or would do."""

    statements: list[str]
    log: str
    there: bool
    rows: int = 0
    settled: int = 0
    last: tuple[int, str] | None = None
    contradictions: list[str] = dataclasses.field(default_factory=list)


def sync(request: SyncRequest, world: World) -> Outcome:
    """
    Make the table if needed, insert the entries that it lacks, and settle the rows of backups. One transaction.

    A broken chain is a warning: what is left of the log is still worth keeping. Raise DatabaseError when the server
    refuses, StoreError when the log cannot be read.
    """
    log = AuditLog(request.state_dir)
    with (
        contextlib.closing(connect(request.login, request.database, read_only=world.dry_run)) as session,
        explained(f"writing the history to {request.table.identifier}"),
        session.transaction(),
    ):
        done = _write(session, request, log, dry_run=world.dry_run)
        done.settled += _look_ahead(session, request, done, world)
    known = dict([done.last]) if done.last else {}
    problems = [*log.verify(known, sleep=world.sleep), *done.contradictions]
    return _report(request, done, problems, dry_run=world.dry_run)


def _write(session: Connection, request: SyncRequest, log: AuditLog, *, dry_run: bool) -> _Done:
    table = request.table
    if not dry_run:
        log_table.lock(session, table)
    log_table.refuse_owners(session, table)
    found = log_table.version(session, table)
    first = next(log.entries(), None)
    missing = log_table.missing(session, table, found)
    done = _Done(missing, first.hash if first else "", there=bool(found) or not dry_run)
    if done.statements and not request.create:
        raise DatabaseError(
            f"The table {table.identifier} does not exist in version {len(log_table.MIGRATIONS)}.",
            "Run once with create: true, as a role that may create it.",
            statements=done.statements,
        )
    if found:
        done.last = log_table.last(session, table, done.log)
    # An empty log has no name yet: an entry that is written at this moment comes with the next run.
    records = (_record(entry, done.log) for entry in _lacking(request, log, done.last)) if first else iter(())
    if dry_run:
        done.rows = sum(1 for _record in records)
    else:
        log_table.apply(session, done.statements)
        ids = log_table.insert(session, table, records)
        done.rows = len(ids)
        if ids:
            done.settled = log_table.settle(session, table, ids, _tests(session, table, ids))
    if done.there:
        done.contradictions = _contradictions(session, request, done.log)
    return done


def _tests(session: Connection, table: log_table.Table, ids: list[int]) -> Iterable[dict[str, t.Any]]:
    """Return the last word on each backup that was restored for a test, of those that new rows are about."""
    rows = log_table.about(session, table, ids, that("tests"))
    words: dict[tuple[str, str, str], Word] = protection.last_words(((*row[:3],), *row[3:]) for row in rows)
    return [
        {"application": of[0], "component": of[1], "backup_id": of[2], "at": word.at.isoformat(), "passed": word.passed}
        for of, word in words.items()
    ]


def _contradictions(session: Connection, request: SyncRequest, log: str) -> list[str]:
    """Return what the rows that are there say against this log, for as long as they are there."""
    name, found = request.table.identifier, []
    strangers = log_table.of_another_log(session, request.table, request.host, log)
    if strangers:
        found.append(
            f"The table {name} contains {strangers} rows of another log of host {request.host}: its log was removed or "
            "started anew, or two hosts have the same name."
        )
    twice = log_table.doubled(session, request.table, log)
    if twice is not None:
        found.append(
            f"The table {name} contains two entries with number {twice} of this log: it was truncated or rewritten, or "
            "the host was reset to an earlier state."
        )
    return found


def _look_ahead(session: Connection, request: SyncRequest, done: _Done, world: World) -> int:
    """Bring what the policy means for each backup up to date. Return how many rows change."""
    if request.policy is None or not done.there:
        return 0
    known = {
        (row[1], _candidate(row)): (row[0], row[9], row[10])
        for row in log_table.backups(session, request.table, done.log)
    }
    changes = []
    for application in {application for application, _one in known}:
        group = [one for of, one in known if of == application]
        for one, seen in forecast.forecast(group, request.policy, world.now()).items():
            identity, *before = known[application, one]
            if before != [seen.type, seen.expires]:
                end = seen.expires.isoformat() if seen.expires else None
                changes.append({"id": identity, "retention_type": seen.type, "retention_expires_at": end})
    if not world.dry_run:
        log_table.set_forecasts(session, request.table, changes)
    return len(changes)


def _candidate(row: tuple[t.Any, ...]) -> Candidate:
    """Return a backup as its log tells it: what the store alone knows of it, such as a pin, is not asked for here."""
    _id, _application, component, backup_id, at, scope, reason, size, tested_at, *_forecast = row
    return Candidate.of(
        protection.KnownBackup(component, backup_id, at, at, scope, reason, size, 0, restore_tested_at=tested_at)
    )


def _lacking(request: SyncRequest, log: AuditLog, last: tuple[int, str] | None) -> Iterator[Entry]:
    """Yield the entries after the last one in the table; all, when the log is not the one that the table knows."""
    lacking = log.entries(after_sequence=last[0] - 1) if last else log.entries()
    same = next(lacking, None) if last else None
    if last and (same is None or (same.sequence, same.hash) != last):
        lacking = log.entries()
    for entry in lacking:
        if not request.application or entry.application in {request.application, ""}:
            yield entry


def _record(entry: Entry, identity: str) -> dict[str, t.Any]:
    facts = {name: value for name, value in entry.facts.items() if not isinstance(value, int) or abs(value) <= LARGEST}
    texts = {
        "application": entry.application,
        "component": entry.component,
        "reason": entry.reason,
        "host": entry.host,
        "requested_by": entry.user,
        "os_user": str(facts.get("os_user", "")),
        "message": entry.message,
        "operation": entry.operation,
        "status": _status(entry),
    }
    return {
        **{name: one_line(text) for name, text in texts.items()},
        "backup_id": one_line(entry.backup_id) or None,
        "created_at": entry.at.isoformat(),
        "file_size": _size(facts.get("size")),
        "plain_size": _size(facts.get("plain_size")),
        "metadata": {
            one_line(name): one_line(value) if isinstance(value, str) else value for name, value in facts.items()
        },
        "duration_seconds": entry.seconds,
        "log": identity,
        "sequence": entry.sequence,
        "previous_hash": one_line(entry.previous),
        "entry_hash": entry.hash,
    }


def _status(entry: Entry) -> str:
    """Return `completed` for a backup that was made, `skipped` where one was young enough, and else the result."""
    if entry.operation not in that("makes") or entry.result != "ok":
        return entry.result
    return "completed" if entry.facts.get("changed", True) else "skipped"


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _report(request: SyncRequest, done: _Done, problems: list[str], *, dry_run: bool) -> Outcome:
    name = request.table.identifier
    warnings = [f"The audit log of this host cannot be trusted. {problem}" for problem in problems]
    verb = "would be" if dry_run else "were"
    summary = f"{done.rows} rows {verb} written to {name} in {request.database}"
    if done.statements:
        summary += ", which would be created" if dry_run else ", which was created"
    facts = {
        "rows": done.rows,
        "settled": done.settled,
        "table": name,
        "version": len(log_table.MIGRATIONS),
        "statements": done.statements,
        "problems": problems,
        "summary": f"{summary}.",
    }
    after = "".join(f"{statement};\n" for statement in done.statements)
    if done.rows:
        after += f"-- {done.rows} rows into {name}\n"
    return Outcome(bool(done.rows or done.settled or done.statements), facts, after=after, warnings=tuple(warnings))

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A staging database: a restore fills it under a temporary name, marked and locked, and drops it when it fails.

The mark is the database's comment, which a finished restore replaces by the real one; the lock is an advisory one on
the name, held in the maintenance database as long as the restore runs. Names and comments are what any database's
owner can write, so they prove nothing: this host drops only what it recorded in its own state directory when it created
it, while oid, name, mark and owner are still the same. Anything else that looks like ours is reported, and kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ....ground.errors import Busy, DatabaseError, RecoveryError
from . import properties
from .connection import NAME_BYTES, connect, connect_server, execute, one, quote_identifier, quote_literal, rows
from .encodings import raw_names, readable
from .server import system_identifier
from .staging_records import StagingRecord

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from .connection import Connection, Login
    from .staging_records import StagingRecords


CUT = 40
"""Bytes of the target's name that stay in the name of its staging database."""

MARK = "lifeboat restore of "

_LOCK = "lifeboat restore: "


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """
    A connection from which databases are managed. It holds the locks of this restore.

    Without `records` nothing is recorded, and no leftover is known.
    """

    connection: Connection
    login: Login
    records: StagingRecords | None = None

    def lock(self, name: str) -> bool:
        """Lock a database's name for this session. False when another restore holds it."""
        query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
        return bool(one(self.connection, query, [_lock_of(name)]))

    def unlock(self, name: str) -> None:
        """Release the lock of the name."""
        one(self.connection, "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [_lock_of(name)])


@contextlib.contextmanager
def manage(login: Login, records: StagingRecords | None = None) -> Iterator[Session]:
    """
    Open the session that manages databases. Raise DatabaseError when there is no way in.

    Its locks are free at its end; the server notices only some time after it that a connection is closed.
    """
    with contextlib.closing(connect_server(login)) as connection, raw_names(connection):
        try:
            yield Session(connection, login, records)
        finally:
            with contextlib.suppress(RecoveryError):
                one(connection, "SELECT pg_advisory_unlock_all()")


def _lock_of(name: str) -> str:
    return readable(_LOCK + name)


def cut(name: str, limit: int) -> str:
    """Return as much of `name` as fits `limit` bytes of UTF-8, whole characters only."""
    return name.encode("utf-8", "surrogateescape")[:limit].decode("utf-8", "ignore")


def temporary_name(target: str, token: str) -> str:
    """Return the name of a staging database of `target`; `token` is 8 random hex digits."""
    return f"{cut(target, CUT)}_lifeboat_{token}"


def kept_name(target: str, stamp: str) -> str:
    """Return the name under which the replaced database is kept; `stamp` is a time such as 20261121_020000."""
    suffix = f"_before_{stamp}"
    return cut(target, NAME_BYTES - len(suffix)) + suffix


def mark_of(backup_id: str, target: str, recovery_id: str, maker: str, token: str) -> str:
    """Return the comment that says which restore a staging database is of; `token` is random, so each differs."""
    return f"{MARK}{backup_id} into {target} recovery_id={recovery_id} by {maker} token={token}"


def drop_leftovers(session: Session, target: str) -> list[str]:
    """Drop what killed runs of this host left of restores into `target`, and return the names."""
    dropped: list[str] = []
    for record in _unfinished(session):
        if record.target != target or not session.lock(record.name):
            continue
        try:
            discard(session, record.name, record.oid)
        finally:
            session.unlock(record.name)
        _end(session, record)
        dropped.append(record.name)
    return dropped


def left(session: Session) -> dict[str, bool]:
    """
    Return the staging databases that no restore works on, by name: whether this host created each.

    Those that it did not create, or has no record of, are for people to look at.
    """
    named = {name for _oid, name, _owner, _comment in rows(session.connection, _DATABASES) if _NAMED.search(name)}
    ours = {record.name for record in _unfinished(session)}
    found: dict[str, bool] = {}
    for name in sorted(named | ours):
        if session.lock(name):
            session.unlock(name)
            found[name] = name in ours
    return found


def unknown_leftovers(session: Session, target: str) -> list[str]:
    """Return a warning for each database that looks like a leftover of a restore into `target` and has no record."""
    beginning = cut(target, CUT)
    return [
        f"The database {name!r} looks like a leftover of an interrupted restore, but this host has no record of it, so "
        f"it is kept. If it is one, run: DROP DATABASE {quote_identifier(name)}"
        for name, ours in left(session).items()
        if not ours and _NAMED.sub("", name) == beginning
    ]


def is_unfinished(session: Session, name: str) -> bool:
    """Whether database `name` is a staging database of this host that no restore finished."""
    return any(record.name == name for record in _unfinished(session))


def _unfinished(session: Session) -> list[StagingRecord]:
    """Return the unfinished records whose database exists, and is still as it was created."""
    if session.records is None:
        return []
    server = system_identifier(session.connection)
    there = {int(oid): (name, owner, comment) for oid, name, owner, comment in rows(session.connection, _DATABASES)}
    return [
        record
        for record in session.records.unfinished()
        if record.system_identifier == server and there.get(record.oid) == (record.name, record.owner, record.mark)
    ]


@contextlib.contextmanager
def making(
    session: Session,
    name: str,
    recorded: Mapping[str, t.Any],
    mark: str,
    *,
    target: str,
    tablespaces: Collection[str] | None = None,
) -> Iterator[str]:
    """
    Create database `name` with the recorded properties that can only be given at creation, closed to others.

    Inside the block it is marked and locked, and this host has a record to drop it; when the block fails it is
    dropped. Raise Busy when another restore works under this name.
    """
    if not session.lock(name):
        raise Busy(f"Another restore is filling database {name!r}.", "Wait for it to finish.", database=name)
    try:
        create, *closing = properties.statements(dict(recorded), name, "create", tablespaces=tablespaces)
        execute(session.connection, create)
        record: StagingRecord | None = None
        try:
            record = _noted(session, name, target, mark)
            execute(session.connection, f"COMMENT ON DATABASE {quote_identifier(name)} IS {quote_literal(mark)}")
            for statement in closing:
                execute(session.connection, statement)
            yield name
        except BaseException:
            if _dropped_after_failure(session, name, record) and record is not None:
                _end(session, record)
            raise
        _end(session, record)
    finally:
        with contextlib.suppress(RecoveryError):
            session.unlock(name)


def _noted(session: Session, name: str, target: str, mark: str) -> StagingRecord:
    oid, _name, owner, _comment = next(row for row in rows(session.connection, _DATABASES) if row[1] == name)
    record = StagingRecord(system_identifier(session.connection), int(oid), name, target, owner, mark)
    if session.records is not None:
        session.records.add(record)
    return record


def drop(session: Session, name: str, oid: int) -> None:
    """
    Drop database `name` and whatever is connected to it, if it is still the one of this `oid`; none is no error.

    Raise DatabaseError when another one has taken the name: an owner may rename databases at any moment.
    """
    with contextlib.ExitStack() as stack:
        # Nobody renames a database while somebody is connected to it; into a broken one there may be no way.
        with contextlib.suppress(RecoveryError):
            stack.enter_context(contextlib.closing(connect(session.login, name, read_only=True)))
        if exists(session, name) not in {oid, 0}:
            raise DatabaseError(
                f"The database {name!r} is not the one to drop: it was given that name in the meantime.",
                "Nothing was dropped. Find out who renames databases, and run again.",
                database=name,
            )
        execute(session.connection, f"DROP DATABASE IF EXISTS {quote_identifier(name)} WITH (FORCE)")


def discard(session: Session, name: str, oid: int) -> None:
    """
    Drop a database that a restore made and did not finish, its subscriptions first: they hold it.

    What they subscribed to is not asked: the slot over there belongs to the database that they were copied from.
    """
    if subscriptions := rows(session.connection, _SUBSCRIPTIONS, [name]):
        with contextlib.closing(connect(session.login, name)) as inside, raw_names(inside):
            for (subscription,) in subscriptions:
                quoted = quote_identifier(subscription)
                execute(inside, f"ALTER SUBSCRIPTION {quoted} DISABLE")
                execute(inside, f"ALTER SUBSCRIPTION {quoted} SET (slot_name = NONE)")
                execute(inside, f"DROP SUBSCRIPTION {quoted}")
    drop(session, name, oid)


def _end(session: Session, record: StagingRecord) -> None:
    """End it; one that cannot be ended leads to no database any more, since the mark is gone."""
    with contextlib.suppress(RecoveryError):
        if session.records is not None:
            session.records.end(record)


def _dropped_after_failure(session: Session, name: str, record: StagingRecord | None) -> bool:
    """Drop it, over a second connection when the first is what failed; what cannot be done now the next run does."""
    try:
        discard(session, name, record.oid if record else exists(session, name))
    except RecoveryError:
        try:
            with manage(session.login) as other:
                discard(other, name, record.oid if record else exists(other, name))
        except RecoveryError:
            return False
    return True


def exists(session: Session, name: str) -> int:
    """Return the oid of database `name`, or 0."""
    return int(one(session.connection, "SELECT oid::bigint FROM pg_database WHERE datname = %s", [name]) or 0)


def require_free_name(session: Session, name: str) -> None:
    """Raise DatabaseError when a database of this name exists."""
    if exists(session, name):
        raise DatabaseError(
            f"The database {name!r} exists already.", "Drop or rename it, and run again.", database=name
        )


_NAMED = re.compile(r"_lifeboat_[0-9a-f]{8}\Z")

_SUBSCRIPTIONS = """
SELECT s.subname::text FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = %s
"""

_DATABASES = """
SELECT d.oid::bigint, d.datname::text, pg_get_userbyid(d.datdba)::text,
       coalesce(shobj_description(d.oid, 'pg_database'), '')
  FROM pg_catalog.pg_database d
"""

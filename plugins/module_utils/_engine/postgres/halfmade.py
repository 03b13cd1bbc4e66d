# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A database that is being restored: made under a name of its own, marked, locked, and dropped when it fails.

The mark is the database's comment, which a finished restore replaces by the real one; the lock is an advisory one on
the name, held in the maintenance database as long as the restore runs. A marked database that nobody locks was left by
a run that was killed, and the next run drops it. Nothing else is ever dropped on the strength of its name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ..errors import Busy, DatabaseError, RecoveryError
from . import properties
from .connection import NAME_BYTES, connect_server, execute, one, quote_identifier, quote_literal, rows

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from .connection import Connection, Login

CUT = 40
"""Bytes of the target's name that stay in the name of its half-made copy."""

MARK = "lifeboat restore of "

_LOCK = "lifeboat restore: "


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """A connection from which databases are managed. It holds the locks of this restore."""

    connection: Connection
    login: Login

    def lock(self, name: str) -> bool:
        """Lock a database's name for this session. False when another restore holds it."""
        query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
        return bool(one(self.connection, query, [_LOCK + name]))

    def unlock(self, name: str) -> None:
        """Give the name free again."""
        one(self.connection, "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [_LOCK + name])


@contextlib.contextmanager
def manage(login: Login) -> Iterator[Session]:
    """Open the session that manages databases. Raise DatabaseError when there is no way in."""
    with contextlib.closing(connect_server(login)) as connection:
        yield Session(connection, login)


def cut(name: str, limit: int) -> str:
    """Give as much of `name` as fits `limit` bytes of UTF-8, whole characters only."""
    return name.encode()[:limit].decode("utf-8", "ignore")


def temporary_name(target: str, token: str) -> str:
    """Give the name of a half-made copy of `target`; `token` is 8 random hex digits."""
    return f"{cut(target, CUT)}_lifeboat_{token}"


def kept_name(target: str, stamp: str) -> str:
    """Give the name under which the replaced database is kept; `stamp` is a time such as 20261121T020000."""
    suffix = f"_before_{stamp}"
    return cut(target, NAME_BYTES - len(suffix)) + suffix


def mark_of(backup_id: str, target: str, recovery_id: str, maker: str) -> str:
    """Give the comment that tells whose a half-made database is."""
    return f"{MARK}{backup_id} into {target} recovery_id={recovery_id} by {maker}"


def drop_leftovers(session: Session, target: str) -> list[str]:
    """Drop what killed runs left of restores into `target`, and give the names."""
    dropped: list[str] = []
    pattern = re.compile(re.escape(cut(target, CUT)) + r"_lifeboat_[0-9a-f]{8}")
    for name, comment in rows(session.connection, _MARKED):
        ours = comment.startswith(MARK) and f" into {target} recovery_id=" in comment
        if not ours or not (pattern.fullmatch(name) or name == target):
            continue
        if session.lock(name):
            try:
                drop(session, name)
            finally:
                session.unlock(name)
            dropped.append(name)
    return dropped


def abandoned(session: Session) -> list[str]:
    """Give the databases that killed runs left half made, and drop none."""
    left: list[str] = []
    for name, comment in rows(session.connection, _MARKED):
        if comment.startswith(MARK) and session.lock(name):
            session.unlock(name)
            left.append(name)
    return left


@contextlib.contextmanager
def making(
    session: Session,
    name: str,
    recorded: Mapping[str, t.Any],
    mark: str,
    *,
    tablespaces: Collection[str] | None = None,
) -> Iterator[str]:
    """
    Create database `name` with the recorded properties that can only be given at creation, closed to others.

    Inside the block it is marked and locked; when the block fails it is dropped. Raise Busy when another restore
    works under this name.
    """
    if not session.lock(name):
        raise Busy(f"Another restore is filling database {name!r}.", "Wait for it to end.", database=name)
    try:
        create, *closing = properties.statements(dict(recorded), name, "create", tablespaces=tablespaces)
        execute(session.connection, create)
        try:
            execute(session.connection, f"COMMENT ON DATABASE {quote_identifier(name)} IS {quote_literal(mark)}")
            for statement in closing:
                execute(session.connection, statement)
            yield name
        except BaseException:
            _drop_after_failure(session, name)
            raise
    finally:
        with contextlib.suppress(RecoveryError):
            session.unlock(name)


def drop(session: Session, name: str) -> None:
    """Drop a database and whatever is connected to it."""
    execute(session.connection, f"DROP DATABASE IF EXISTS {quote_identifier(name)} WITH (FORCE)")


def _drop_after_failure(session: Session, name: str) -> None:
    """Drop it, over a second connection when the first is what failed; what cannot be done now the next run does."""
    try:
        drop(session, name)
    except RecoveryError:
        with contextlib.suppress(RecoveryError), manage(session.login) as other:
            drop(other, name)


def is_half_made(session: Session, name: str) -> bool:
    """Whether database `name` carries the mark of an unfinished restore."""
    return any(found == name and comment.startswith(MARK) for found, comment in rows(session.connection, _MARKED))


def exists(session: Session, name: str) -> int:
    """Give the oid of database `name`, or 0."""
    return int(one(session.connection, "SELECT oid::bigint FROM pg_database WHERE datname = %s", [name]) or 0)


def require_free_name(session: Session, name: str) -> None:
    """Raise DatabaseError when a database of this name exists."""
    if exists(session, name):
        raise DatabaseError(
            f"The database {name!r} exists already.", "Drop or rename it, and run again.", database=name
        )


_MARKED = """
SELECT d.datname::text, coalesce(shobj_description(d.oid, 'pg_database'), '') FROM pg_catalog.pg_database d
"""

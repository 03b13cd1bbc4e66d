# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Puts a restored database in the place of the one it replaces: both renames, the properties and the grants in one
transaction. Either all of it is done or nothing is.

A rename needs a database without sessions. They are ended by a second connection while the first already holds the
lock on the name: clients that reconnect at once wait at that lock, and find the restored database behind it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

from ....ground.errors import Busy, RecoveryError
from . import properties
from .connection import connect_server, execute, explained, one, quote_identifier, rows
from .encodings import raw_names

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from .staging_database import Session

PAUSE = 0.1
"""Seconds between two rounds of ending sessions; the server looks ten times a second whether they are gone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sessions:
    """Who is connected to a database: how many sessions of each application (and user)."""

    counts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(count for _name, count in self.counts)

    def __str__(self) -> str:
        return ", ".join(f"{count} of {name}" for name, count in self.counts)


def sessions(session: Session, database: str) -> Sessions:
    """Say who is connected to `database`, autovacuum not counted: it gives way by itself."""
    return Sessions(tuple((name, int(count)) for name, count in rows(session.connection, _SESSIONS, [database])))


def refuse_sessions(session: Session, database: str) -> None:
    """Raise Busy when anybody is connected to `database`."""
    found = sessions(session, database)
    if found.total:
        raise Busy(
            f"The database {database!r} is in use: {found}.",
            "Stop these programs, or set force_disconnect: true to end their sessions.",
            sessions=dict(found.counts),
        )


def swap(
    session: Session,
    *,
    restored: str,
    target: str,
    kept: str | None,
    recorded: Mapping[str, t.Any],
    roles: Collection[str],
    force: bool,
) -> None:
    """
    Make `restored` the database `target`, with its recorded properties; the one that is there becomes `kept`.

    With `kept` None there is none. Raise Busy when sessions stay (only with `force` are they ended), DatabaseError
    when the server refuses; then everything is as before.
    """
    if kept is not None and not force:
        refuse_sessions(session, target)
    ending = [restored] if kept is None else [restored, *([target] if force else [])]
    with _ending(session, ending), explained("swapping the databases"), session.connection.transaction():
        # A server that crashes right after must come back with the swap that we are about to report.
        execute(session.connection, "SET LOCAL synchronous_commit = on")
        if kept is not None:
            _rename(session, target, kept)
        if restored != target:
            _rename(session, restored, target)
        properties.apply(session.connection, properties.statements(dict(recorded), target, "final", roles=roles))


def _rename(session: Session, old: str, new: str) -> None:
    statement = f"ALTER DATABASE {quote_identifier(old)} RENAME TO {quote_identifier(new)}"
    try:
        execute(session.connection, statement)
    except RecoveryError as exc:
        if exc.details.get("sqlstate") == "55006":
            raise Busy(
                f"The database {old!r} is in use, so nothing was replaced.",
                "Stop the programs that use it, or set force_disconnect: true to end their sessions.",
            ) from exc
        raise


@contextlib.contextmanager
def _ending(session: Session, databases: list[str]) -> Iterator[None]:
    """End the sessions of `databases`, again and again, as long as the block lasts."""
    done = threading.Event()
    with contextlib.closing(connect_server(session.login)) as other, raw_names(other):

        def end() -> None:
            # A role that may not end somebody's session leaves it, and the rename says so.
            with contextlib.suppress(RecoveryError):
                one(other, _END, [databases])
                while not done.wait(PAUSE):
                    one(other, _END, [databases])

        thread = threading.Thread(target=end, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


_SESSIONS = """
SELECT coalesce(nullif(application_name, ''), 'an unnamed program') || ' (' || coalesce(usename::text, '?') || ')',
       count(*)
  FROM pg_catalog.pg_stat_activity
 WHERE datname = %s AND backend_type IN ('client backend', 'walsender', 'logical replication worker')
 GROUP BY 1 ORDER BY 2 DESC, 1
"""

_END = """
SELECT count(pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
 WHERE datname = ANY (%s) AND pid <> pg_backend_pid()
"""

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
import threading
import typing as t

from ....ground.errors import Busy, RecoveryError
from . import properties, sessions
from .connection import connect_server, execute, explained, quote_identifier
from .encodings import raw_names

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from .staging_database import Session

PAUSE = 0.1
"""Seconds between two rounds of ending sessions; the server looks ten times a second whether they are gone."""


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
        sessions.refuse(session.connection, target)
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
            # What this role may not end stays, and the rename says so.
            sessions.end(other, databases)
            while not done.wait(PAUSE):
                sessions.end(other, databases)

        thread = threading.Thread(target=end, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

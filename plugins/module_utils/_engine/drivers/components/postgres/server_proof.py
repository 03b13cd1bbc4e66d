# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tells that a server which was recovered from its own files is the one that was backed up, and whole."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ....ground.errors import DatabaseError
from ....ground.units import human_count
from . import wal_files
from .connection import MAINTENANCE, connect, rows
from .encodings import is_text, raw_names, readable
from .heartbeat import DATABASE

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .connection import Login
    from .heartbeat import Beat
    from .recovering_server import RecoveringServer

BEATS = datetime.timedelta(minutes=15)
"""In such a time a heartbeat is written more than once, wherever there is one."""

_ENVIRONMENT = "incompatible with operating system"


def databases(server: RecoveringServer) -> tuple[list[str], list[str]]:
    """Return the names of the databases that can be looked at, and what is to be said of the others."""
    with contextlib.closing(connect(server.login, MAINTENANCE[1])) as session, raw_names(session):
        found = rows(session, "SELECT datname::text, datallowconn, datistemplate FROM pg_database ORDER BY datname")
    open_ones = [name for name, allows, _template in found if allows and is_text(name)]
    closed = [readable(name) for name, allows, template in found if not allows and not template]
    unnamed = [readable(name) for name, allows, _template in found if allows and not is_text(name)]
    notes = [f"Database {name} accepts no connections, so nothing in it was looked at." for name in closed]
    notes += [f"The name of database {name} is no UTF-8, so only pg_amcheck looked at it." for name in unnamed]
    return open_ones, notes


def refused(login: Login, names: Iterable[str]) -> Iterator[str]:
    """Yield what keeps sessions out of each database. Raise DatabaseError where that is this host."""
    for name in names:
        try:
            connect(login, name).close()
        except DatabaseError as exc:
            if _ENVIRONMENT in exc.cause:
                raise
            yield f"database {name} takes no session: {exc.cause}"


def checksum_failures(server: RecoveringServer) -> tuple[str, ...]:
    """Return the databases of which pages were read that are not as their checksums say."""
    found = server.ask(
        "SELECT coalesce(datname::text, 'all of them'), checksum_failures FROM pg_stat_database "
        "WHERE checksum_failures > 0 ORDER BY 1"
    )
    return tuple(
        f"database {name}: {human_count(int(count), 'page')} not as the checksum says" for name, count in found
    )


def has_checksums(server: RecoveringServer) -> bool:
    """Whether the server has checksums of its pages."""
    return server.ask("SHOW data_checksums") == [("on",)]


def behind(
    beat: Beat | None, *, stop: int, finished: datetime.datetime, reached: int, last: datetime.datetime | None
) -> tuple[str, ...]:
    """
    Return what a heartbeat says against a recovery from a base, `finished` then, that ends at `stop`.

    The log was replayed to `reached`, where the last transaction ended at `last`. Where that is long after the base,
    there was a heartbeat after it.
    """
    if beat is None:
        return ()
    shown = f"the heartbeat lifeboat.heartbeat in database {DATABASE} is of {beat.at.isoformat()}"
    if beat.position > reached:
        return (f"{shown}, at {wal_files.shown(beat.position)}, which was never replayed",)
    if beat.position <= stop and last is not None and last > finished + BEATS:
        later = f"although the log was replayed to {last.isoformat()}"
        return (f"{shown}, before the end of the base, {later}: what was written since lacks, or it has stopped",)
    return ()

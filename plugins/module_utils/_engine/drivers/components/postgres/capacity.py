# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a server has room for: the sizes of its databases, and the sessions that are left."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from . import connection, encodings, grants

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .login import Login

BESIDE = 2
"""Sessions of a backup beside those of its jobs: the snapshot's and the proof's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Capacity:
    """What the server says: databases in bytes, the sessions that it has left, and whose limit that is."""

    sizes: Mapping[str, int]
    free: int
    limit: str


def ask(login: Login, database: str) -> Capacity:
    """Ask the server over one session, in `database` if it is named. Raise DatabaseError."""
    opened = (
        connection.connect(login, database, read_only=True)
        if database
        else connection.connect_server(login, read_only=True)
    )
    with contextlib.closing(opened) as session:
        free, limit = grants.free_sessions(session)
        with encodings.raw_names(session):
            sizes = {name: int(size or 0) for name, size in connection.rows(session, _SIZES)}
    return Capacity(sizes, free + 1, limit)  # the session that asks is over then


_SIZES = """
SELECT datname::text, CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) ELSE 0 END
  FROM pg_catalog.pg_database WHERE datallowconn
"""

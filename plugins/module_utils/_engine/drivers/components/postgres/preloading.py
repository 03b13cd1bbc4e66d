# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a database asks of its server before the first session: libraries that its extensions need preloaded, and locks.

The backup records both. A scratch cluster is set up for them; a server that a restore goes to is asked whether it is.
"""

from __future__ import annotations

import os
import typing as t

from ....ground.errors import DatabaseError
from .connection import one, rows

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .connection import Connection
    from .server import Programs

CRON = "pg_cron"
"""It exists in one database of a server, the one that its setting cron.database_name names."""

_LOCKS = 64
"""PostgreSQL's own max_locks_per_transaction: so many for each session, all sessions share them."""

_RELATIONS_OF_A_TABLE = 4
"""A table, its TOAST table with an index, and an index: where a backup does not say how many relations it has."""


def read(connection: Connection) -> dict[str, t.Any]:
    """
    Return what the connected database asks for, as JSON-able data: `preload` names libraries in the server's order.

    It is left out where this role may not read what is preloaded.
    """
    asked: dict[str, t.Any] = {"relations": int(one(connection, _RELATIONS))}
    preloaded = _preloaded(connection)
    if preloaded is not None:
        owned = {_library(name) for (name,) in rows(connection, _LIBRARIES)}
        asked["preload"] = [name for name in preloaded if name in owned]
    return asked


def libraries(detail: Mapping[str, t.Any]) -> list[str]:
    """
    Return the libraries that a backup's extensions need preloaded.

    Where it does not say so, that is each that has the name of an extension: one that needs no preloading bears it.
    """
    if "preload" in detail:
        return list(detail["preload"])
    return sorted(detail["proof"].get("extensions", {}))


def scratch_settings(
    detail: Mapping[str, t.Any], programs: Programs, *, database: str, sessions: int
) -> dict[str, str]:
    """Return the settings of a cluster of `sessions` sessions in which `database` is restored, and nothing starts."""
    relations = int(detail.get("relations", _RELATIONS_OF_A_TABLE * len(detail["tables"])))
    settings = {"max_locks_per_transaction": str(max(_LOCKS, 2 * relations // sessions))}
    if found := [name for name in libraries(detail) if _is_installed(programs, name)]:
        settings["shared_preload_libraries"] = ",".join(found)
        # Their workers would run jobs of the backup: none of them gets a process.
        settings["max_worker_processes"] = "0"
    if CRON in found:
        settings["cron.database_name"] = database
    return settings


def check(connection: Connection, detail: Mapping[str, t.Any], *, target: str, filled: str) -> list[str]:
    """
    Say what the server at `connection` should preload for this backup and does not.

    `filled` is the database that is loaded, `target` its name in the end. Raise DatabaseError when pg_cron cannot be
    made there.
    """
    wanted = libraries(detail)
    if CRON in {*wanted, *detail["proof"].get("extensions", {})}:
        _check_cron(connection, target, filled)
    here = _preloaded(connection) if "preload" in detail else None
    return [
        f"The source server preloads {name} for an extension, and this server does not: add it to "
        "shared_preload_libraries if the extension cannot be created."
        for name in wanted
        if here is not None and name not in here
    ]


def _preloaded(connection: Connection) -> list[str] | None:
    """Return what the server preloads, None where this role may not read it."""
    if not one(connection, "SELECT pg_has_role('pg_read_all_settings', 'USAGE')"):
        return None
    setting = str(one(connection, "SELECT current_setting('shared_preload_libraries')"))
    return [_library(word.strip().strip('"')) for word in setting.split(",")]


def _check_cron(connection: Connection, target: str, filled: str) -> None:
    home = one(connection, "SELECT current_setting('cron.database_name', true)")
    if home is None:
        raise DatabaseError(
            f"The backup has the extension {CRON}, which this server does not have in shared_preload_libraries.",
            f"Add it there, set cron.database_name to {target!r}, restart the server, and restore with strategy: "
            "in_place.",
        )
    if home == filled:
        return
    first = "" if home == target else f"Set cron.database_name to {target!r} and restart the server. Then restore "
    raise DatabaseError(
        f"The backup has the extension {CRON}, which is allowed only in {home!r} here, and the restore fills "
        f"{filled!r}.",
        f"{first or 'Restore '}with strategy: in_place, which fills {target!r} itself.",
    )


def _library(name: str) -> str:
    return os.path.basename(name).removesuffix(".so")


def _is_installed(programs: Programs, name: str) -> bool:
    """Whether the server of these programs finds the library of this name."""
    home = os.path.dirname(programs.directory)
    return any(os.path.exists(os.path.join(home, place, f"{name}.so")) for place in ("lib", "lib/postgresql"))


_RELATIONS = "SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384"

_LIBRARIES = """
SELECT extname::text FROM pg_catalog.pg_extension
UNION
SELECT p.probin FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_depend d ON d.classid = 1255 AND d.objid = p.oid
 WHERE d.deptype = 'e' AND p.probin IS NOT NULL
"""

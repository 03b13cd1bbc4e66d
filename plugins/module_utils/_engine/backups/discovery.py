# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: which databases a server has, and which of them are to be backed up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import re
import typing as t

from ..catalogue.inventory import Inventories, Inventory
from ..errors import StoreError
from ..model import Outcome
from ..postgres.connection import connect, connect_server, rows

if t.TYPE_CHECKING:
    from ..model import World
    from ..postgres.connection import Connection, Login


@dataclasses.dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """
    Which databases are wanted: shell-style patterns of names. `login_db`, when given, is the database to ask in.

    With an `application` and a `state_dir` the answer is remembered as that of its `cluster`.
    """

    login: Login
    login_db: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    application: str = ""
    cluster: str = "main"
    state_dir: str | None = None


def find_databases(request: DiscoveryRequest, world: World) -> Outcome:
    """
    Give the databases that allow connections, but for templates and for what a restore of ours left or keeps.

    A database whose DROP was interrupted can neither be read nor repaired: it is named in a warning.

    `absent` are names among the patterns that no database has.

    Raise DatabaseError when the server cannot be asked.
    """
    with contextlib.closing(_session(request)) as session:
        found = [
            {"name": name, "size": int(size), "owner": owner, "encoding": encoding}
            for name, size, owner, encoding in rows(session, _DATABASES)
        ]
        invalid = [name for (name,) in rows(session, _INVALID)]
    wanted = [
        database
        for database in found
        if _fits(database["name"], request.include) and not _fits(database["name"], request.exclude)
    ]
    names = [database["name"] for database in wanted]
    there = {database["name"] for database in found}
    facts: dict[str, t.Any] = {
        "databases": wanted,
        "names": names,
        "left_out": sorted(there.difference(names)),
        "absent": [name for name in request.include if name not in there and not _MAGIC.search(name)],
        "all": len(found),
    }
    broken = tuple(
        f"The database {name!r} is left out: a DROP DATABASE of it was interrupted, and nobody can connect to it."
        " Drop it."
        for name in invalid
    )
    kept = _remember(request, world, _inventory(request, world, facts))
    return Outcome(changed=False, facts=facts, warnings=(*broken, *kept))


def ask(request: DiscoveryRequest, world: World) -> tuple[Inventory, tuple[str, ...]]:
    """Give the same as an inventory, with what keeps it from being remembered. Raise as `find_databases`."""
    outcome = find_databases(request, world)
    return _inventory(request, world, outcome.facts), outcome.warnings


def _inventory(request: DiscoveryRequest, world: World, facts: dict[str, t.Any]) -> Inventory:
    return Inventory(
        application=request.application,
        cluster=request.cluster,
        asked=world.now().isoformat(),
        wanted=facts["names"],
        left_out=facts["left_out"],
    )


def _session(request: DiscoveryRequest) -> Connection:
    if request.login_db:
        return connect(request.login, request.login_db, read_only=True)
    return connect_server(request.login, read_only=True)


def _remember(request: DiscoveryRequest, world: World, answer: Inventory) -> tuple[str, ...]:
    """Keep the answer. That it cannot be kept is a warning: the databases are known all the same."""
    if not request.application or not request.state_dir or world.dry_run:
        return ()
    try:
        Inventories(request.state_dir).add(answer)
    except StoreError as exc:
        return (str(exc),)
    return ()


_MAGIC = re.compile(r"[*?\[]")


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


# The size of a database that the role may not connect to is not for it to know.
_DATABASES = """
SELECT d.datname::text, CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) ELSE 0 END,
       pg_get_userbyid(d.datdba)::text, pg_encoding_to_char(d.encoding)::text
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit <> -2
   AND d.datname !~ '_lifeboat_[0-9a-f]{8}$' AND d.datname !~ '_before_[0-9]{8}_[0-9]{6}$'
 ORDER BY d.datname
"""

_INVALID = "SELECT datname::text FROM pg_catalog.pg_database WHERE datconnlimit = -2 ORDER BY 1"

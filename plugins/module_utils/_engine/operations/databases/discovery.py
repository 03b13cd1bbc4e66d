# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: which databases a server has, and which of them are to be backed up."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import re
import typing as t

from ...drivers.components.postgres.connection import connect, connect_server, rows
from ...drivers.components.postgres.encodings import is_text, raw_names, readable
from ...ground.errors import RecoveryError, StoreError
from ...ground.model import Outcome
from ...records.host.restores import History
from ...records.repository.inventory import Inventories, Inventory

if t.TYPE_CHECKING:
    from ...drivers.components.postgres.connection import Connection, Login
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """
    Which databases are wanted: shell-style patterns of names. `login_db`, when given, is the database to ask in.

    `state_dir` is where this host remembers its restores, and, with an `application`, the answer for its `cluster`.
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
    Return the databases that allow connections, but for templates and for what a restore of ours left or keeps.

    A name alone hides none: its owner chose it. A database whose DROP was interrupted can neither be read nor repaired:
    it is named in a warning.

    `absent` are names among the patterns that no database has.

    Raise DatabaseError when the server cannot be asked.
    """
    server = _inspect(request)
    found = server.databases
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
    warnings = [*server.warnings(names), *_remember(request, world, _inventory(request, world, facts))]
    return Outcome(changed=False, facts=facts, warnings=tuple(warnings))


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """The databases of a server; the names of those that only look like ours, and of those that cannot be reached."""

    databases: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    doubted: list[str] = dataclasses.field(default_factory=list)
    invalid: list[str] = dataclasses.field(default_factory=list)
    unreachable: list[str] = dataclasses.field(default_factory=list)

    def warnings(self, names: list[str]) -> list[str]:
        """Return what is to be known beside the databases; `names` are those that are to be backed up."""
        return [
            *(_DOUBTED.format(name=repr(name)) for name in self.doubted if name in names),
            *(_INVALID.format(name=repr(name)) for name in self.invalid),
            *(_UNREACHABLE.format(name=name) for name in self.unreachable),
        ]


def _inspect(request: DiscoveryRequest) -> _Found:
    kept: frozenset[tuple[int, str]] = frozenset()
    with contextlib.suppress(RecoveryError):  # what cannot be read is not known: it is listed, with a warning
        kept = History(request.state_dir).kept()
    found = _Found()
    with contextlib.closing(_session(request)) as session, raw_names(session):
        for oid, broken, of_ours, *row in rows(session, _DATABASES):
            database = dict(zip(("name", "size", "owner", "encoding"), row, strict=True))
            name = database["name"]
            looks_kept, looks_staging = (bool(form.search(name)) for form in (_KEPT, _STAGING))
            if not is_text(name):
                found.unreachable.append(readable(name))
            elif (looks_kept and (int(oid), name) in kept) or (looks_staging and of_ours):
                pass
            elif broken:
                found.invalid.append(name)
            else:
                owner = readable(database["owner"])
                found.databases.append({**database, "size": int(database["size"]), "owner": owner})
                if looks_kept or looks_staging:
                    found.doubted.append(name)
    return found


def ask(request: DiscoveryRequest, world: World) -> tuple[Inventory, tuple[str, ...]]:
    """Return the same as an inventory, with what keeps it from being remembered. Raise as `find_databases`."""
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


_INVALID = (
    "The database {name} is not backed up: its DROP DATABASE was interrupted, so nobody can connect to it. Drop it."
)

_KEPT = re.compile(r"_before_[0-9]{8}_[0-9]{6}\Z")
_STAGING = re.compile(r"_lifeboat_[0-9a-f]{8}\Z")

_UNREACHABLE = (
    "The database {name} is NOT backed up: its name is not UTF-8, so this software cannot connect to it. Rename it in "
    "a session with its encoding, or dump it with pg_dump."
)

_DOUBTED = (
    "The database {name} has a name like those that a restore creates, but this host has no record of such a restore, "
    "so it is backed up like any other. Drop it if you no longer need it, or add it to lifeboat_databases_exclude."
)

# The size of a database that the role may not connect to is not for it to know. What a restore fills belongs to the
# role that restores until it is finished, and nobody can give a database away to a role that he is not a member of.
_DATABASES = """
SELECT d.oid::bigint, d.datconnlimit = -2, r.rolsuper OR r.rolname = current_user, d.datname::text,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) ELSE 0 END,
       r.rolname::text, pg_encoding_to_char(d.encoding)::text
  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
 WHERE d.datallowconn AND NOT d.datistemplate
 ORDER BY d.datname COLLATE "C"
"""

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a backup is tried: a scratch cluster that is fit for it, with the source's roles and an empty database."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import DatabaseError
from . import preloading, properties, restorer, roles, scratch, server, staging_database
from .connection import execute
from .wording import DATABASE

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ....ground.model import World
    from .layout import BackupContents

OPTIONS = ("--no-tablespaces", "--no-subscriptions")
"""What no scratch cluster gets: places outside of it, and connections to the living."""

OBJECT_MEMORY = 4096
"""Bytes that the description of an object may take on the average."""

ROW_MEMORY = 3 << 30
"""Bytes that one row may take: PostgreSQL sends no more than a gigabyte, which is held more than once."""

FALLBACK_LOCALE = "C.UTF-8"

LOCALE = frozenset({"collate", "ctype", "provider", "locale"})
"""The properties of a database that are its locale."""


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """
    The session that made an empty database, and what cannot be as at the source: properties, and what is said of it.
    """

    session: staging_database.Session
    replaced: frozenset[str]
    notes: tuple[str, ...]


def programs(contents: BackupContents, world: World) -> server.Programs:
    """Find the programs of a server that takes this backup."""
    return server.programs(max(contents.source_major, contents.dump_major), environ=world.environ)


@contextlib.contextmanager
def running(
    found: server.Programs, contents: BackupContents, world: World, *, parent: str, chance: int, jobs: int, limit: float
) -> Iterator[restorer.Tools]:
    """
    Yield the tools that reach a cluster below `parent` which is gone afterwards, and after `limit` seconds unless they
    are 0; `chance` is any number.
    """
    with scratch.running(
        found,
        parent=parent,
        chance=chance,
        superuser=_superuser(contents),
        sleep=world.sleep,
        limit=limit,
        memory=scratch.MEMORY + _memory(contents),
        settings=preloading.scratch_settings(contents.detail, found, database=DATABASE, sessions=scratch.CONNECTIONS),
    ) as cluster:
        yield restorer.Tools(found, cluster.login, cluster.environ, jobs=jobs, prefix=cluster.prefix, options=OPTIONS)


@contextlib.contextmanager
def prepared(tools: restorer.Tools, contents: BackupContents) -> Iterator[Prepared]:
    """Make the source's roles and an empty database."""
    notes: list[str] = []
    with staging_database.manage(tools.login) as session:
        for statement in roles.missing(session.connection, dict(contents.roles), login=False, passwords=False):
            _try(session, statement, notes)
        replaced = _create(session, dict(contents.detail["properties"]), notes)
        yield Prepared(session, replaced, tuple(notes))


def _memory(contents: BackupContents) -> int:
    """Return how much memory a proof of this backup may take: its descriptions, and where values are read, a row."""
    proof = contents.detail["proof"]
    row = min(ROW_MEMORY, 3 * contents.backup.manifest.plain_size) if proof["level"] == "content" else 0
    return OBJECT_MEMORY * len(proof.get("objects", ())) + row


def _superuser(contents: BackupContents) -> str:
    """Return the name of the source's superuser where it is known: it stands in grants on system objects."""
    supers = [role["name"] for role in contents.roles["roles"] if role["superuser"]]
    return "postgres" if "postgres" in supers or not supers else str(supers[0])


def _create(session: staging_database.Session, recorded: dict[str, t.Any], notes: list[str]) -> frozenset[str]:
    """Create the database, and return the properties for which others stand in."""
    try:
        statements = properties.statements(recorded, DATABASE, "create", tablespaces=())
        for statement in statements:
            execute(session.connection, statement)
    except DatabaseError as exc:
        plain = {**recorded, "provider": "c", "collate": FALLBACK_LOCALE, "ctype": FALLBACK_LOCALE}
        if recorded["encoding"] != "UTF8":
            plain |= {"collate": "C", "ctype": "C"}
        notes.append(f"The source's locale is not available here, so {plain['collate']} is used: {exc.cause}")
        for statement in properties.statements(plain, DATABASE, "create", tablespaces=()):
            execute(session.connection, statement)
        return LOCALE
    return frozenset()


def _try(session: staging_database.Session, statement: str, notes: list[str]) -> None:
    try:
        execute(session.connection, statement)
    except DatabaseError as exc:
        # A setting that only the source's libraries know takes nothing from the data.
        if not statement.startswith("ALTER ROLE"):
            raise
        notes.append(exc.cause)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore of a database will do, decided before anything is touched: what is shown is what is carried out."""

from __future__ import annotations

import dataclasses
import os
import secrets
import typing as t

from ....ground.errors import DatabaseError, UsageError
from ....ground.units import human_size
from . import preloading, restorer, role_choice, roles, server, staging_database, target

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ....ground.model import World
    from .layout import BackupContents
    from .restore_options import RestoreOptions


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What will be done. `temporary` is the database that is filled, `kept` the replaced one's later name."""

    wanted: RestoreOptions
    contents: BackupContents
    tools: restorer.Tools
    target: target.Target
    temporary: str
    kept: str | None
    roles: role_choice.RoleChoice
    warnings: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Say it to people."""
        name = self.wanted.target
        yield self.contents.size
        yield from (f"create role {role}" for role in self.roles.created)
        yield from self.roles.withheld
        if self.roles.left_out:
            yield f"roles that the database does not need are not created: {', '.join(self.roles.left_out)}"
        if self.temporary != name:
            yield f"fill {self.temporary}, compare it with the proof, then rename it to {name}"
        elif self.target.exists:
            yield f"DROP the database {name} and fill it anew"
        if self.kept:
            yield f"keep the replaced database as {self.kept} ({human_size(self.target.size)})"

    def facts(self) -> dict[str, t.Any]:
        """Say it to machines."""
        return {
            "strategy": self.wanted.strategy,
            "kept": self.kept,
            "table_bytes": self.contents.table_bytes,
            "stays": list(self.target.stays),
            "roles": self.roles.facts(),
        }


def make_tools(
    session: staging_database.Session, wanted: RestoreOptions, contents: BackupContents, world: World
) -> restorer.Tools:
    """Find programs that fit backup and server. Raise DatabaseError when the versions do not allow a restore."""
    info = server.inspect(session.connection)
    programs = server.programs(max(info.major, contents.dump_major), environ=world.environ)
    target.check_versions(info, programs, contents)
    return restorer.Tools(
        programs=programs,
        login=wanted.login,
        environ=world.environ,
        jobs=wanted.jobs,
        wal_compression_lz4=restorer.can_compress_wal(session.connection),
        superuser=info.superuser,
        options=("--no-tablespaces",) if tablespace_notes(session, contents) else (),
        memory=_memory(),
    )


def tablespace_notes(session: staging_database.Session, contents: BackupContents) -> list[str]:
    """Say which tablespaces the backup's objects lie in and this server lacks, and what that means."""
    used = contents.detail.get("tablespaces")
    return [
        f"Tablespace {name} does not exist on this server; its tables and indexes go to the default tablespace."
        for name in roles.missing_tablespaces(session.connection, dict(contents.roles), used)
    ]


def decide(
    session: staging_database.Session,
    wanted: RestoreOptions,
    contents: BackupContents,
    world: World,
    *,
    expects_rights: bool = False,
) -> Decision:
    """
    Look at everything and decide. Raise DatabaseError or UsageError for what stands in the way.

    One that `expects_rights` is made again with them, before anything is changed.
    """
    info = server.inspect(session.connection)
    tools = make_tools(session, wanted, contents, world)
    found = inspect(session, wanted.target)
    _refuse(found, wanted, contents)
    kept = None
    if found.exists and not wanted.in_place:
        kept = staging_database.kept_name(wanted.target, f"{world.now():%Y%m%d_%H%M%S}")
        staging_database.require_free_name(session, kept)
    chosen = target.choose_roles(session, contents.roles, wanted.roles, may=info.superuser or expects_rights)
    target.check_names(session, contents.detail["properties"], chosen)
    temporary = (
        wanted.target if wanted.in_place else staging_database.temporary_name(wanted.target, secrets.token_hex(4))
    )
    free = None if found.free is None else found.free + (found.size if wanted.in_place else 0)
    notes = [
        target.check_space(free, contents.table_bytes, beside=kept is not None),
        target.collation_note(session.connection, contents.detail["properties"]),
        *tablespace_notes(session, contents),
        *preloading.check(session.connection, contents.detail, target=wanted.target, filled=temporary),
        *(f"The {what} stays with the replaced database." for what in found.stays),
        *(f"{sentence}: set role_privileges if it should have it." for sentence in chosen.withheld),
        *found.notes,
        *staging_database.unknown_leftovers(session, wanted.target),
        f"pg_restore {tools.programs.version} has known vulnerabilities." if tools.programs.outdated else "",
    ]
    warnings = tuple(note for note in notes if note)
    return Decision(wanted, contents, tools, found, temporary, kept, chosen, warnings)


def inspect(session: staging_database.Session, name: str) -> target.Target:
    """Return the target as it is; a staging database that no restore finished holds no data."""
    found = target.inspect_target(session, name)
    if found.exists and staging_database.is_unfinished(session, name):
        return dataclasses.replace(found, holds_data=False)
    return found


def _refuse(found: target.Target, wanted: RestoreOptions, contents: BackupContents) -> None:
    if found.exists and contents.partial:
        raise UsageError(
            f"The backup is partial, and the database {wanted.target!r} exists.",
            "Set target_db to a name that does not exist, or select tables to restore.",
            field="target_db",
        )
    if wanted.in_place and found.stays:
        raise DatabaseError(
            f"The database {wanted.target!r} has the {found.stays[0]}, so an in-place restore cannot drop it.",
            "Drop it first, or use strategy: swap, which keeps it with the replaced database.",
            stays=list(found.stays),
        )


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0

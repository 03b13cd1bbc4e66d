# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of a restore on this server, and what it will change: read before anything is touched."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ....ground.errors import DatabaseError, RecoveryError
from . import role_choice, sessions
from .connection import connect, one, rows
from .encodings import is_text, readable

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .connection import Connection
    from .layout import BackupContents
    from .server import Programs, ServerInfo
    from .staging_database import Session
    from .toc import Entry

GROWTH = 2.0
"""Room that a restore needs for each byte of table: the table, its indexes, sorting for them, and their WAL."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """
    The database that a restore is to replace, if it exists. `stays` says what remains with the old one, `notes` what
    is worth knowing. `free` is in bytes, None when it cannot be seen from here.
    """

    name: str
    oid: int
    holds_data: bool
    size: int
    free: int | None
    stays: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def exists(self) -> bool:
        """Whether there is such a database."""
        return bool(self.oid)


def inspect_target(session: Session, name: str) -> Target:
    """Look at the database `name`. Raise DatabaseError when it cannot be replaced as it is."""
    found = rows(session.connection, _DATABASE, [name])
    free = _free_space(session.connection)
    if not found:
        return Target(name, 0, False, 0, free, (), ())
    oid, size, prepared = found[0]
    if prepared:
        raise DatabaseError(
            f"The database {name!r} has {prepared} prepared transactions, which contain data and would be lost.",
            "COMMIT PREPARED or ROLLBACK PREPARED each of them (see pg_prepared_xacts), and run again.",
            prepared=prepared,
        )
    stays = [what for (what,) in rows(session.connection, _STAYS, [name, oid])]
    notes = [
        f"{count} standbys will replicate the change." for (count,) in rows(session.connection, _STANDBYS) if count
    ]
    if here := sessions.of(session.connection, name).total:
        notes.append(f"{here} sessions are connected to {name}.")
    return Target(name, int(oid), _holds_data(session, name), int(size), free, tuple(stays), tuple(notes))


def check_versions(target: ServerInfo, programs: Programs, contents: BackupContents) -> None:
    """Raise DatabaseError when the server or its programs are older than what the backup came from."""
    if target.in_recovery:
        raise DatabaseError("The server is a standby, which is read-only.", "Restore on the primary.")
    major = contents.source_major
    if target.major < major:
        raise DatabaseError(
            f"The backup is of PostgreSQL {major} and the server is {target.major}.",
            f"Restore into PostgreSQL {major} or newer; PostgreSQL cannot restore into an older version.",
            backup_major=major,
            server_major=target.major,
        )
    if programs.major < contents.dump_major:
        raise DatabaseError(
            f"The backup was made by pg_dump {contents.dumped_by}, and only pg_restore {programs.version} is "
            "installed.",
            "Install the client package of that version or a newer one.",
        )


def check_extensions(connection: Connection, entries: Sequence[Entry]) -> None:
    """Raise DatabaseError when the archive has extensions that the server cannot create."""
    wanted = {entry.identity.split(" ")[1] for entry in entries if entry.kind == "EXTENSION"}
    there = {name for (name,) in rows(connection, "SELECT name::text FROM pg_catalog.pg_available_extensions")}
    if missing := sorted(wanted - there):
        raise DatabaseError(
            f"The server does not have the extensions {', '.join(missing)}.",
            "Install their packages on the server, and run again.",
            extensions=missing,
        )


def check_space(free: int | None, needed: int, *, beside: bool) -> str:
    """
    Return a note about the room on the server's disk. Raise DatabaseError when the tables alone do not fit; `beside`
    says that the replaced database stays.
    """
    if free is None:
        return "The free disk space of the server cannot be checked from this host."
    if free < needed:
        raise DatabaseError(
            f"The tables need {needed >> 20} MiB and the server's disk has {free >> 20} MiB left.",
            "Free space, or use strategy: in_place, which needs no second copy." if beside else "Free space on it.",
            free=free,
            needed=needed,
        )
    if free < needed * GROWTH:
        likely = int(needed * GROWTH) >> 20
        return f"The server's disk has {free >> 20} MiB left; with indexes the restore may need {likely}."
    return ""


def choose_roles(
    session: Session, recorded: Mapping[str, t.Any], wish: role_choice.Wish, *, may: bool
) -> role_choice.RoleChoice:
    """
    Decide on the missing roles. Raise DatabaseError when they are needed and not wished for, or not allowed: `may` says
    that this session is, whatever its role has.
    """
    chosen = role_choice.choose(session.connection, recorded, wish)
    if chosen.absent:
        raise DatabaseError(
            f"The database needs the roles {', '.join(chosen.absent)}, which do not exist on this server.",
            "Create them first, or set roles: needed (lifeboat_restore_roles).",
            roles=list(chosen.absent),
        )
    own = "SELECT rolname::text, rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user"
    ((user, creates),) = rows(session.connection, own)
    if chosen.statements and not (may or creates):
        raise DatabaseError(
            f"The backup's roles do not exist on this server, and {user} may not create them.",
            "Create them first, or restore as a role with CREATEROLE.",
        )
    return chosen


def check_names(session: Session, recorded: Mapping[str, t.Any], chosen: role_choice.RoleChoice) -> None:
    """Raise DatabaseError when a role that must be named cannot be; `recorded` are a database's properties."""
    encoding, place = session.connection.info.parameter_status("server_encoding"), session.connection.info.dbname
    named = {recorded["owner"], *recorded["role_settings"], *(grant["grantee"] for grant in recorded["grants"])}
    foreign = sorted(name for name in {*named, *chosen.created} if not is_text(name))
    if foreign and encoding == "UTF8":
        raise DatabaseError(
            f"The role {readable(foreign[0])} cannot be named from the database {place}, whose encoding is UTF8.",
            f"Restore on a server with encoding {recorded['encoding']} or SQL_ASCII, or rename the role and back up "
            "again.",
            roles=[readable(name) for name in foreign],
        )


def check_owners(
    entries: Sequence[Entry],
    owners: Collection[str],
    chosen: role_choice.RoleChoice,
    accepted: Collection[str],
    server: ServerInfo,
) -> None:
    """Raise DatabaseError when an object can only be a superuser's, and its owner will be none here."""
    kinds = {"EVENT TRIGGER", "FOREIGN DATA WRAPPER", *(("SUBSCRIPTION",) if server.major < 16 else ())}
    for entry in entries:
        name = entry.name(owners)
        owner = entry.owner(owners)
        if entry.kind in kinds and owner and owner not in chosen.superusers and name not in accepted:
            raise DatabaseError(
                f"{name} belongs to the role {owner}, which must be a superuser for it and is not one on this server.",
                "Set role_privileges: [superuser] (lifeboat_role_privileges), make that role a superuser, or add the "
                "object to accept_failed to restore without it.",
                object=name,
                role=owner,
            )


def collation_note(connection: Connection, recorded: Mapping[str, t.Any]) -> str:
    """Say when text will sort by another version of the collation than in the source; indexes are built for it."""
    before = recorded.get("collation_version")
    if not before or connection.info.server_version < 150000:
        return ""
    query = "SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()"
    now = one(connection, query)
    if not now or now == before:
        return ""
    return f"The collation version is {now} here and {before} in the source; indexes are built for the version here."


def _holds_data(session: Session, name: str) -> bool:
    """
    Whether there is a large object, or any table's file has a page. What cannot be looked at counts as data, and so do
    rows that were deleted.

    No table is read: planning a query on one already runs functions in its indexes and statistics, which are its
    owner's, with the rights of this session.
    """
    try:
        with contextlib.closing(connect(session.login, name, read_only=True)) as connection:
            return bool(one(connection, _ANY_PAGE))
    except RecoveryError:
        return True


def _free_space(connection: Connection) -> int | None:
    try:
        if one(connection, "SELECT inet_server_addr() IS NOT NULL"):
            return None
        place = os.statvfs(str(one(connection, "SELECT current_setting('data_directory')")))
    except (RecoveryError, OSError):
        return None
    return place.f_bavail * place.f_frsize


_DATABASE = """
SELECT d.oid::bigint, pg_database_size(d.oid),
       (SELECT count(*) FROM pg_catalog.pg_prepared_xacts p WHERE p.database = d.datname)
  FROM pg_catalog.pg_database d WHERE d.datname = %s
"""

_STAYS = """
SELECT 'logical replication slot ' || slot_name FROM pg_catalog.pg_replication_slots WHERE database = %s
UNION ALL
SELECT 'subscription ' || subname FROM pg_catalog.pg_subscription WHERE subdbid = %s
"""

_STANDBYS = "SELECT count(*) FROM pg_catalog.pg_stat_replication"

# An extension's own tables hold what it brought; those that it declares to be the user's may hold his rows as well.
_ANY_PAGE = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) OR EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
                        WHERE d.classid = 1259 AND d.objid = c.oid AND d.deptype = 'e'
                          AND c.oid <> ALL (coalesce(x.extconfig, '{}')))
       AND pg_relation_size(c.oid) > 0)
"""

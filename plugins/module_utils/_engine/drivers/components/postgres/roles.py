# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
What belongs to the whole server and not to one database: roles, memberships, role settings, tablespaces.

They are recorded as data, so that a restore can create what is missing and never alters a role that exists: replaying
SQL would enable a locked role again and put back a password that was rotated since.
"""

from __future__ import annotations

import typing as t

from ....ground import process
from ....ground.errors import ProcessFailed
from . import diagnostics
from .connection import child_environment, conninfo, one, quote_identifier, quote_literal, rows
from .encodings import is_text, raw_names
from .settings import assignment

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .connection import Connection, Login
    from .server import Programs

Record = dict[str, t.Any]

ATTRIBUTES = {
    "superuser": "SUPERUSER",
    "inherit": "INHERIT",
    "createrole": "CREATEROLE",
    "createdb": "CREATEDB",
    "login": "LOGIN",
    "replication": "REPLICATION",
    "bypassrls": "BYPASSRLS",
}


def read(connection: Connection) -> Record:
    """
    Return roles, memberships and tablespaces as JSON-able data.

    `passwords` tells whether the password hashes could be read; without the right to, the roles come without. `needed`
    names the roles that the connected database itself speaks of: as owner, in grants, policies and settings. Names
    are as in `encodings`.
    """
    with raw_names(connection):
        return _read(connection)


def names(connection: Connection) -> set[str]:
    """Return the names of all roles of the server."""
    return {name for (name,) in rows(connection, "SELECT rolname::text FROM pg_catalog.pg_roles")}


def _read(connection: Connection) -> Record:
    passwords = bool(one(connection, "SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')"))
    return {
        "passwords": passwords,
        "roles": _roles(connection, passwords),
        "needed": [name for (name,) in rows(connection, _NEEDED)],
        "memberships": _memberships(connection),
        "tablespaces": [
            dict(zip(("name", "owner", "location", "options", "acl", "comment"), row, strict=True))
            for row in rows(connection, _TABLESPACES)
        ],
    }


def text(programs: Programs, login: Login, database: str, *, passwords: bool, environ: Mapping[str, str]) -> str:
    """Return what `pg_dumpall --globals-only` writes: for people who restore by hand, no part of a restore by us."""
    argv = [programs.path("pg_dumpall"), "--globals-only", "--no-password", f"--database={conninfo(database)}"]
    if not passwords:
        argv.append("--no-role-passwords")
    environment = child_environment(login, database, environ)
    try:
        return process.run(argv, env=environment).decode("utf-8", "surrogateescape")
    except ProcessFailed as exc:
        remedy = "Run again; if it fails again, run pg_dumpall --globals-only as this role and fix what it reports."
        raise ProcessFailed(f"pg_dumpall failed: {diagnostics.failure(exc)}.", remedy, **exc.details) from exc


def written(programs: Programs, login: Login, database: str, recorded: Record, *, environ: Mapping[str, str]) -> str:
    """
    Return the text for people who restore by hand: from pg_dumpall, or from `recorded` where that program cannot.

    It asks for each role by its name, which the server refuses from a session in whose encoding it is no text.
    """
    try:
        return text(programs, login, database, passwords=recorded["passwords"], environ=environ)
    except ProcessFailed:
        if all(is_text(role["name"]) for role in recorded["roles"]):
            raise
    modern = any(membership["set"] is not None for membership in recorded["memberships"])
    statements = [statement for role in recorded["roles"] for statement in create_role(role)]
    statements += [grant(membership, modern=modern) for membership in recorded["memberships"]]
    return _BY_OURSELVES + "".join(f"{statement};\n" for statement in statements)


def missing(target: Connection, recorded: Record, *, login: bool = True, passwords: bool = True) -> list[str]:
    """
    Return the statements that create the recorded roles which `target` lacks, in an order that works.

    With `login=False` no created role can log in, with `passwords=False` none has a password: for scratch clusters.
    A role that exists is left as it is.
    """
    present = names(target)
    roles = lacking(recorded, present)
    statements: list[str] = []
    for role in roles:
        statements += create_role(role, login=login, password=passwords)
    modern = target.info.server_version >= 160000
    granted = memberships_of(recorded, {role["name"] for role in roles}, present)
    return [*statements, *(grant(membership, modern=modern) for membership in granted)]


def lacking(recorded: Mapping[str, t.Any], present: Collection[str]) -> list[Record]:
    """Return the recorded roles that are not among those `present`."""
    return [role for role in recorded["roles"] if role["name"] not in present]


def memberships_of(recorded: Mapping[str, t.Any], created: Collection[str], present: Collection[str]) -> list[Record]:
    """Return the memberships that come with the `created` roles: one side is one of them, and both sides are there."""
    return [
        membership
        for membership in recorded["memberships"]
        if (sides := {membership["role"], membership["member"]}) & {*created} and sides <= {*created, *present}
    ]


def missing_tablespaces(target: Connection, recorded: Record, used: Collection[str] | None = None) -> list[str]:
    """
    Return the names of recorded tablespaces that `target` lacks: making one needs a directory, so people do it.

    `used` are those of the database that counts; None means that all may be.
    """
    present = {name for (name,) in rows(target, "SELECT spcname::text FROM pg_catalog.pg_tablespace")}
    names = [space["name"] for space in recorded["tablespaces"]] if used is None else used
    return [name for name in names if name not in present]


def _roles(connection: Connection, passwords: bool) -> list[Record]:
    columns = ("name", *ATTRIBUTES, "connection_limit", "valid_until", "settings", "comment", "password")
    query = _ROLES.format(hash="a.rolpassword", source="pg_authid") if passwords else _ROLES_BARE
    return [dict(zip(columns, row, strict=True)) for row in rows(connection, query)]


_MEMBERSHIP_COLUMNS = ("role", "member", "admin", "inherit", "set")


def _memberships(connection: Connection) -> list[Record]:
    options = "m.inherit_option, m.set_option" if connection.info.server_version >= 160000 else "NULL, NULL"
    # One member may hold a role from several grantors; what counts is what they add up to.
    merged: dict[tuple[str, str], Record] = {}
    for row in rows(connection, _MEMBERSHIPS.format(options=options)):
        record = dict(zip(_MEMBERSHIP_COLUMNS, row, strict=True))
        before = merged.setdefault((record["role"], record["member"]), record)
        for option in ("admin", "inherit", "set"):
            before[option] = before[option] or record[option]
    return list(merged.values())


def create_role(role: Record, *, login: bool = True, password: bool = True) -> list[str]:
    """Return the statements that make a recorded role."""
    name = quote_identifier(role["name"])
    words = [(word if role[key] else f"NO{word}") for key, word in ATTRIBUTES.items() if key != "login"]
    words.append("LOGIN" if role["login"] and login else "NOLOGIN")
    if role["connection_limit"] != -1:
        words.append(f"CONNECTION LIMIT {int(role['connection_limit'])}")
    if role["valid_until"] is not None:
        words.append(f"VALID UNTIL {quote_literal(role['valid_until'])}")
    if password and role["password"]:
        words.append(f"PASSWORD {quote_literal(role['password'])}")
    statements = [f"CREATE ROLE {name} WITH {' '.join(words)}"]
    statements += [f"ALTER ROLE {name} SET {assignment(setting)}" for setting in role["settings"]]
    if role["comment"] is not None:
        statements.append(f"COMMENT ON ROLE {name} IS {quote_literal(role['comment'])}")
    return statements


def grant(membership: Record, *, modern: bool) -> str:
    """Return the statement for a recorded membership; `modern` servers tell its options apart."""
    words = f"GRANT {quote_identifier(membership['role'])} TO {quote_identifier(membership['member'])}"
    if not modern:
        return words + (" WITH ADMIN OPTION" if membership["admin"] else "")
    options: Sequence[str] = [
        f"{word} {'TRUE' if membership[key] else 'FALSE'}"
        for key, word in (("admin", "ADMIN"), ("inherit", "INHERIT"), ("set", "SET"))
        if membership[key] is not None
    ]
    return f"{words} WITH {', '.join(options)}"


_BY_OURSELVES = """\
-- Roles without tablespaces: pg_dumpall cannot read names of several encodings.
-- Run it in a database of encoding SQL_ASCII, after SET client_encoding = 'SQL_ASCII'.
"""

_ROLES = """
SELECT a.rolname::text, a.rolsuper, a.rolinherit, a.rolcreaterole, a.rolcreatedb, a.rolcanlogin, a.rolreplication,
       a.rolbypassrls, a.rolconnlimit, a.rolvaliduntil::text,
       coalesce((SELECT s.setconfig FROM pg_catalog.pg_db_role_setting s WHERE s.setrole = a.oid AND s.setdatabase = 0),
                '{{}}'),
       shobj_description(a.oid, 'pg_authid'), {hash}
  FROM pg_catalog.{source} a WHERE NOT starts_with(a.rolname::text, 'pg_') ORDER BY a.rolname COLLATE "C"
"""

_ROLES_BARE = _ROLES.format(hash="NULL", source="pg_roles")

# What depends on the role that made the cluster is not recorded, so it counts as needed.
_NEEDED = """
SELECT r.rolname::text FROM pg_catalog.pg_roles r
 WHERE r.oid = 10 OR NOT starts_with(r.rolname::text, 'pg_') AND (
       EXISTS (SELECT FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.datname = current_database()
                WHERE s.refclassid = 1260 AND s.refobjid = r.oid
                  AND (s.dbid = d.oid OR s.classid = 1262 AND s.objid = d.oid))
    OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s
                 JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase AND d.datname = current_database()
                WHERE s.setrole = r.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_subscription u
                 JOIN pg_catalog.pg_database d ON d.oid = u.subdbid AND d.datname = current_database()
                WHERE u.subowner = r.oid))
 ORDER BY r.rolname COLLATE "C"
"""

_MEMBERSHIPS = """
SELECT r.rolname::text, m_role.rolname::text, m.admin_option, {options}
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
  JOIN pg_catalog.pg_roles m_role ON m_role.oid = m.member
 WHERE NOT starts_with(m_role.rolname::text, 'pg_')
 ORDER BY r.rolname COLLATE "C", m_role.rolname COLLATE "C"
"""

_TABLESPACES = """
SELECT s.spcname::text, pg_get_userbyid(s.spcowner)::text, pg_tablespace_location(s.oid), coalesce(s.spcoptions, '{}'),
       s.spcacl::text[], shobj_description(s.oid, 'pg_tablespace')
  FROM pg_catalog.pg_tablespace s WHERE NOT starts_with(s.spcname::text, 'pg_') ORDER BY s.spcname COLLATE "C"
"""

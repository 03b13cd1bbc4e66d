# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
What a backup's role can and cannot read, found before the dump instead of in the middle of it, or never.

Judged by effect and not by grants: an owner who dumps a database of its own needs no pg_read_all_data.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import DatabaseError
from . import unrestorable
from .accepted import accepts
from .connection import one, quote_identifier, rows
from .server import OLDEST_MAJOR, Finding, inspect
from .sessions import CONNECTED

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .connection import Connection
    from .server import Programs, ServerInfo


def preflight(connection: Connection, programs: Programs | None = None, *, sessions: int = 0) -> list[Finding]:
    """
    Return what stands in the way of a whole and right dump of the connected database, errors first.

    `sessions` is how many will be open at once beside this one.
    """
    server = inspect(connection)
    found = [*_kept_back(connection, server), *_surroundings(connection), *unrestorable.findings(connection)]
    found += _exposed(server)
    if programs is not None:
        found += outdated(programs)
    if sessions:
        found += _room(connection, sessions)
    return sorted(found, key=lambda finding: finding.severity)


def free_sessions(connection: Connection) -> tuple[int, str]:
    """Return how many sessions more may be open at once, whatever their databases, and whose limit that is."""
    limits = rows(connection, _LIMITS)
    return min((max(int(free), 0), str(name)) for name, free in limits if not name.startswith("database "))


def require(findings: Iterable[Finding], accepted: Sequence[str] = ()) -> list[Finding]:
    """
    Return the findings that are warnings, or errors that a pattern of `accepted` (regular expressions) finds.

    Raise DatabaseError on any other error; all of them are in its `details`.
    """
    listed = list(findings)
    errors = [finding for finding in listed if finding.severity == "error" and not accepts(accepted, finding.cause)]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise DatabaseError(
            errors[0].cause.rstrip(".") + more + ".",
            errors[0].remedy,
            findings=[dataclasses.asdict(finding) for finding in errors],
        ).naming(*errors[0].names)
    return [finding for finding in listed if finding not in errors]


def _kept_back(connection: Connection, server: ServerInfo) -> Iterator[Finding]:
    """Find what makes pg_dump fail, and what it leaves out, with a warning or without a word."""
    role = quote_identifier(server.user)
    may_look = "SELECT has_table_privilege('pg_catalog.{}', 'SELECT')"
    with_options = _WITH_OPTIONS if one(connection, may_look.format("pg_user_mapping")) else ""
    for severity, code, query, cause, remedy in _QUESTIONS[: 2 if server.superuser else None]:
        count, example = rows(connection, query + (with_options if query is _USER_MAPPINGS else ""))[0]
        if count:
            words = {"role": role, "count": count, "example": example}
            # A large object has a number, and no name.
            names = () if isinstance(example, int) else (str(example),)
            yield Finding(severity, code, cause.format(**words), remedy.format(**words), names)
    if not server.superuser and not one(connection, may_look.format("pg_authid")):
        yield Finding(
            "warning",
            "role_passwords",
            f"Role {role} may not read password hashes, so restored roles have no passwords.",
            f"Run: GRANT pg_read_all_data TO {role}, or set passwords after a restore.",
        )


def _surroundings(connection: Connection) -> Iterator[Finding]:
    for name, found, actual in rows(connection, _COLLATION) if connection.info.server_version >= 150000 else ():
        yield Finding(
            "warning",
            "collation_version",
            f"Database {quote_identifier(name)} has collation version {found}, and the system {actual}.",
            "Its text indexes may be out of order: run REINDEX, then ALTER DATABASE ... REFRESH COLLATION VERSION.",
        )
    for (name,) in rows(connection, "SELECT extname::text FROM pg_catalog.pg_extension WHERE extname = 'timescaledb'"):
        yield Finding(
            "warning",
            "extension_hooks",
            f"Extension {name} requires its own steps around a restore.",
            "Run timescaledb_pre_restore() before the data is restored, and timescaledb_post_restore() afterwards.",
        )


def _room(connection: Connection, sessions: int) -> Iterator[Finding]:
    """Find a limit on sessions that the dump would meet. Superusers have none but the server's own."""
    for limit, free in rows(connection, _LIMITS):
        if free < sessions:
            yield Finding(
                "error",
                "connection_limit",
                f"The backup needs {sessions} more sessions, and the limit of {limit} leaves only {max(free, 0)}.",
                "Raise that limit, wait until the load is lower, or set fewer jobs.",
            )


def _exposed(server: ServerInfo) -> Iterator[Finding]:
    if server.major < OLDEST_MAJOR:
        yield Finding(
            "warning",
            "unsupported_server",
            f"PostgreSQL {server.version} receives no security fixes any more, and is not tested here.",
            f"Upgrade to PostgreSQL {OLDEST_MAJOR} or later; a backup of this server can be restored there.",
        )
    if not server.restricted:
        yield Finding(
            "warning",
            "unrestricted_server",
            f"PostgreSQL {server.version} cannot keep sessions from reading views: a table's owner can replace it by a "
            f"view, and run SQL as role {quote_identifier(server.user)} during a backup (CVE-2024-7348).",
            "Update the server to PostgreSQL 15.8, 16.4, or a later release.",
        )


def outdated(programs: Programs) -> Iterator[Finding]:
    """Yield a warning when PostgreSQL's programs here lack security fixes of their major version."""
    if programs.outdated:
        yield Finding(
            "warning",
            "outdated_programs",
            f"pg_dump {programs.version} lacks security fixes of {programs.outdated}.",
            f"Update the PostgreSQL client package to {programs.outdated} or later, unless the fixes were backported.",
        )


_UNREADABLE_RELATIONS = """
SELECT count(*), min(format('%I.%I', n.nspname, c.relname))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT (has_schema_privilege(n.oid, 'USAGE') AND CASE c.relkind WHEN 'S'
            THEN has_sequence_privilege(c.oid, 'SELECT') ELSE has_table_privilege(c.oid, 'SELECT') END)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
                    WHERE e.classid = 1259 AND e.objid = c.oid AND e.deptype = 'e'
                      AND c.oid <> ALL (coalesce(x.extconfig, '{}')))
"""

# row_security_active() looks at the session's role; with row_security off it would raise instead of answering.
_ROW_SECURITY = """
SELECT count(*), min(format('%I.%I', n.nspname, c.relname))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_roles r ON r.rolname = current_user
 WHERE c.relrowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
   AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE'))
"""

_UNREADABLE_LARGE_OBJECTS = """
SELECT count(*), min(m.oid)::bigint FROM pg_catalog.pg_largeobject_metadata m
 WHERE current_setting('lo_compat_privileges') = 'off' AND NOT pg_has_role(m.lomowner, 'USAGE')
   AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) AS a
                    WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
"""

_SUBSCRIPTIONS = """
SELECT count(*), min(quote_ident(s.subname)) FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()
"""

_USER_MAPPINGS = """
SELECT count(*), min(quote_ident(m.srvname)) FROM pg_catalog.pg_user_mappings m
  JOIN pg_catalog.pg_foreign_server s ON s.oid = m.srvid
 WHERE m.umoptions IS NULL
   AND NOT (m.umuser = 0 AND pg_has_role(s.srvowner, 'USAGE'))
   AND NOT (m.umuser <> 0 AND m.usename = current_user
            AND (pg_has_role(s.srvowner, 'USAGE') OR has_server_privilege(s.oid, 'USAGE')))
"""

_WITH_OPTIONS = "AND EXISTS (SELECT FROM pg_catalog.pg_user_mapping o WHERE o.oid = m.umid AND o.umoptions IS NOT NULL)"

_QUESTIONS: tuple[tuple[t.Literal["error", "warning"], str, str, str, str], ...] = (
    (
        "error",
        "unreadable_tables",
        _UNREADABLE_RELATIONS,
        "Role {role} may not read {count} tables or sequences, such as {example}.",
        "Run: GRANT pg_read_all_data TO {role}",
    ),
    (
        "error",
        "row_security",
        _ROW_SECURITY,
        "Row-level security hides rows of {count} tables, such as {example}, from role {role}.",
        "Run as a superuser: ALTER ROLE {role} BYPASSRLS",
    ),
    (
        "error",
        "unreadable_large_objects",
        _UNREADABLE_LARGE_OBJECTS,
        "Role {role} may not read {count} large objects of other owners, such as {example}.",
        (
            "Run for each: GRANT SELECT ON LARGE OBJECT {example} TO {role}; or as a superuser, "
            "ALTER ROLE {role} SET lo_compat_privileges = on."
        ),
    ),
    (
        "error",
        "subscriptions",
        _SUBSCRIPTIONS,
        "{count} subscriptions, such as {example}, are not dumped: role {role} is not a superuser.",
        "Back up as a superuser, or accept this in accept_warnings and create them by hand after a restore.",
    ),
    (
        "warning",
        "user_mappings",
        _USER_MAPPINGS,
        "The options (passwords) of {count} user mappings, such as on server {example}, are not dumped.",
        "Back up as a superuser, or keep those passwords elsewhere.",
    ),
)
"""Each with the count and an example that its query gives. The first two are for superusers as well."""

# The session that asks is counted already.
_LIMITS = f"""
WITH connected AS ({CONNECTED}), me AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = session_user)
SELECT 'role ' || quote_ident(me.rolname), me.rolconnlimit - (SELECT count(*) FROM connected WHERE usesysid = me.oid)
  FROM me WHERE me.rolconnlimit >= 0 AND NOT me.rolsuper
UNION ALL
SELECT 'database ' || quote_ident(d.datname), d.datconnlimit - (SELECT count(*) FROM connected WHERE datid = d.oid)
  FROM pg_catalog.pg_database d, me
 WHERE d.datname = current_database() AND d.datconnlimit >= 0 AND NOT me.rolsuper
UNION ALL
SELECT 'the server (max_connections)', current_setting('max_connections')::integer - (SELECT count(*) FROM connected)
       - CASE WHEN me.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::integer END
       - CASE WHEN me.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_roles
                                           WHERE rolname = 'pg_use_reserved_connections' AND pg_has_role(oid, 'USAGE'))
              THEN 0 ELSE coalesce(current_setting('reserved_connections', true), '0')::integer END
  FROM me
"""  # noqa: S608 - constants

_COLLATION = """
SELECT datname::text, datcollversion, pg_database_collation_actual_version(oid) FROM pg_catalog.pg_database
 WHERE datname = current_database() AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
   AND datcollversion IS NOT NULL
"""

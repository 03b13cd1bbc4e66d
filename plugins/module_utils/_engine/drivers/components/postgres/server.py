# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
What server we talk to, and which programs of PostgreSQL fit it.

Programs come from the server's own major version, or the nearest higher one: an older pg_dump refuses or loses
things. `/usr/bin/pg_dump` of Debian is a wrapper that chooses a version by itself, so it is never used.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from ....ground import process
from ....ground.errors import DatabaseError, ProcessFailed
from .connection import one, restricted, rows

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .connection import Connection


OLDEST_MAJOR = 15
"""The oldest major that PostgreSQL still mends; an older server is warned of and not refused."""

NEWEST_MAJOR = 20
"""The newest major whose programs are searched for; a server newer than its programs is refused anyway."""

PATCHED = {18: 7, 17: 12, 16: 16, 15: 20, 14: 25}
"""
The minor release of each major whose pg_dump and pg_restore have no known way to be turned against their user.

Older ones bring a warning and no refusal: distributions patch without raising the number, and lag.
"""

_DIRECTORIES = ("/usr/lib/postgresql/{major}/bin", "/usr/pgsql-{major}/bin", "/usr/local/pgsql-{major}/bin")


@dataclasses.dataclass(frozen=True, slots=True)
class ServerInfo:
    """
    The server and the database of one connection.

    `lag_bytes` and `lag_seconds` are of a standby: how far replay is behind what it received, and the age of the last
    transaction that it replayed. A standby cannot know how far it is behind its primary. `restricted` says that its
    sessions can be kept out of users' views.
    """

    version_num: int
    version: str
    system_identifier: str
    database: str
    encoding: str
    user: str
    superuser: bool
    in_recovery: bool
    replay_lsn: str = ""
    lag_bytes: int = 0
    lag_seconds: int = 0
    restricted: bool = True

    @property
    def major(self) -> int:
        """The major version: 15 of 15.18."""
        return self.version_num // 10000


@dataclasses.dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs in one directory, all of one version."""

    directory: str
    version_num: int
    version: str

    @property
    def major(self) -> int:
        """The major version: 15 of 15.18."""
        return self.version_num // 10000

    def path(self, program: str) -> str:
        """Return the absolute path of `program`."""
        return os.path.join(self.directory, program)

    @property
    def outdated(self) -> str:
        """The oldest minor release without known holes, when this one is older; else an empty string."""
        patched = PATCHED.get(self.major, 0)
        return f"{self.major}.{patched}" if self.version_num % 10000 < patched else ""


def inspect(connection: Connection) -> ServerInfo:
    """Ask the server who it is."""
    (number, version, database, encoding, user, superuser, in_recovery) = rows(connection, _IDENTITY)[0]
    standby = rows(connection, _STANDBY)[0] if in_recovery else ("", 0, 0)
    return ServerInfo(
        version_num=int(number),
        version=str(version).split(" ", 1)[0],
        system_identifier=system_identifier(connection),
        database=database,
        encoding=encoding,
        user=user,
        superuser=superuser,
        in_recovery=in_recovery,
        replay_lsn=standby[0],
        lag_bytes=int(standby[1]),
        lag_seconds=int(standby[2]),
        restricted=restricted(connection),
    )


def programs(major: int, *, environ: Mapping[str, str] | None = None, directory: str = "") -> Programs:
    """
    Find the programs for a server of `major`; `directory` alone is searched when it is given.

    Raise DatabaseError when there are none, or only older ones.
    """
    seen: list[Programs] = []
    for candidate in _candidates(major, environ or {}, directory):
        found = _identify(candidate)
        if found is not None and found.major >= major:
            return found
        if found is not None:
            seen.append(found)
    older = f" Only version {seen[0].version} is installed, in {seen[0].directory}." if seen else ""
    raise DatabaseError(
        f"The programs of PostgreSQL {major} (pg_dump, pg_restore) are not installed on this host.{older}",
        f"Install the client package of PostgreSQL {major} or newer, such as postgresql-client-{major}.",
        major=major,
    )


def _candidates(major: int, environ: Mapping[str, str], directory: str) -> Iterator[str]:
    if directory:
        yield directory
        return
    for number in range(major, max(major, NEWEST_MAJOR) + 1):
        for pattern in _DIRECTORIES:
            yield pattern.format(major=number)
    yield from filter(None, environ.get("PATH", "").split(os.pathsep))
    # So that an installation that is only older gets named in the refusal.
    for number in range(major - 1, OLDEST_MAJOR - 1, -1):
        yield _DIRECTORIES[0].format(major=number)


def _identify(directory: str) -> Programs | None:
    path = os.path.join(directory, "pg_dump")
    if not os.access(path, os.X_OK) or os.path.basename(os.path.realpath(path)) == "pg_wrapper":
        return None
    try:
        said = process.run([path, "--version"], env={"LC_ALL": "C"}, limit=4096).decode("utf-8", "replace")
    except ProcessFailed:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+)|[a-z])", said)
    if match is None:
        return None
    major, minor = int(match[1]), int(match[2] or 0)
    return Programs(os.path.abspath(directory), major * 10000 + minor, f"{major}.{minor}")


def system_identifier(connection: Connection) -> str:
    """Return the number that the cluster got when it was made, or an empty string where this role may not see it."""
    if not one(connection, "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"):
        return ""
    return str(one(connection, "SELECT system_identifier FROM pg_catalog.pg_control_system()"))


_IDENTITY = """
SELECT current_setting('server_version_num'), current_setting('server_version'), current_database()::text,
       pg_encoding_to_char(d.encoding)::text, current_user::text, r.rolsuper, pg_is_in_recovery()
  FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
 WHERE d.datname = current_database() AND r.rolname = current_user
"""

_STANDBY = """
SELECT coalesce(pg_last_wal_replay_lsn()::text, ''),
       coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::bigint,
       coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::bigint
"""


def power(connection: Connection) -> tuple[str, str]:
    """
    Return this session's login, and the most that it may do beyond what it was granted, as the rest of a sentence;
    empty where it may do nothing.

    Whoever owns a table runs code in the sessions that use it: by its triggers, and already while a query is planned by
    its indexes and statistics objects. That code can do all that the login may; no change of the role within the
    session takes anything away from it.
    """
    login, found = rows(connection, _POWERS)[0]
    return str(login), str(found or "")


_POWERS = """
SELECT session_user::text, CASE
    WHEN rolsuper THEN 'is a superuser'
    WHEN pg_has_role(session_user, 'pg_execute_server_program', 'MEMBER') THEN 'may run programs on the server'
    WHEN pg_has_role(session_user, 'pg_write_server_files', 'MEMBER') THEN 'may write files of the server'
    WHEN pg_has_role(session_user, 'pg_read_server_files', 'MEMBER') THEN 'may read files of the server'
    WHEN rolcreaterole THEN 'may make and change roles'
    WHEN pg_has_role(session_user, 'pg_read_all_data', 'MEMBER')
        OR has_table_privilege(session_user, 'pg_catalog.pg_authid', 'SELECT') THEN 'may read password hashes'
END AS power
FROM pg_catalog.pg_roles
WHERE rolname = session_user
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """
    Something to know before a backup. `error` makes the dump fail or be wrong; `warning` is lost or weak, and told.

    `code` is stable, for machines; `names` are the parts of the cause that name objects of the database.
    """

    severity: t.Literal["error", "warning"]
    code: str
    cause: str
    remedy: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}"

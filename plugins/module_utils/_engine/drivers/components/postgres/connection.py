# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
Connections to PostgreSQL: the one home of psycopg, and of what its child programs need to reach the same server.

A database's name is a name: `host=evil dbname=x`, `--file=/x` and a name with a line break in it are never expanded
into options, neither by psycopg (every value is quoted into the connection string) nor by the programs (PGDATABASE).
Every session has `search_path = pg_catalog`, no timeouts that a role or database may have set, row security that
refuses instead of filtering, the settings that fix how values look as text, and, on every server that can, no way into
views and foreign tables: whoever owns a database may put one where a table was, and its code would run with our rights.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import struct
import typing as t

from ....ground.errors import DatabaseError, MissingLibrary, UsageError
from . import session
from .failures import explain_connect, explain_query, refused_with
from .login import NAME_BYTES, Login, check_name

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "MAINTENANCE",
    "NAME_BYTES",
    "Connection",
    "Login",
    "check_name",
    "child_environment",
    "connect",
    "connect_replication",
    "connect_server",
    "conninfo",
    "execute",
    "explained",
    "one",
    "permit_views",
    "qualified",
    "quote_identifier",
    "quote_literal",
    "rows",
    "single",
]

if t.TYPE_CHECKING:
    import types

    import psycopg

    Connection = psycopg.Connection[tuple[t.Any, ...]]

MAINTENANCE = ("postgres", "template1")
"""Where a server as a whole is looked at and managed: the second where somebody dropped the first."""

RAW = "SQL_ASCII"
"""What PostgreSQL calls the encoding that converts nothing. No client of ours has it but by `encodings.raw_names`."""

CONNECT_TIMEOUT = 15

_NOWHERE = "/nonexistent"


def connect(
    login: Login, database: str, *, autocommit: bool = True, read_only: bool = False, lock_timeout_ms: int = 10_000
) -> Connection:
    """Open a session with fixed settings. Raise DatabaseError that says what is wrong and what to do."""
    connection = _open(login, database, _parameters(login, database))
    try:
        with explained(f"preparing a session in database {database}"):
            _refuse_pooler(connection, login)
            _prepare(connection, lock_timeout_ms, read_only=read_only)
            connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def connect_server(login: Login, *, read_only: bool = False) -> Connection:
    """Open a session in a database that every server has. Raise DatabaseError as `connect` does for the first one."""
    first, second = MAINTENANCE
    try:
        return connect(login, first, read_only=read_only)
    except DatabaseError as exc:
        # invalid_catalog_name, insufficient_privilege, and what a database that takes no connections answers
        if exc.details.get("sqlstate") not in {"3D000", "42501", "55000"}:
            raise
    return connect(login, second, read_only=read_only)


def connect_replication(login: Login) -> Connection:
    """Open a session in no database, which takes the commands of replication alone. Errors as in `connect`."""
    return _open(login, "replication", _parameters(login, "replication") | {"replication": "true"})


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what psycopg raises inside into a DatabaseError (or Busy) that says what was being done."""
    library = _psycopg()
    try:
        yield
    except library.Error as exc:
        raise explain_query(exc.sqlstate or "", str(exc), doing) from exc
    except UnicodeError as exc:
        raise DatabaseError(
            f"The server sent text that is invalid in its encoding while {doing}.",
            "Find and repair the value; dumps of this database cannot be restored with it.",
        ) from exc


def rows(connection: Connection, query: str, parameters: Sequence[object] | None = None) -> list[tuple[t.Any, ...]]:
    """Run `query`; return all rows. Without parameters a percent sign is a percent sign. Errors as in `explained`."""
    with explained("reading from the database"):
        if not _is_raw(connection):
            return connection.execute(query, parameters).fetchall()
        found = connection.execute(query.encode("utf-8", "surrogateescape"), parameters).fetchall()
        return [tuple(map(_raw_text, row)) for row in found]


def one(connection: Connection, query: str, parameters: Sequence[object] | None = None) -> t.Any:
    """Return the first column of the first row, or None when there is no row."""
    found = rows(connection, query, parameters)
    return found[0][0] if found else None


def text_encoding(connection: Connection) -> str:
    """Return the client encoding in which text of this database can be read and written."""
    # Such a database converts nothing, and LATIN1 has a character for every byte: names survive the round trip.
    return "LATIN1" if connection.info.parameter_status("server_encoding") == RAW else "UTF8"


def execute(connection: Connection, statement: str) -> None:
    """Run a statement that gives no rows. Errors as in `explained`."""
    with explained("running a statement"):
        raw = _is_raw(connection)
        connection.execute(statement.encode("utf-8", "surrogateescape") if raw else statement)


def single(connection: Connection, statement: str) -> list[tuple[t.Any, ...]]:
    """Run one statement, of which others wrote the text; return its rows, if it has any. Errors as in `explained`."""
    with explained("running a statement"):
        # Binary, because PostgreSQL then takes no second statement, such as a COMMIT.
        cursor = connection.execute(statement, binary=True)
        return cursor.fetchall() if cursor.description else []


def restricted(connection: Connection) -> bool:
    """Whether this session can be kept out of users' views, on this server."""
    return one(connection, session.IS_RESTRICTED) is not None


def permit_views(connection: Connection) -> None:
    """Let this session read views and foreign tables: where their owners' code harms nobody."""
    rows(connection, session.restriction(""))


def quote_identifier(name: str) -> str:
    """Return `name` as it stands in SQL, and in the name patterns of pg_dump: always quoted."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return `text` as a string constant, whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def qualified(schema: str, name: str) -> str:
    """Return `"schema"."name"`."""
    return f"{quote_identifier(schema)}.{quote_identifier(name)}"


def conninfo(database: str) -> str:
    """Return a connection string of this database's name alone, for a program that expands its name as one."""
    return "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"


def child_environment(
    login: Login, database: str, environ: Mapping[str, str], *, encoding: str | None = None, restrict: bool = False
) -> dict[str, str]:
    """
    Return the environment in which pg_dump, pg_restore or psql reaches `database`.

    With `restrict` its sessions read no view and no foreign table: for a program that only reads, and a server that
    is `restricted`.

    Nothing of `environ` that libpq reads is passed on (see `login.forget_environment`). PGDATABASE is never expanded,
    and PGUSER may begin with a hyphen. The password is in the environment of this one child: PGPASSFILE would need a
    file on a disk, or escaping of names that pgpass cannot hold.
    """
    kept = {key: value for key, value in environ.items() if key in _KEPT}
    values = {
        **kept,
        "LC_MESSAGES": "C",
        "PGHOST": login.where,
        "PGPORT": str(login.port),
        "PGUSER": check_name(login.user, "login_user") if login.user else "",
        "PGDATABASE": check_name(database, "login_db"),
        "PGSSLMODE": login.ssl_mode,
        "PGSSLROOTCERT": login.ca_cert or "",
        "PGSSLCERT": login.ssl_cert or "",
        "PGSSLKEY": login.ssl_key or "",
        "PGPASSWORD": login.secret(),
        "PGAPPNAME": "lifeboat",
        "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
        "PGCLIENTENCODING": encoding or "",
        "PGOPTIONS": session.FROM_THE_START + (f" -c {session.RESTRICTION}={session.RESTRICTED}" if restrict else ""),
    }
    return {key: value for key, value in values.items() if value}


def _psycopg() -> types.ModuleType:
    """Return psycopg. It is imported at first use: that takes a tenth of a second, and many runs ask no server."""
    try:
        return importlib.import_module("psycopg")
    except ImportError as exc:  # pragma: no cover - installed wherever the tests run
        raise MissingLibrary("psycopg", "to talk to PostgreSQL") from exc


_KEPT = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "KRB5CCNAME", "KRB5_CONFIG"})


def _is_raw(connection: Connection) -> bool:
    return connection.info.parameter_status("client_encoding") == RAW


def _raw_text(value: t.Any) -> t.Any:
    """Return what psycopg leaves as bytes, where it knows no encoding, as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return [_raw_text(item) for item in value] if isinstance(value, list) else value


def _parameters(login: Login, database: str) -> dict[str, str | int | None]:
    parameters: dict[str, str | int | None] = {
        "host": login.where,
        "hostaddr": "",
        "port": login.port,
        "dbname": check_name(database, "login_db"),
        "sslmode": login.ssl_mode,
        "sslrootcert": login.ca_cert,
        "sslcert": login.ssl_cert,
        "sslkey": login.ssl_key,
        "connect_timeout": CONNECT_TIMEOUT,
        "client_encoding": "UTF8",
        "options": session.FROM_THE_START,
        "fallback_application_name": "lifeboat",
        "keepalives_idle": 60,
    }
    if login.user:
        parameters["user"] = check_name(login.user, "login_user")
    if secret := login.secret():
        parameters["password"] = secret
    if login.server_uid is not None:
        # It is no friend, and may ask for a password: without these, libpq takes one from PGPASSWORD or ~/.pgpass.
        parameters |= {"password": "", "passfile": _NOWHERE}
    return parameters


def _open(login: Login, database: str, parameters: Mapping[str, str | int | None]) -> Connection:
    library = _psycopg()
    try:
        wanted = library.conninfo.make_conninfo("", **parameters)
        connection: Connection = library.connect(wanted, autocommit=True, prepare_threshold=None)
    except library.Error as exc:
        # The server's own word, not libpq's or a network's.
        state = refused_with(library.pq.PGconn.connect_start, wanted) if "FATAL:" in str(exc) else ""
        raise _refused(login, database, str(exc), state) from exc
    except UnicodeEncodeError as exc:
        raise UsageError("A login option is not valid UTF-8.", "Correct its encoding.", field="login_db") from exc
    if login.server_uid is not None:
        _require_owner(connection, login.server_uid)
    return connection


def _refused(login: Login, database: str, said: str, state: str = "") -> DatabaseError:
    return explain_connect(said, state, where=login.where, port=login.port, user=login.user, database=database)


def _require_owner(connection: Connection, uid: int) -> None:
    """Raise DatabaseError when another user's server answered: a socket's file can be a link to somewhere else."""
    with socket.socket(fileno=os.dup(connection.fileno())) as link:
        _pid, found, _gid = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if found != uid:
        connection.close()
        raise DatabaseError(
            f"The server that answered runs as user {found}, not as {uid}.",
            "Functions in the backup interfere with the validation; check who may create objects in its database.",
        )


def _refuse_pooler(connection: Connection, login: Login) -> None:
    """
    Raise DatabaseError when something between us and the server lends its sessions out: what we set in one, such as an
    empty search_path, would meet an application in it later, and a snapshot would end with the statement.

    A pooler answers for many servers' sessions, so it makes up the process number that it gives at the start.
    """
    if connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone() != (connection.info.backend_pid,):
        raise _refused(login, "", "pooler")


def _prepare(connection: Connection, lock_timeout_ms: int, *, read_only: bool) -> None:
    changes = {"default_transaction_read_only": "on" if read_only else "off", "lock_timeout": str(lock_timeout_ms)}
    if connection.info.parameter_status("is_superuser") == "on":
        changes["lc_messages"] = "C"
    if connection.info.server_version >= 170000:
        changes["transaction_timeout"] = "0"
    changes["client_encoding"] = text_encoding(connection)
    connection.execute(session.preparation(changes))

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What libpq and PostgreSQL say when they refuse, as one sentence of cause and one of what to do next."""

from __future__ import annotations

import os
import re
import select
import typing as t

from ....ground import disk
from ....ground.errors import Busy, DatabaseError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# libpq's own words, which are English: of its messages this collection asks for no other.
_CONNECT: tuple[tuple[str, str, str], ...] = (
    (
        r"connection to server on socket .*(No such file or directory|Connection refused)",
        "No PostgreSQL server listens in {where} on port {port}.",
        "Start it, or correct login_unix_socket, login_host and login_port.",
    ),
    (
        # The second is PgBouncer's, which knows one language.
        r"^pooler$|unsupported startup parameter",
        "A connection pooler answers at {where} port {port}, not PostgreSQL.",
        "Set login_host and login_port, or login_unix_socket, to the server behind it.",
    ),
    (
        r"Connection refused",
        "Nothing listens at {where} port {port}.",
        "Start PostgreSQL there, check its listen_addresses and any firewall, or correct login_host and login_port.",
    ),
    (
        r"could not translate host name|failed to resolve host|Name or service not known",
        "The host name {where} cannot be resolved.",
        "Correct login_host, or fix name resolution.",
    ),
    (
        r"timeout expired|timed out|No route to host|Network is unreachable",
        "The host {where} does not answer on port {port}.",
        "Check the network and the firewalls between this host and the server.",
    ),
    (
        r"no password supplied|fe_sendauth",
        "The server at {where} requires a password for role {user}, and none is set.",
        "Set login_password_file, or allow peer authentication in pg_hba.conf.",
    ),
    (
        r"certificate verify failed|root certificate file|does not support SSL|SSL error",
        "The TLS connection to {where} could not be established.",
        "Check ssl_mode and ca_cert against the server's certificate.",
    ),
)

_REFUSED: Mapping[str, tuple[str, str]] = {
    "3D000": (
        "The database {database!r} does not exist on the server at {where} port {port}.",
        "Correct login_db: the name is used exactly as written.",
    ),
    "28P01": (
        "The server at {where} rejected the password of role {user}.",
        "Correct login_password_file or the role's password.",
    ),
    "42501": (
        "The role {user} may not connect to database {database!r}.",
        "Run: GRANT CONNECT ON DATABASE to that role.",
    ),
    "55000": (
        "The database {database!r} accepts no connections.",
        "Allow them with ALTER DATABASE ... ALLOW_CONNECTIONS true, or exclude this database.",
    ),
    "53300": (
        "The server at {where} has no free connections.",
        "Raise max_connections or the connection limit of the role or database, or run when the load is lower.",
    ),
    "57P03": ("The server at {where} is starting or stopping.", "Try again when it accepts connections."),
    "28000": (
        "The server at {where} does not allow role {user} to connect to database {database!r}: {said}.",
        "Create the role or allow it to log in (ALTER ROLE ... LOGIN), and check pg_hba.conf and pg_ident.conf.",
    ),
}
"""What a SQLSTATE at the start of a session means, in whatever language the server speaks."""

_UNKNOWN = (
    "The server at {where} port {port} refused the connection: {line}.",
    "Correct the login options, or the server's configuration.",
)

_NOT_LET_IN: tuple[tuple[str, str, str], ...] = (
    (
        r'role ".*" does not exist',
        "The role {user} does not exist on the server at {where} port {port}.",
        "Create it with playbook lifeboat.recovery.install, or correct login_user.",
    ),
    (
        r"Peer authentication failed|Ident authentication failed",
        "The server at {where} does not allow this operating system user to connect as role {user}.",
        "Run as the user of that name, add a map in pg_ident.conf, or use a password.",
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        "No line in the server's pg_hba.conf allows role {user} to connect to database {database!r}.",
        "Add one, and reload the server.",
    ),
    (
        r"is not permitted to log in",
        "The role {user} is not allowed to log in.",
        "Run: ALTER ROLE ... LOGIN, or use another role.",
    ),
)
"""What 28000 means more precisely, where the server speaks English."""

_BUSY = frozenset({"55P03", "40P01", "57014"})
"""lock_not_available, deadlock_detected, and query_canceled, which is how a timeout shows."""

_STATES = {
    "40001": "Replay canceled the query: set hot_standby_feedback = on at the standby, and try again.",
    "42501": "Grant it to the backup role, or use another role.",
    "42P01": "It was dropped or renamed in the meantime: try again.",
    "53100": "Free space on the server's disk, and try again.",
    "53200": "Raise max_locks_per_transaction on the server (a restart), and try again.",
    "57P01": "Find out who terminates sessions on that server, and try again.",
    "57P03": "Try again when the server accepts connections.",
    "XX001": "The server reports corrupted data: check its disks, and restore from an earlier backup.",
    "XX002": "The server reports a corrupted index: REINDEX it, check its disks, and try again.",
}


def explain_connect(said: str, state: str = "", *, where: str, port: int, user: str, database: str) -> DatabaseError:
    """Return the error for a connection that was not made; `said` is libpq's message, `state` the server's SQLSTATE."""
    line = _first_line(said)
    known: dict[str, str | int] = {"where": where, "port": port, "database": database, "line": line}
    known |= {"user": user or "of this system user's name", "said": line.rpartition("FATAL:")[2].strip()}
    place = {"database": database, "host": where, "port": port, "sqlstate": state}
    patterns = _CONNECT if state not in _REFUSED else _NOT_LET_IN if state == "28000" else ()
    found = [(cause, remedy) for pattern, cause, remedy in patterns if re.search(pattern, said, re.DOTALL)]
    cause, remedy = [*found, _REFUSED.get(state, _UNKNOWN)][0]
    return DatabaseError(cause.format(**known), remedy, **place)


def explain_query(sqlstate: str, said: str, doing: str) -> DatabaseError | Busy:
    """Return the error for a statement that failed; `doing` completes the sentence "... while"."""
    cause = f"PostgreSQL said {_first_line(said)!r} while {doing}."
    if sqlstate in _BUSY:
        return Busy(cause, "Try again when the other session has finished.", sqlstate=sqlstate)
    if not sqlstate or sqlstate.startswith("08"):
        return DatabaseError(
            f"The connection to PostgreSQL was lost while {doing}: {_first_line(said)}.",
            "Check the PostgreSQL server log, and try again.",
            sqlstate=sqlstate,
        )
    return DatabaseError(cause, _STATES.get(sqlstate, "Check the PostgreSQL server log."), sqlstate=sqlstate)


def _first_line(said: str) -> str:
    return (said.strip().splitlines() or ["nothing"])[0].rstrip(".")


WAIT = 10
"""Seconds for each step of the second attempt; the first one had its answer in less."""

LONGEST = 1 << 20

_STATE = re.compile(rb"\tErrorResponse\t.*? C \"([0-9A-Z]{5})\"")


def refused_with(start: t.Callable[[bytes], t.Any], conninfo: str) -> str:
    """
    Return the SQLSTATE with which the server refuses a session, or an empty string when it gives none.

    `start` is libpq's PQconnectStart. It is tried once more, with libpq's trace of the protocol in a file in memory
    (https://www.postgresql.org/docs/current/libpq-control.html).
    """
    # The copy is ours to close: libpq's trace ends with what it wrote, and leaves the file open.
    with disk.closing(os.memfd_create("lifeboat")) as trace, disk.closing(os.dup(trace)) as copy:
        attempt = start(conninfo.encode())
        try:
            attempt.trace(copy)
            _poll(attempt)
        finally:
            attempt.untrace()
            attempt.finish()
        found = _STATE.search(os.pread(trace, LONGEST, 0))
    return found[1].decode() if found else ""


def _poll(attempt: t.Any) -> None:
    """Take the attempt to its end, as PQconnectPoll asks: 1 and 2 are PGRES_POLLING_READING and _WRITING."""
    events = {1: select.POLLIN, 2: select.POLLOUT}
    while (wanted := int(attempt.connect_poll())) in events:
        waiting = select.poll()
        waiting.register(attempt.socket, events[wanted])
        if not waiting.poll(WAIT * 1000):
            return

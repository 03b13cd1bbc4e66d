# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
The pg_dump of each member: its arguments, its environment, and what it may say on standard error.

Sections, not `-s` and `-a`: sections split a dump exactly, while `-s` loses the refresh of materialised views and
`-a` makes large objects a second time. Never `--enable-row-security`: it would dump a part and call it success.
"""

from __future__ import annotations

import re
import typing as t

from ....ground.errors import Busy, DatabaseError, ProcessFailed
from ....ground.process import Producer
from ....ground.units import human_size
from . import diagnostics
from .accepted import accepts
from .connection import child_environment, one, qualified, quote_identifier, rows

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ....ground.process import Argument
    from .connection import Connection, Login
    from .members import Member
    from .server import Programs
    from .snapshot import Held, Table

ACCEPTED = (r'database ".*" has (a|no actual) collation version( mismatch)?',)
"""Warnings about the server that say nothing about the dump: the preflight reports this one."""

TOLD = (r"there are circular foreign-key constraints (on this table|among these tables)",)
"""Warnings that are reported and fail nothing. Rows of one table are loaded by one statement, so they may refer to each
other; whether several tables load is what a validation shows."""


LAST = 4096
"""Characters of a program's words that an error's details hold."""


def command(
    programs: Programs,
    member: Member,
    held: Held,
    login: Login,
    database: str,
    *,
    environ: Mapping[str, str],
) -> tuple[list[Argument], dict[str, str]]:
    """
    Return argv and environment of the pg_dump that writes `member` to its standard output.

    It waits for locks no longer than the snapshot did: an ALTER that queues between us and our child is a deadlock that
    PostgreSQL cannot see. `lock_refused` tells that failure; then release everything and try again.
    """
    sections = ("pre-data", "post-data") if member.role == "schema" else ("data",)
    argv: list[Argument] = [
        programs.path("pg_dump"),
        "--format=custom",
        "--compress=0",
        "--no-password",
        f"--snapshot={held.snapshot_id}",
        f"--lock-wait-timeout={held.lock_timeout_ms}",
        *(f"--section={section}" for section in sections),
        *_patterns(held.connection, member),
    ]
    environment = child_environment(
        login, database, environ, encoding=held.server.encoding, restrict=held.server.restricted
    )
    return argv, {**environment, "PGOPTIONS": f"{environment['PGOPTIONS']} {_QUIET}{_language(held.connection)}"}


def lock_refused(error: ProcessFailed) -> bool:
    """
    Tell whether a pg_dump failed because it waited too long for a lock, or in a deadlock.

    It may take every lock that it asks for, since the snapshot's holder of the same role has them all; so whatever the
    server's words are, another session is in the way, unless the server has no room for more locks.
    """
    said = str(error.details.get("stderr", ""))
    asked = any("Query was: LOCK TABLE" in detail for one in diagnostics.read(said) for detail in one.details)
    return asked and "out of shared memory" not in said


def explain(error: ProcessFailed, database: str) -> DatabaseError | Busy:
    """Return a pg_dump's failure as what it means to the user, with all that it said about it."""
    said = str(error.details.get("stderr", ""))
    cause = f"pg_dump of database {database!r} failed: {diagnostics.failure(error)}."
    if lock_refused(error):
        return Busy(cause, "Try again when no schema change is pending, or raise lock_timeout.", stderr=said)
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, said):
            return DatabaseError(cause, remedy, stderr=said)
    return DatabaseError(cause, "Check the PostgreSQL server log.", stderr=said)


def start(argv: Sequence[Argument], environment: Mapping[str, str]) -> Producer:
    """Start a `command`, of which all warnings are kept."""
    return Producer(argv, env=environment, tail=diagnostics.KEPT)


def require_accepted(child: Producer, accepted: Sequence[str]) -> None:
    """Raise DatabaseError when a pg_dump that ended well warned of what no pattern of `accepted` finds."""
    said = child.stderr
    if child.said_more:
        raise DatabaseError(
            f"pg_dump printed more than {human_size(diagnostics.KEPT)} of warnings, so not all of them were read.",
            "Fix the cause of the last ones, which are in the details (stderr), and back up again.",
            stderr=said[-LAST:],
        )
    if left_out := unaccepted_warnings(said, accepted):
        raise DatabaseError(
            f"pg_dump warned: {left_out[0]}.",
            "Fix the cause, or add a pattern for it to accept_warnings if the loss is intended.",
            warnings=left_out,
            stderr=said[-LAST:],
        )


def unaccepted_warnings(stderr: str, accepted: Sequence[str] = ()) -> list[str]:
    """
    Return the messages of a program that ended well and that no pattern of `accepted` (regular expressions) finds.

    Any of them fails the backup: pg_dump warns where it leaves something out.
    """
    known = (*accepted, *ACCEPTED, *TOLD)
    return [text for text in map(str, diagnostics.read(stderr)) if not accepts(known, text)]


def told_warnings(stderr: str, accepted: Sequence[str] = ()) -> list[str]:
    """Return the messages that are reported and fail nothing, except those that `accepted` knows."""
    return [
        f"pg_dump warned: {text}."
        for text in map(str, diagnostics.read(stderr))
        if accepts(TOLD, text) and not accepts(accepted, text)
    ]


def server_warnings(connection: Connection) -> tuple[str, ...]:
    """
    Return patterns for what this server says to every session, in whatever language: another collation version.

    Such a message holds the recorded version and the actual one.
    """
    if connection.info.server_version < 150000:
        return ()
    recorded, actual = rows(connection, _COLLATION)[0]
    if not recorded or not actual or recorded == actual:
        return ()
    return (f"(?s)(?=.*{re.escape(recorded)})(?=.*{re.escape(actual)})",)


def _language(connection: Connection) -> str:
    """Return the option that makes the server speak English to a program, where this role may choose."""
    return " -c lc_messages=C" if one(connection, _MAY_CHOOSE[connection.info.server_version >= 150000]) else ""


def _patterns(connection: Connection, member: Member) -> list[bytes]:
    """
    Return the options that choose, as bytes in the server's encoding: pg_dump compares names as it is given them.

    A quoted name in a pattern means itself, whatever characters it has.
    """
    texts = [f"--{option}={'.'.join(map(quote_identifier, names))}" for option, names in member.selection]
    if member.selection:
        texts.append("--strict-names")
    texts += [f"--exclude-table-data={qualified(table.schema, table.name)}" for table in member.excluded]
    if not texts:
        return []
    found = rows(connection, _ENCODED, [texts])
    return [bytes(encoded) for (encoded,) in found]


def early_post_data(connection: Connection, tables: Sequence[Table]) -> dict[int, list[list[int]]]:
    """
    Return for each table (by oid) the archive entries that may be built as soon as its own rows are in.

    An entry is [catalogue oid, object oid]: indexes, and the constraints that are indexes. Left out is what calls a
    function of the user's, which may read other tables.
    """
    entries: dict[int, list[list[int]]] = {table.oid: [] for table in tables}
    for table, catalogue, oid in rows(connection, _EARLY, [list(entries)]):
        entries[table].append([catalogue, oid])
    return entries


_QUIET = "-c client_min_messages=warning"
"""Notices say nothing about a dump, and only an English one could be told from a warning."""

_MAY_CHOOSE = (
    "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user",
    "SELECT has_parameter_privilege(current_user, 'lc_messages', 'SET')",
)

_COLLATION = """
SELECT datcollversion::text, pg_database_collation_actual_version(oid)::text
  FROM pg_catalog.pg_database WHERE datname = current_database()
"""

_REMEDIES = (
    (r"permission denied", "Grant pg_read_all_data to the backup role, or back up as the owner."),
    (r"row-level security", "Grant BYPASSRLS to the backup role."),
    (r"invalid snapshot identifier", "The session that held the snapshot ended; check the PostgreSQL server log."),
    (
        r"could not find block|invalid page|could not read block|missing chunk|unexpected chunk|compressed \w+ data is",
        "The server's data is corrupted: check its disks, find the rows, and restore them from an earlier backup.",
    ),
    (
        r"Cannot enlarge string buffer|exceeds maximum allowed length|invalid memory alloc request",
        "pg_dump cannot dump a row larger than 1 GiB; find it in that table, and split or shorten its values.",
    ),
    (r"out of shared memory", "Raise max_locks_per_transaction on the server (a restart), and try again."),
    (r"server version mismatch", "Install the client programs of the server's version."),
)

_ENCODED = """
SELECT convert_to(s.text, getdatabaseencoding()) FROM unnest(%s::text[]) WITH ORDINALITY AS s (text, place)
 ORDER BY s.place
"""

_EARLY = """
SELECT i.indrelid::bigint,
       CASE WHEN k.oid IS NULL THEN 1259 ELSE 2606 END, coalesce(k.oid, i.indexrelid)::bigint
  FROM pg_catalog.pg_index i
  LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
                                      AND k.conrelid = i.indrelid
 WHERE i.indrelid = ANY (%s) AND i.indisvalid
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 1259 AND d.objid = i.indexrelid
                      AND d.refclassid = 1255 AND d.refobjid >= 16384)
 ORDER BY 1, 2 DESC, 3
"""

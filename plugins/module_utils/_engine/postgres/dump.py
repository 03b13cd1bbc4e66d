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

from ..errors import Busy, DatabaseError, ProcessFailed, UsageError
from .connection import child_environment, qualified, quote_identifier, rows

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..process import Argument
    from .connection import Connection, Login
    from .members import Member
    from .server import Programs
    from .snapshot import Held, Table

ACCEPTED = (r'database ".*" has (a|no actual) collation version( mismatch)?',)
"""Warnings about the server that say nothing about the dump: the preflight reports this one."""

_MESSAGE = re.compile(
    r"^(?:[\w./-]+: (?P<word>warning|error|detail|hint|info): |(?P<level>[A-Z]{3,10}):  )?(?P<text>.*)$"
)
_BESIDE = frozenset({"detail", "hint", "info", "DETAIL", "HINT", "NOTICE", "INFO", "LOG", "CONTEXT", "LOCATION"})


def command(
    programs: Programs,
    member: Member,
    held: Held,
    login: Login,
    database: str,
    *,
    environ: Mapping[str, str],
    lock_wait_ms: int | None = None,
) -> tuple[list[Argument], dict[str, str]]:
    """
    Give argv and environment of the pg_dump that writes `member` to its standard output.

    `lock_wait_ms` bounds its waiting for locks: an ALTER that queues between us and our child is a deadlock that
    PostgreSQL cannot see. `lock_refused` tells that failure; then release everything and try again.
    """
    sections = ("pre-data", "post-data") if member.role == "schema" else ("data",)
    wait = held.lock_timeout_ms if lock_wait_ms is None else lock_wait_ms
    argv: list[Argument] = [
        programs.path("pg_dump"),
        "--format=custom",
        "--compress=0",
        "--no-password",
        f"--snapshot={held.snapshot_id}",
        f"--lock-wait-timeout={wait}",
        *(f"--section={section}" for section in sections),
        *_patterns(held.connection, member),
    ]
    return argv, child_environment(
        login, database, environ, encoding=held.server.encoding, restrict=held.server.restricted
    )


def lock_refused(error: ProcessFailed) -> bool:
    """Tell whether a pg_dump failed because it waited too long for a lock, or in a deadlock."""
    # By the statement that failed, because the reason comes in the server's language; what it locks it may read.
    return "LOCK TABLE" in str(error.details.get("stderr", ""))


def explain(error: ProcessFailed, database: str) -> DatabaseError | Busy:
    """Give a pg_dump's failure as what it means to the user."""
    said = str(error.details.get("stderr", ""))
    cause = f"pg_dump of database {database!r} failed: {_first_error(said) or error.cause}."
    if lock_refused(error):
        return Busy(cause, "Try again when no schema change is waiting, or raise lock_timeout.", stderr=said)
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, said):
            return DatabaseError(cause, remedy, stderr=said)
    return DatabaseError(cause, "See the server's log.", stderr=said)


def unaccepted_warnings(stderr: str, accepted: Iterable[str] = ()) -> list[str]:
    """
    Give the messages of a program that ended well and that no pattern of `accepted` (regular expressions) finds.

    Any of them fails the backup: pg_dump warns where it leaves something out.
    """
    patterns = [*map(_compiled, accepted), *map(_compiled, ACCEPTED)]
    return [text for text in _messages(stderr) if not any(pattern.search(text) for pattern in patterns)]


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise UsageError(
            f"The pattern {pattern!r} is not a regular expression: {exc}.", "Correct it.", field="accept_warnings"
        ) from exc


def _messages(stderr: str) -> list[str]:
    """Group lines into messages, and leave out what only adds to one."""
    messages: list[str] = []
    beside = False
    for line in stderr.splitlines():
        match = _MESSAGE.match(line)
        kind = (match["word"] or match["level"]) if match else None
        if kind is not None:
            beside = kind in _BESIDE
            if not beside and match:
                messages.append(match["text"])
        elif line.strip() and not beside:
            messages[-1:] = [f"{messages[-1]}\n{line}"] if messages else [line]
    return messages


def _first_error(said: str) -> str:
    found = re.search(r"^.*?(?:error|ERROR): +(?:query failed: )?(?:ERROR: +)?(.*)$", said, re.MULTILINE)
    return found[1].rstrip(".") if found else ""


def _patterns(connection: Connection, member: Member) -> list[bytes]:
    """
    Give the options that choose, as bytes in the server's encoding: pg_dump compares names as it is given them.

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
    Give for each table (by oid) the archive entries that may be built as soon as its own rows are in.

    An entry is [catalogue oid, object oid]: indexes, and the constraints that are indexes. Left out is what calls a
    function of the user's, which may read other tables.
    """
    entries: dict[int, list[list[int]]] = {table.oid: [] for table in tables}
    for table, catalogue, oid in rows(connection, _EARLY, [list(entries)]):
        entries[table].append([catalogue, oid])
    return entries


_REMEDIES = (
    (r"permission denied", "Grant pg_read_all_data to the role of the backup, or make the owner of it dump it."),
    (r"row-level security", "Give the role of the backup BYPASSRLS."),
    (r"invalid snapshot identifier", "The session that held the snapshot is gone: see the server's log."),
    (r"could not find block|invalid page|could not read block", "The server's data is damaged: check its disks."),
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

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fault in a page of a scratch copy's table, as a disk makes it: does whoever looks at the copy name it?"""

from __future__ import annotations

import contextlib
import typing as t

from ....ground import process
from ....ground.errors import DatabaseError, ProcessFailed
from . import sandbox
from .connection import connect, quote_identifier, rows
from .recovering_server import ENVIRONMENT
from .scratch_place import PROCESSES

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .walled_server import WalledServer

STEPS = 600
STEP = 0.1
"""How often, and after how many seconds each, the server is asked whether it is there again."""

PYTHON = "/usr/bin/python3"

_FLIP = """
import os, sys
page = os.open(sys.argv[1], os.O_RDWR | os.O_NOFOLLOW)
(byte,) = os.pread(page, 1, 8191)
os.pwrite(page, bytes([byte ^ 1]), 8191)
os.fsync(page)
"""


class Table(t.NamedTuple):
    """A table with a page, and the file that has it, below the data directory."""

    database: str
    schema: str
    name: str
    file: str

    @property
    def pattern(self) -> str:
        """What pg_amcheck takes for this table alone."""
        return ".".join(map(quote_identifier, self[:3]))

    def __str__(self) -> str:
        """Return what pg_amcheck calls it."""
        return f'heap table "{self.database}.{self.schema}.{self.name}"'


def choose(server: WalledServer, databases: Iterable[str]) -> Table | None:
    """Return the smallest table of the first database that has one with a page; None where there is none."""
    for database in databases:
        with contextlib.closing(connect(server.login, database, read_only=True)) as session:
            if found := rows(session, _SMALLEST):
                return Table(database, *found[0])
    return None


def flip(server: WalledServer, table: Table, sleep: Callable[[float], None]) -> None:
    """Change a bit in the first page of a table, and start the server again: what it had read it has no more."""
    within = server.walls
    server.checkpoint()
    server.stop()
    prefix = sandbox.command_prefix(
        within.place.uid,
        within.programs.directory,
        processes=PROCESSES,
        visible=within.place.visible,
        writable=[within.directory],
    )
    try:
        process.run([*prefix, PYTHON, "-I", "-S", "-c", _FLIP, f"{server.data}/{table.file}"], env=ENVIRONMENT)
    except ProcessFailed as exc:
        raise DatabaseError(f"No fault can be planted in {table}: {exc.cause}", "Validate without canaries.") from exc
    server.start({})
    for _step in range(STEPS):
        if server.look() or not server.alive:
            break
        sleep(STEP)
    else:
        raise DatabaseError("The scratch cluster does not start again.", "Check memory and disk space on this host.")
    if not server.alive:
        raise DatabaseError(
            f"The scratch cluster does not start again: {server.log[-200:]}", "Check memory and disk space."
        )


_SMALLEST = """
SELECT n.nspname::text, c.relname::text, pg_relation_filepath(c.oid)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'heap'
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^(pg_|information_schema$)'
   AND pg_relation_size(c.oid) > 0
 ORDER BY pg_relation_size(c.oid), c.oid LIMIT 1
"""

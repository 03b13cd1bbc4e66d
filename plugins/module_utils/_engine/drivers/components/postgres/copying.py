# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Reads the rows of a table by COPY, the one way that runs nothing of the table's owner.

A SELECT is planned, and the planner evaluates what the owner put into indexes and statistics objects; a cast may be a
function of his. COPY opens the table by its name, refuses what is no table, and calls output functions only.
"""

from __future__ import annotations

import hashlib
import select
import typing as t

from ....ground.errors import DatabaseError
from .connection import explained, quote_identifier
from .failures import explain_query

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .connection import Connection
    from .snapshot import Table

_COMMAND_OK = 1
_COPY_OUT = 3
_SQLSTATE = 67
"""Numbers of libpq: two states of a result, and the field of an error."""

_DIGEST_BYTES = 16


class Sum:
    """Adds up the hashes of rows: it does not depend on their order, and equal rows do not cancel out."""

    def __init__(self) -> None:
        self._total = 0

    def add(self, row: memoryview) -> None:
        """Take a row in."""
        self._total += int.from_bytes(hashlib.blake2b(row, digest_size=_DIGEST_BYTES).digest(), "little")

    def __str__(self) -> str:
        return f"{self._total % (1 << 8 * _DIGEST_BYTES):0{2 * _DIGEST_BYTES}x}"


def statement(table: Table, columns: Sequence[str], encoding: str, condition: str = "") -> str:
    """
    Return the COPY of these columns, in the server's own `encoding`.

    A `condition` is that of an extension, which tells its users' rows from its own. pg_dump reads such a table by a
    query, too.
    """
    listed = ", ".join(map(quote_identifier, columns))
    if condition:
        source = f"(SELECT {listed} FROM ONLY {table.label} {condition})"  # noqa: S608 - quoted names
    else:
        source = f"{table.label} ({listed})" if listed else table.label
    return f"COPY {source} TO STDOUT (ENCODING {quote_identifier(encoding)})"


def read(connection: Connection, copy: str, each: Callable[[memoryview], None] | None = None) -> int:
    """Run a COPY to its end, hand each row to `each`, and return their number. Raise as `explained` does."""
    with explained("reading the rows of a table"):
        server = connection.pgconn
        _require(server.exec_(copy.encode(connection.info.encoding)), _COPY_OUT)
        # Psycopg's own way costs several times as much for each row, and a thread that waits here lets others run.
        arrived = select.poll()
        arrived.register(server.socket, select.POLLIN)
        take, count = server.get_copy_data, 0
        while (found := take(1))[0] >= 0:
            if not found[0]:
                arrived.poll()
                server.consume_input()
                continue
            count += 1
            if each is not None:
                each(found[1])
        told = _require(server.get_result(), _COMMAND_OK).command_tuples
        while server.get_result() is not None:
            pass
    if told != count:
        raise DatabaseError(f"PostgreSQL sent {count} rows, but reported {told}.", "Check the PostgreSQL server log.")
    return count


def _require(result: t.Any, state: int) -> t.Any:
    if result is None or int(result.status) != state:
        sqlstate = result.error_field(_SQLSTATE) if result is not None else None
        said = result.error_message if result is not None else b"no answer"
        doing = "reading the rows of a table"
        raise explain_query((sqlstate or b"").decode(), said.decode("utf-8", "replace").removeprefix("ERROR:"), doing)
    return result

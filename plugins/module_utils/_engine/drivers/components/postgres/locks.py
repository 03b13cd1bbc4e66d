# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether a server has room for the locks of a backup: all tables at once, for as long as it lasts.

We hold one lock for each table, and so do the two `pg_dump` of the structure and of the smaller tables, which also read
every sequence. A server has a fixed number of places, and for each place two holders.
"""

from __future__ import annotations

import math
import typing as t

from .connection import rows
from .server import Finding

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .connection import Connection
    from .snapshot import Table

HOLDERS = 3
SPARE = 1.25
"""What is asked for beyond the need, for those who work on the server meanwhile."""

_SLACK = 1.1
_FEW = 100
"""A server gives its locks a tenth more memory than they need, and some that is left of other things."""


def findings(connection: Connection, tables: Sequence[Table]) -> Iterator[Finding]:
    """Yield an error when the locks of a backup of `tables` cannot fit, and a warning when they may not."""
    setting, sessions, others, sequences = rows(connection, _ROOM)[0]
    locked = sum(table.locked for table in tables)
    needed = math.ceil(max(locked + sequences, (HOLDERS * locked + sequences) / 2))
    places = setting * (sessions + others)
    impossible = locked > places * _SLACK + _FEW
    if impossible or needed > places:
        verb = "cannot lock" if impossible else "may fail to lock"
        yield Finding(
            "error" if impossible else "warning",
            "locks",
            f"A backup {verb} {locked} tables at once: the server has room for about {places} locks of {needed}.",
            "Set max_locks_per_transaction on the server to "
            f"{math.ceil(needed * SPARE / sessions)} or more (now {setting}), and restart the server.",
        )


_ROOM = """
SELECT current_setting('max_locks_per_transaction')::integer,
       current_setting('max_connections')::integer + current_setting('max_prepared_transactions')::integer,
       current_setting('autovacuum_max_workers')::integer + current_setting('max_worker_processes')::integer
       + current_setting('max_wal_senders')::integer,
       (SELECT count(*) FROM pg_catalog.pg_class WHERE relkind = 'S' AND relpersistence <> 't')
"""

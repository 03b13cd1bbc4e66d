# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where sequences stand, read by their numbers: a name may lead to something else of their owner's a moment later."""

from __future__ import annotations

import dataclasses
import typing as t

from .connection import rows

if t.TYPE_CHECKING:
    from .connection import Connection

BATCH = 100
"""Sequences in one query, whose locks last until it ends."""


@dataclasses.dataclass(frozen=True, slots=True)
class SequenceState:
    """
    Where a sequence stands. `increment` tells its direction.

    `last_value` is None where nobody has called the sequence and the server (before PostgreSQL 18) does not tell, by
    number, what it would give first.
    """

    schema: str
    name: str
    last_value: int | None
    is_called: bool
    increment: int
    cycled: bool


def read_sequences(connection: Connection, now: Connection | None = None) -> tuple[SequenceState, ...]:
    """
    Return where every sequence that `connection` sees stands now.

    `now` is a session without an open transaction, by default the same one: a query's locks are given back by its end.
    """
    asked = now or connection
    query = _STATES if asked.info.server_version >= 180000 else _STATES_BEFORE_18
    found = rows(connection, _SEQUENCES)
    states: list[SequenceState] = []
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        standing = {oid: (value, called) for oid, value, called in rows(asked, query, [[row[0] for row in batch]])}
        for oid, schema, name, increment, cycled in batch:
            last_value, is_called = standing[oid]
            states.append(SequenceState(schema, name, last_value, is_called, increment, cycled))
    return tuple(sorted(states, key=lambda state: (state.schema, state.name)))


_SEQUENCES = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, s.seqincrement, s.seqcycle
  FROM pg_catalog.pg_sequence s
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
                    WHERE e.classid = 1259 AND e.objid = c.oid AND e.deptype = 'e'
                      AND c.oid <> ALL (coalesce(x.extconfig, '{}')))
   AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
 ORDER BY c.oid
"""

_STATES = """
SELECT s.oid::bigint, d.last_value, coalesce(d.is_called, false)
  FROM unnest(%s::oid[]) AS s (oid), LATERAL pg_get_sequence_data(s.oid) AS d
"""

_STATES_BEFORE_18 = """
SELECT s.oid::bigint, s.value, s.value IS NOT NULL
  FROM (SELECT oid, pg_sequence_last_value(oid) AS value FROM unnest(%s::oid[]) AS u (oid) OFFSET 0) AS s
"""

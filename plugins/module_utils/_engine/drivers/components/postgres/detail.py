# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The record about a backup's data: what was in the source, where it lies in the members, and the proof.

It is stored encrypted, as `detail.lbx`. The manifest is public, and names of tables are not.
"""

from __future__ import annotations

import typing as t

from . import dump, preloading, properties

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from . import members, snapshot
    from .connection import Login

FORMAT = "lifeboat-detail/1"


def describe(
    held: snapshot.Held,
    planned: Sequence[members.Member],
    proved: dict[str, t.Any],
    *,
    login: Login,
    database: str,
    compression: str,
    losses: Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return the record; sizes are bytes. It looks at the database, so `held` must still hold its snapshot."""
    large = {member.number: member.tables[0] for member in planned if member.role == "table"}
    early = dump.early_post_data(held.connection, list(large.values()))
    placed = {table.oid: member.number for member in planned for table in member.tables}
    return {
        "format": FORMAT,
        "compression": compression,
        "source": {
            "host": login.where,
            "port": login.port,
            "user": held.server.user,
            "database": database,
            "server_version": held.server.version,
            "server_version_num": held.server.version_num,
            "system_identifier": held.server.system_identifier,
            "encoding": held.server.encoding,
            "in_recovery": held.server.in_recovery,
            "replay_lsn": held.server.replay_lsn,
            "lag_bytes": held.server.lag_bytes,
            "lag_seconds": held.server.lag_seconds,
        },
        "members": [
            {
                "number": member.number,
                "role": member.role,
                "tables": [[table.schema, table.name] for table in member.tables],
                "estimate": member.estimate,
            }
            for member in planned
        ],
        "tables": [
            {
                "schema": table.schema,
                "name": table.name,
                "kind": table.kind,
                "bytes": table.bytes,
                "member": placed.get(table.oid, 0),
            }
            for table in held.tables
        ],
        "properties": properties.read(held.connection),
        **preloading.read(held.connection),
        "tablespaces": properties.tablespaces(held.connection),
        "proof": proved,
        "losses": list(losses),
        "post_data": {str(number): early.get(table.oid, []) for number, table in large.items()},
    }

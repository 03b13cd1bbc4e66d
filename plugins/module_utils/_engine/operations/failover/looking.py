# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: what part a server of this host has in streaming replication, and what the others lack of it."""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres import wal, wal_files
from ...ground.errors import DatabaseError, UsageError
from ...ground.model import Outcome

if t.TYPE_CHECKING:
    from ...drivers.components.postgres.replication import LocalServer
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class LookRequest:
    """Which server. If it does not run, what its WAL holds after `received`, a position in it, is counted."""

    server: LocalServer
    received: str = ""


def look(request: LookRequest, _world: World) -> Outcome:
    """Return the server as fact `server`. Raise DatabaseError when it runs and does not answer."""
    server = request.server
    position = position_of(request.received, "received")
    if server.alive:
        return Outcome(changed=False, facts={"server": {"running": True, "standby_signal": False, **server.look()}})
    return Outcome(changed=False, facts={"server": stopped(server, position)})


def stopped(server: LocalServer, received: int | None) -> dict[str, t.Any]:
    """Return what a server that does not run is, and what it wrote after a position."""
    control = server.control()
    found = {
        "running": False,
        "standby_signal": server.has_standby_signal,
        "system_identifier": control.system_identifier,
        "state": control.state,
        "clean": control.clean,
        "timeline": control.timeline,
        "checkpoint_lsn": wal_files.shown(control.checkpoint),
        "checksums": control.checksums,
        "wal_log_hints": control.hints,
        "unreceived": None,
    }
    if received is None:
        return found
    written = wal.written_after(server.bin_dir, server.data_dir, control.timeline, received)
    return {**found, "unreceived": None if written is None else dataclasses.asdict(written)}


def position_of(text: str, field: str) -> int | None:
    """Return a position in the WAL, None for an empty text. Raise UsageError for what is none."""
    try:
        return wal_files.lsn(text) if text else None
    except ValueError as exc:
        raise UsageError(
            f"{field}: {text!r} is no position in the WAL.", "Use one such as 0/3000148.", field=field
        ) from exc


def require_running(server: LocalServer) -> dict[str, t.Any]:
    """Return what a running server says of itself. Raise DatabaseError when it does not run."""
    if not server.alive:
        raise DatabaseError(f"The server of {server.data_dir} does not run.", "Start it, and run this again.")
    return server.look()

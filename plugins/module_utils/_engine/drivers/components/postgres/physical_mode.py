# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether the next copy of a server's files is a full one, an incremental one, or none.

From PostgreSQL 17 on a server that summarizes its write-ahead log sends the blocks alone that changed since an earlier
copy. Before that the log itself is the increment: where it is stored without a gap, it recovers what a copy would.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground import units
from ....ground.errors import DatabaseError
from .copy_manifests import CopyManifests

if t.TYPE_CHECKING:
    from datetime import datetime

    from ....ground.model import World
    from ..base import WalRange
    from ..source import Known, Link
    from .base_backup import Identity
    from .physical_checks import Facts
    from .server import ServerInfo

AUTO, FULL, INCREMENTAL = "auto", "full", "incremental"
MODES = (AUTO, FULL, INCREMENTAL)

INCREMENTAL_MAJOR = 17
"""The first version whose servers make incremental copies."""

DAY = 86400.0


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """
    What was asked for. `auto` begins a chain anew when its full backup is older than `full_every`, in seconds, or when
    `max_chain` incremental ones follow it.
    """

    mode: str = FULL
    full_every: float = 7 * DAY
    max_chain: int = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """
    A copy based on `parent`, or a full one, and `why` it is that; none where the log recovers until `recoverable`.
    """

    parent: Link | None = None
    why: str = ""
    recoverable: datetime | None = None
    warnings: tuple[str, ...] = ()

    @property
    def mode(self) -> str | None:
        """What the copy is called, if there is one."""
        if self.recoverable:
            return None
        return INCREMENTAL if self.parent else FULL

    @property
    def said(self) -> str:
        """What a summary says of the copy before all else."""
        return f"based on {self.parent.backup_id}, " if self.parent else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What of a server decides: its version, how it runs, who it is, and where."""

    major: int
    summarizes: bool
    checksums: bool
    system_identifier: str
    timeline: int

    @classmethod
    def of(cls, server: ServerInfo, facts: Facts, identity: Identity) -> t.Self:
        """Return it as one server says it."""
        return cls(server.major, facts.summarizes, facts.checksums, *identity)


class _Obstacle(t.NamedTuple):
    """What stands against an incremental copy, and what removes it."""

    cause: str
    remedy: str


def choose(rules: Rules, server: Seen, known: Known, world: World) -> Choice:
    """Return what is made. Raise DatabaseError where an incremental copy is asked for and cannot be."""
    if rules.mode == FULL:
        return Choice(why="as asked for")
    if rules.mode == AUTO and server.major < INCREMENTAL_MAJOR:
        return _by_log(rules, server, known, world)
    obstacle = _obstacle(server, known)
    if rules.mode == INCREMENTAL:
        if obstacle:
            raise DatabaseError(f"No incremental backup can be made: {obstacle.cause}.", obstacle.remedy)
        return Choice(known.chain[-1], "as asked for")
    if cause := obstacle.cause if obstacle else _due(rules, known, world):
        return Choice(why=cause)
    return Choice(known.chain[-1], "the parent is at hand")


def refused(rules: Rules, parent: Link, error: DatabaseError) -> Choice:
    """Return the full copy that follows one that the server refused. Raise DatabaseError where none was asked for."""
    cause = f"the server refused one based on {parent.backup_id}: {error.cause.rstrip('.')}"
    if rules.mode == INCREMENTAL:
        raise DatabaseError(f"No incremental backup can be made: {cause}.", _FULL_FIRST) from error
    return Choice(why=cause, warnings=(f"A full backup is made: {cause}.",))


def told(server: ServerInfo, facts: Facts, choice: Choice, tablespaces: int, *, included: bool) -> dict[str, t.Any]:
    """Return what a result says of a backup, made or not."""
    return {
        "mode": choice.mode,
        "why": choice.why,
        "parent": choice.parent.backup_id if choice.parent else None,
        "wal": "included" if included else "archive",
        "tablespaces": tablespaces,
        "checksums": facts.checksums,
        "in_recovery": server.in_recovery,
        "lag_seconds": server.lag_seconds,
    }


_FULL_FIRST = "Make a full one, with mode: full, or set mode: auto, which does that by itself."


def _obstacle(server: Seen, known: Known) -> _Obstacle | None:
    """Return what stands against a copy based on the newest backup."""
    if server.major < INCREMENTAL_MAJOR:
        return _Obstacle(
            f"PostgreSQL {server.major} makes none, and its archived log is the increment",
            "Set mode: auto, which makes a full one when it is due, or mode: full.",
        )
    if not server.summarizes:
        return _Obstacle(
            "the server does not summarize its write-ahead log",
            "Run as a superuser: ALTER SYSTEM SET summarize_wal = on; SELECT pg_reload_conf(). Then make a full one.",
        )
    if not known.chain:
        return _Obstacle("there is no backup that it could be based on", _FULL_FIRST)
    cause = _unfit(known.chain[-1], server, CopyManifests(known.memory))
    return _Obstacle(cause, _FULL_FIRST) if cause else None


def _unfit(parent: Link, server: Seen, manifests: CopyManifests) -> str:
    """Return why no copy can be based on a backup; empty where nothing is known that stands against it."""
    if parent.copy is None:
        return f"{parent.backup_id} does not say which manifest it has"
    if parent.copy.checksums != server.checksums:
        return f"data checksums were turned {'on' if server.checksums else 'off'} since {parent.backup_id}"
    held = manifests.held(parent.backup_id)
    if held is None:
        return f"the manifest of {parent.backup_id} is not on this host"
    if held != parent.copy.manifest_sha256:
        return f"the manifest of {parent.backup_id} on this host is not the one that was signed"
    return ""


def _due(rules: Rules, known: Known, world: World) -> str:
    """Return why a chain begins anew; empty where it goes on."""
    full, *following = known.chain
    if len(following) >= rules.max_chain:
        return f"{units.human_count(len(following), 'incremental backup')} follow the newest full one"
    age = (world.now() - full.finished).total_seconds()
    if age >= rules.full_every:
        return f"the newest full backup is {units.human_duration(age)} old"
    return ""


def _by_log(rules: Rules, server: Seen, known: Known, world: World) -> Choice:
    """Return none where the newest backup is young enough, and all is stored that the server wrote after it."""
    wal = known.chain[-1].wal if known.chain else None
    if wal is None:
        return Choice(why="nothing is known of an earlier one")
    if cause := _due(rules, known, world) or _left(wal, server):
        return Choice(why=cause)
    until = known.reach(wal)
    return Choice(recoverable=until) if until else Choice(why="the log stored after the newest one has a gap")


def _left(wal: WalRange, server: Seen) -> str:
    """Return why no log of the server's leads on from a backup that needs this range; empty where it may."""
    if (wal.system_identifier, wal.timeline) != (server.system_identifier, server.timeline):
        return "the server is not on the timeline of the newest one any more"
    return "the newest one recovers no later moment than its own" if wal.included else ""

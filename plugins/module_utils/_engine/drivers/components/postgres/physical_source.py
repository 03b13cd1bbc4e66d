# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A whole server's files as something to back up: looked at, then copied by its own command while it goes on.

Each archive goes straight into the store, in the server's order, and its manifest last. What the server writes
meanwhile makes a copy of them whole: it is waited for, or asked for as a part of the copy.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import UsageError, require_one_of
from ....ground.units import human_duration, human_size
from ..base import PHYSICAL, WHOLE_CLUSTER
from ..source import Preview
from . import archiver, physical_checks, physical_mode, server
from .base_backup import Command
from .connection import Login, connect_replication, connect_server
from .encodings import readable
from .physical_capture import Capture, same_server
from .physical_mode import Rules

if t.TYPE_CHECKING:
    from ....ground.model import World
    from ..source import Captured, Known, SinkBesideWal
    from .physical_checks import Space
    from .physical_mode import Choice
    from .server import ServerInfo

CHECKPOINTS = ("fast", "spread")
ARCHIVE, INCLUDED = "archive", "included"
WAL = (ARCHIVE, INCLUDED)
"""Where the WAL of a backup is: in the archive of its server, with everything that follows, or in the backup alone."""

RATES = range(32 << 10, (1 << 30) + 1)
"""Bytes in a second to which a server can be limited (backup/basebackup.c)."""

LONGEST_LABEL = 200


@dataclasses.dataclass(frozen=True, slots=True)
class PhysicalSource:
    """The server at `login`; `max_rate` is in bytes a second, 0 for no limit, and `wal_timeout` in seconds."""

    login: Login
    cluster: str
    checkpoint: t.Literal["fast", "spread"] = "fast"
    max_rate: int = 0
    wal: str = ARCHIVE
    wal_timeout: float = 300.0
    label: str = "lifeboat"
    rules: Rules = Rules()  # noqa: RUF009 - it is frozen

    own_facts: t.ClassVar[tuple[str, ...]] = (
        *("checksums", "in_recovery", "lag_seconds", "mode", "parent", "recoverable_until", "start", "stop"),
        *("tablespaces", "timeline", "wal", "why"),
    )

    @property
    def name(self) -> tuple[str, str]:
        """The cluster, and what stands for all of it."""
        return self.cluster, WHOLE_CLUSTER

    @property
    def kind(self) -> str:
        """The kind of its backups."""
        return PHYSICAL

    @property
    def command(self) -> Command:
        """What the server is asked for."""
        return Command(self.label, self.checkpoint, self.max_rate >> 10 or None, wal=self.wal == INCLUDED)

    def check(self) -> None:
        """Raise UsageError for values that cannot be meant, before anything is touched."""
        require_one_of("checkpoint", self.checkpoint, CHECKPOINTS)
        require_one_of("wal", self.wal, WAL)
        require_one_of("mode", self.rules.mode, physical_mode.MODES)
        if self.rules.max_chain < 0:
            raise UsageError("The max_chain is negative.", "Set how many may follow a full one.", field="max_chain")
        if self.max_rate and self.max_rate not in RATES:
            said = f"A max_rate of {human_size(self.max_rate)} a second is out of range."
            raise UsageError(said, "Set it to a value from 32KiB to 1GiB.", field="max_rate")
        if self.wal_timeout <= 0:
            raise UsageError("The wal_timeout is not positive.", "Set a duration such as 5m.", field="wal_timeout")
        if not self.label.isprintable() or not 0 < len(self.label.encode("utf-8", "replace")) <= LONGEST_LABEL:
            raise UsageError(
                "The label is empty, too long, or cannot be printed.",
                f"Set a line of up to {LONGEST_LABEL} bytes.",
                field="label",
            )

    def preview(self, known: Known, world: World, /) -> Preview:
        """
        Return the archives that a backup would have. None is due where the stored log recovers what it would.

        Raise DatabaseError when the server, its archive or the role's rights do not allow one.
        """
        with contextlib.closing(connect_server(self.login, read_only=True)) as session:
            found = server.inspect(session)
            facts = physical_checks.preflight(session, found)
            if self.wal == ARCHIVE:
                archiver.read(session).require_alive()
            spaces = list(physical_checks.spaces(session).values())
            with contextlib.closing(connect_replication(self.login)) as replication:
                who = same_server(replication, found)
        choice = physical_mode.choose(self.rules, physical_mode.Seen.of(found, facts, who), known, world)
        until = choice.recoverable.isoformat() if choice.recoverable else None
        beside = [space for space in spaces if space.location]
        base = sum(space.size for space in spaces if not space.location)
        lines = [*map(_line, beside), f"data directory: about {human_size(base)}"]
        return Preview(
            how=f"{_mode(choice)}, checkpoint {self.checkpoint}, WAL {self._wal_said}{_standby(found)}",
            lines=tuple(lines),
            members=len(lines) + 1,
            estimate=sum(space.size for space in spaces),
            facts=physical_mode.told(found, facts, choice, len(beside), included=self.wal == INCLUDED)
            | {"recoverable_until": until},
            warnings=() if facts.checksums else (physical_checks.CHECKSUMS_OFF,),
            due=choice.recoverable is None,
            why=f"enough: the stored log recovers from it until {until}" if until else "",
        )

    def capture(self, known: Known, sink: SinkBesideWal, world: World, /) -> Captured:
        """
        Copy and store the files.

        Raise Busy where the server's timeline or its tablespaces changed meanwhile; DatabaseError, StoreError as they
        come.
        """
        patience = self.wal_timeout if self.wal == ARCHIVE else None
        return Capture(self.login, self.command, self.rules, known, sink, world, patience).captured()

    @property
    def _wal_said(self) -> str:
        return "from the archive" if self.wal == ARCHIVE else "included"


def _line(space: Space) -> str:
    return f"tablespace {readable(space.name)} in {readable(space.location)}: about {human_size(space.size)}"


def _mode(choice: Choice) -> str:
    return f"incremental, based on {choice.parent.backup_id}" if choice.parent else f"full ({choice.why})"


def _standby(found: ServerInfo) -> str:
    if not found.in_recovery:
        return ""
    return f", from a standby that replayed a transaction {human_duration(found.lag_seconds)} ago"

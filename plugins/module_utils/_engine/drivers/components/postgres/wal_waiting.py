# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The WAL that a base backup needs, waited for until the store has it.

The server goes on while its files are copied, so a copy is none without what was written meanwhile. Others put that
into the store, archive_command or a standby, and they may be slow: they are waited for as long as they get on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ....ground.errors import DatabaseError, RecoveryError
from ....ground.units import human_duration
from . import archiver, wal_files
from .connection import Login, connect_server

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ....ground.model import World
    from ..base import WalRange
    from ..source import SinkBesideWal
    from .archiver import Archiver

PAUSE = 1.0
"""Seconds between two looks."""


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """Waits for up to `patience` seconds, counted anew whenever something was archived."""

    login: Login
    sink: SinkBesideWal
    world: World
    patience: float

    def until_stored(self, wal: WalRange) -> None:
        """Return when all segments of a range are stored. Raise DatabaseError when they are not in time."""
        shown = self.sink.progress.member("wal", len(wal.segments) * wal.segment_size)
        seen: tuple[int, int] | None = None
        deadline = self.world.now()
        while True:
            now, told = self._archiver(), self.sink.lacking(wal)
            lacking = told if told is not None else self._unarchived(wal, now)
            if not lacking:
                shown.finish()
                return
            shown.stand((len(wal.segments) - len(lacking)) * wal.segment_size, shown.expected)
            state = (now.count if now else 0, len(lacking))
            if state != seen:
                seen, deadline = state, self.world.now() + datetime.timedelta(seconds=self.patience)
            if self.world.now() >= deadline:
                raise self._too_late(lacking, now)
            self.world.sleep(PAUSE)

    def _archiver(self) -> Archiver | None:
        """Ask the server, unless it is restarting: its files are copied, and nothing else is wanted of it."""
        with contextlib.suppress(RecoveryError), contextlib.closing(connect_server(self.login)) as session:
            return archiver.read(session)
        return None

    def _unarchived(self, wal: WalRange, now: Archiver | None) -> Sequence[str]:
        """Return what the server did not archive yet, by its own word: this host may only write into the store."""
        if now and not now.own:
            raise DatabaseError(
                "Whether the WAL of this backup is stored cannot be known: this host may not list the store, and a "
                "standby does not know what its primary archives.",
                "Back up from the primary, let this host list the store, or set wal: included.",
            )
        size = wal.segment_size
        return [
            wal_files.segment(wal.timeline, number, size)
            for number in wal.segments
            if not now or not now.reached(wal.timeline, number, size)
        ]

    def _too_late(self, lacking: Sequence[str], now: Archiver | None) -> DatabaseError:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        cause = (
            f"WAL that this backup needs is not in the store after {human_duration(self.patience)}: {lacking[0]}{more}."
        )
        if now and now.own and now.stuck:
            cause += f" The server could not archive {now.failed}."
        remedy = "See that archive_command puts it into the same store, and raise wal_timeout if it is only slow."
        if now and now.in_recovery:
            remedy = "See that the primary archives into the same store, and how soon: its archive_timeout decides."
        return DatabaseError(cause, f"The backup was discarded. {remedy}", segments=list(lacking[:100]))

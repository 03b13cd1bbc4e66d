# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How a server archives its write-ahead log, as it says itself: whether it does, and how far it came.

A standby archives nothing unless archive_mode is `always`: its primary does, of which it cannot know.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import DatabaseError
from . import wal_files
from .connection import rows

if t.TYPE_CHECKING:
    from .connection import Connection


@dataclasses.dataclass(frozen=True, slots=True)
class Archiver:
    """
    The archiver of a server. `count` is how many files it archived, `last` the name of the last one, and `failed` that
    of the last one that failed; it is `stuck` when nothing was archived since. Names may be empty.
    """

    mode: str
    set_up: bool
    in_recovery: bool
    count: int
    last: str
    failed: str
    stuck: bool

    @property
    def own(self) -> bool:
        """Whether it is this server that archives."""
        return self.mode == "always" or (self.mode == "on" and not self.in_recovery)

    def require_alive(self) -> None:
        """Raise DatabaseError where WAL that a backup needs would not be archived, as far as this server knows."""
        if self.mode == "off" or (self.own and not self.set_up):
            what = "archive_mode is off" if self.mode == "off" else "archive_command is empty"
            raise DatabaseError(
                f"The server does not archive its write-ahead log: {what}.",
                "Set up its archive, or set wal: included for a backup without point-in-time recovery.",
            )
        if self.own and self.stuck:
            raise DatabaseError(
                f"The archive of the server is stuck: {self.failed} could not be archived, and nothing was since.",
                "See the PostgreSQL server log for what archive_command said, and back up when that works again.",
            )

    def reached(self, timeline: int, number: int, size: int) -> bool:
        """Whether it archived a segment of that number, or a later one of the same timeline."""
        try:
            last = wal_files.parse(self.last)
            return last.kind != wal_files.HISTORY and last.timeline == timeline and last.number(size) >= number
        except ValueError:
            return False


def read(session: Connection) -> Archiver:
    """Ask the server."""
    return Archiver(*rows(session, _ARCHIVER)[0])


_ARCHIVER = """
SELECT current_setting('archive_mode'),
       current_setting('archive_command') NOT IN ('', '(disabled)') OR current_setting('archive_library') <> '',
       pg_is_in_recovery(), archived_count, coalesce(last_archived_wal, ''), coalesce(last_failed_wal, ''),
       coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL)
  FROM pg_catalog.pg_stat_archiver
"""

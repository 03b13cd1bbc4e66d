# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Positions in the write-ahead log, the history of its timelines, and what it holds after a position."""

from __future__ import annotations

import dataclasses
import os
import re

from ....ground import process
from ....ground.errors import ProcessFailed
from ....ground.streams import whole_lines

_RECORD = re.compile(rb"rmgr: (\S+)\s+len \(rec/tot\):\s*\d+/\s*(\d+), .*?lsn: ([0-9A-F]+/[0-9A-F]+), .*?desc: (\S+)")
_COMMITS = frozenset({b"COMMIT", b"COMMIT_PREPARED"})
_ANCESTOR = re.compile(r"(\d+)\t([0-9A-F]+/[0-9A-F]+)\t")
_ALIGNMENT = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What a server wrote after a position: bytes of WAL, and the transactions that it committed."""

    bytes: int
    transactions: int

    def __bool__(self) -> bool:
        return self.bytes > 0


def lsn(text: str) -> int:
    """Return a position such as `0/3000148` as a number. Raise ValueError for what is none."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def shown(position: int) -> str:
    """Return a position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def ancestors(history: str) -> dict[int, int]:
    """Return where each timeline ended on which the one of this history file is based."""
    return {int(timeline): lsn(end) for timeline, end in _ANCESTOR.findall(history)}


def written_after(bin_dir: str, data_dir: str, timeline: int, position: int) -> Written | None:
    """Return what the WAL of a stopped server holds after a position, None where that part of it is gone."""
    argv = [os.path.join(bin_dir, "pg_waldump"), f"--path={os.path.join(data_dir, 'pg_wal')}"]
    argv += [f"--timeline={timeline}", f"--start={shown(position)}"]
    end, commits = position, 0
    with process.Producer(argv, env={"LC_ALL": "C"}) as child:
        try:
            for line in whole_lines(child):
                if found := _RECORD.match(line):
                    manager, length, where, what = found.groups()
                    end = lsn(where.decode()) + int(length)
                    commits += manager == b"Transaction" and what in _COMMITS
        except ProcessFailed as exc:
            # It ends so wherever the WAL ends, because what follows is no record.
            if end == position and "could not find a valid record" not in str(exc.details.get("stderr", "")):
                return None
    return Written(end + -end % _ALIGNMENT - position, commits)

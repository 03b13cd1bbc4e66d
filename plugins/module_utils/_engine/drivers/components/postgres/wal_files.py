# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The files of a write-ahead log, by the names that PostgreSQL gives them, and positions in it.

A segment is named after its timeline and its number, which is split into two parts of eight hexadecimal digits; how
many segments make one of the first part depends on their size (PostgreSQL, access/xlog_internal.h).
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

Kind = t.Literal["segment", "partial", "label", "history"]
"""A whole segment, the last one of an abandoned timeline, the record of a base backup, and that of a timeline."""

SEGMENT: Kind = "segment"
PARTIAL: Kind = "partial"
LABEL: Kind = "label"
HISTORY: Kind = "history"

SIZES = tuple(1 << power for power in range(20, 31))
"""The bytes that a segment may have: initdb --wal-segsize takes powers of two from 1 to 1024 MiB."""

DEFAULT_SIZE = 16 << 20

FIRST = 1
"""The timeline that has no history: initdb begins it."""

_NAME = re.compile(
    r"([0-9A-F]{8})(?:\.(?P<history>history)|([0-9A-F]{8})([0-9A-F]{8})(?:\.(?P<partial>partial)|\.([0-9A-F]{8})\.backup)?)"
)
_POSITION = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class WalFile:
    """
    A file that a server archives. `log` and `segment` are the two parts of a segment's number, both 0 for a history.
    """

    name: str
    kind: Kind
    timeline: int
    log: int = 0
    segment: int = 0

    def number(self, size: int) -> int:
        """Return the number of the segment, of `size` bytes each. Raise ValueError where there is none of that name."""
        if self.segment >= _per_log(size):
            raise ValueError(f"{self.name} is no segment of {size} bytes")
        return self.log * _per_log(size) + self.segment


def parse(name: str) -> WalFile:
    """Return the file of this name. Raise ValueError where PostgreSQL gives no file such a name."""
    found = _NAME.fullmatch(name)
    if not found or found[1] == "00000000":
        raise ValueError(f"{name!r} is not the name of a WAL file")
    if found["history"]:
        return WalFile(name, HISTORY, int(found[1], 16))
    kind = PARTIAL if found["partial"] else LABEL if name.endswith(".backup") else SEGMENT
    return WalFile(name, kind, int(found[1], 16), int(found[3], 16), int(found[4], 16))


def segment(timeline: int, number: int, size: int) -> str:
    """Return the name of a segment."""
    log, part = divmod(number, _per_log(size))
    return f"{timeline:08X}{log:08X}{part:08X}"


def history(timeline: int) -> str:
    """Return the name of the file that tells where a timeline comes from."""
    return f"{timeline:08X}.history"


def lsn(text: str) -> int:
    """Return a position such as `0/3000148` as a number. Raise ValueError for what is none."""
    found = _POSITION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a position in a write-ahead log")
    return (int(found[1], 16) << 32) + int(found[2], 16)


def shown(position: int) -> str:
    """Return a position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def _per_log(size: int) -> int:
    return (1 << 32) // size

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The first page of a segment of the write-ahead log, which says whose it is (PostgreSQL, access/xlog_internal.h).

A file that was cut, renamed, or left by another server would be archived as something that it is not.
"""

from __future__ import annotations

import struct
import typing as t

from . import wal_files

_FORM = struct.Struct("=HHIQI4xQII")
_PAGE = struct.Struct("=HHIQ")
_MAGIC = 0xD100
"""What the magic number of every version of the format begins with; its other byte counts the versions."""
_LONG = 0x0002
_BLOCKS = tuple(1 << power for power in range(10, 17))


class Header(t.NamedTuple):
    """What a segment says of itself; `position` is where it begins, `size` its bytes."""

    timeline: int
    position: int
    system_identifier: str
    size: int

    @property
    def name(self) -> str:
        """The name that a segment with this header has."""
        return wal_files.segment(self.timeline, self.position // self.size, self.size)


def read(start: bytes) -> Header:
    """Return the header in the first bytes of a segment. Raise ValueError where they are none."""
    if len(start) < _FORM.size:
        raise ValueError("is shorter than its header")
    magic, info, timeline, position, _left, system_identifier, size, _block = _FORM.unpack_from(start)
    if magic & 0xFF00 != _MAGIC or not info & _LONG:
        raise ValueError("does not begin as a segment does")
    if size not in wal_files.SIZES or position % size:
        raise ValueError("has a header that makes no sense")
    return Header(timeline, position, str(system_identifier), size)


def written(content: bytes) -> int:
    """
    Return how many bytes of a segment belong to pages that were written: behind them are zeros, or what the file held
    when it had another name. Raise ValueError where it does not begin as a segment does.
    """
    header, block = read(content), _FORM.unpack_from(content)[-1]
    if block not in _BLOCKS:
        raise ValueError("has a header that makes no sense")
    for place in range(0, len(content), block):
        if len(content) < place + _PAGE.size:
            return place
        magic, _info, _timeline, position = _PAGE.unpack_from(content, place)
        if magic & 0xFF00 != _MAGIC or position != header.position + place:
            return place
    return len(content)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Lines in the order of their keys' bytes, however many there are: what does not fit into memory is sorted on a disk.

The files have no name, so they are gone with the process, however it ends.
"""

from __future__ import annotations

import heapq
import itertools
import os
import struct
import tempfile
import typing as t

from . import disk

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Line: t.TypeAlias = tuple[bytes, bytes]

MEMORY = 32 << 20
"""Bytes that lines may take before they go to a disk, with what Python needs for each."""

FAN_IN = 64
"""Sorted runs that are merged at once: each has a buffer."""

_OVERHEAD = 160
_BUFFER = 256 << 10
_HEAD = struct.Struct("<II")


class SortedLines:
    """Takes lines with their keys, and gives them in the order of the keys, as often as one asks. `close` it."""

    def __init__(self, directory: str, memory: int = MEMORY) -> None:
        self._directory = directory
        self._limit = memory
        self._taken = 0
        self._lines: list[Line] = []
        self._levels: list[list[t.BinaryIO]] = []

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        for run in itertools.chain(*self._levels):
            run.close()
        self._levels, self._lines = [], []

    def add(self, key: bytes, line: bytes) -> None:
        """Take a line."""
        self._lines.append((key, line))
        self._taken += len(key) + len(line) + _OVERHEAD
        if self._taken > self._limit:
            self._lines.sort()
            self._keep(self._lines)
            self._lines, self._taken = [], 0

    def __iter__(self) -> Iterator[Line]:
        """Yield each key with its line."""
        self._lines.sort()
        return heapq.merge(*map(_read, itertools.chain(*self._levels)), self._lines)

    def _keep(self, lines: Iterable[Line], level: int = 0) -> None:
        """Write a run; where there are as many as are merged at once, let one of the next level take their place."""
        if level == len(self._levels):
            self._levels.append([])
        runs = self._levels[level]
        runs.append(self._written(lines))
        if len(runs) == FAN_IN:
            self._keep(heapq.merge(*map(_read, runs)), level + 1)
            for run in runs:
                run.close()
            runs.clear()

    def _written(self, lines: Iterable[Line]) -> t.BinaryIO:
        with disk.explained(self._directory):
            file = t.cast("t.BinaryIO", tempfile.TemporaryFile(dir=self._directory, buffering=0))  # noqa: SIM115 - its owner closes it
            pieces = (piece for key, line in lines for piece in (_HEAD.pack(len(key), len(line)), key, line))
            while batch := b"".join(itertools.islice(pieces, 3 * 1024)):
                _write_all(file, batch)
        return file


def _write_all(file: t.BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _read(file: t.BinaryIO) -> Iterator[Line]:
    """Yield the lines of a run, from its beginning, without moving anybody else's place in it."""
    at, held = 0, b""
    while more := os.pread(file.fileno(), _BUFFER, at):
        at += len(more)
        held += more
        start = 0
        while (found := _line(held, start)) is not None:
            key, line, start = found
            yield key, line
        held = held[start:]


def _line(held: bytes, start: int) -> tuple[bytes, bytes, int] | None:
    """Return the line that begins at `start` and where the next one does, None where not all of it is there."""
    if len(held) - start < _HEAD.size:
        return None
    keys, lines = _HEAD.unpack_from(held, start)
    begin = start + _HEAD.size
    end = begin + keys + lines
    return (held[begin : begin + keys], held[begin + keys : end], end) if end <= len(held) else None

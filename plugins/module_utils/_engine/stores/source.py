# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The bytes of an upload, watched on their way: whether their producer ended, failed, or made too many of them.
"""

from __future__ import annotations

import typing as t

from ..errors import StoreError
from .confirming import EDGE, Written

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Source:
    """
    Iterates over `chunks` once, up to `limit` bytes.

    `size` is what has passed, `ended` says that the producer came to its end, `failed` that it raised. A library
    that pulls from it may turn exceptions into its own; these tell afterwards whose fault it was.
    """

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self.size = 0
        self.ended = False
        self.failed = False
        self._first = b""
        self._last = b""
        self._chunks = iter(chunks)
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = b""
        while not chunk:
            try:
                chunk = next(self._chunks)
            except StopIteration:
                self.ended = True
                raise
            except BaseException:
                self.failed = True
                raise
        self.size += len(chunk)
        self._first += bytes(chunk[: EDGE - len(self._first)])
        self._last = (self._last + bytes(chunk[-EDGE:]))[-EDGE:]
        if self.size > self._limit:
            self.failed = True
            raise StoreError(
                f"The object is larger than {self._limit} bytes, the most that parts of this size can hold.",
                "Use a larger part size or smaller volumes.",
            )
        return chunk

    @property
    def written(self) -> Written:
        """What has passed, to be compared with what the store gives back."""
        return Written(self.size, self._first, self._last)

    def small(self, size: int) -> bytes | Iterator[bytes]:
        """Give all of it as bytes when it ends within `size` bytes, else an iterator over all of it."""
        held: list[bytes] = []
        room = size
        for chunk in self:
            held.append(chunk)
            room -= len(chunk)
            if room < 0:
                return _chained(held, self)
        return b"".join(held)


def _chained(held: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what is held, letting go of each block, and then the rest."""
    held.reverse()
    while held:
        yield held.pop()
    yield from rest

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Byte streams as iterators of blocks, and what can be hung into them.

Pull, not push: the store asks for the next block, and the request runs up to the program that makes it. An error
anywhere in the chain is an exception in the store's hands before the stream's end, so half a stream is never stored.
"""

from __future__ import annotations

import hashlib
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Tally:
    """Counts and hashes (SHA-256) what passes. `bytes` and `hexdigest` are final when the stream has ended."""

    def __init__(self) -> None:
        self.bytes = 0
        self._hash = hashlib.sha256()

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield `chunks` unchanged."""
        for chunk in chunks:
            self.bytes += len(chunk)
            self._hash.update(chunk)
            yield chunk

    @property
    def hexdigest(self) -> str:
        """The SHA-256 of all that has passed, in hex."""
        return self._hash.hexdigest()


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a text without their ends; half a line at its end is left out."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from lines


class Peekable:
    """
    An iterator of blocks that can tell whether anything is left, without losing it.

    `passed` counts the bytes handed on so far.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held: bytes | None = None
        self.passed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block, self._held = self._held, None
        if block is None:
            block = next(self._chunks)
        self.passed += len(block)
        return block

    @property
    def exhausted(self) -> bool:
        """Whether the stream has ended. May read one block ahead; raises what the stream raises."""
        if self._held is None:
            self._held = next(self._chunks, None)
        return self._held is None


class Reader:
    """Blocks of any size, of which a given number of bytes can be looked at or taken before the rest goes on."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = memoryview(b"")

    def peek(self, size: int) -> bytes:
        """Look at the next `size` bytes; fewer mean that the stream ends there."""
        taken = self.take(size)
        self.give_back(taken)
        return taken

    def take(self, size: int) -> bytes:
        """Take the next `size` bytes, or fewer at the end."""
        taken = bytearray()
        while len(taken) < size and (block := self.block(size - len(taken))):
            taken += block
        return bytes(taken)

    def block(self, limit: int | None = None) -> bytes:
        """Take the next bytes, as many as there are at once, or `limit` at most; none at the end."""
        if not self._held:
            chunk = next(filter(None, self._chunks), b"")
            if limit is None or len(chunk) <= limit:
                return chunk
            self._held = memoryview(chunk)
        taken = bytes(self._held[:limit])
        # An empty view of a chunk would keep it in memory.
        self._held = self._held[len(taken) :] or memoryview(b"")
        return taken

    def give_back(self, piece: bytes) -> None:
        """Put what was taken and not used before the rest."""
        self._held = memoryview(piece + bytes(self._held))

    def rest(self) -> Iterator[bytes]:
        """Yield everything that was not taken."""
        while block := self.block():
            yield block


def counted(chunks: Iterable[bytes], note: Callable[[int], None]) -> Iterator[bytes]:
    """Yield `chunks` unchanged and tell `note` the size of each: for progress."""
    for chunk in chunks:
        note(len(chunk))
        yield chunk


def exactly(size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks of `size` bytes cut from `chunks`; the last may be shorter. An empty stream yields nothing."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A download in ranges, one of them ahead of the reader; and a range out of all there is.

A range is fetched whole before its first byte is handed on. So a reader who takes his time holds no connection
open, which the store would cut, and the wait for the next range is hidden behind the work on this one.
"""

from __future__ import annotations

import typing as t

from ...ground.errors import StoreError
from . import base
from .failures import NoRange

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

RANGE = 4 << 20
"""Bytes in one request. Three ranges are in memory at most: one read, one waiting, one on its way."""


def download(
    name: str,
    ranged: Callable[..., tuple[memoryview, t.Any] | None],
    whole: Callable[..., Iterator[bytes]],
    start: int,
    length: int | None,
) -> Iterator[bytes]:
    """
    Yield `length` bytes of an object from `start`, or all from there on: in ranges, or of the whole where a store knows
    none. Raise StoreError when it ends before its size.

    `ranged(start, size)` fetches one range and tells of the object, None when that ends before; `whole(start, length)`
    reads all there is. Both take what was told before as a third, and raise StoreError when it is another object now.
    """
    try:
        first = ranged(start, RANGE if length is None else min(RANGE, length))
    except NoRange:
        yield from whole(start, length)
        return
    if first is None:
        return
    data, meta = first
    end = meta["size"] if length is None else min(meta["size"], start + length)

    def fetch(position: int, size: int) -> bytes | memoryview:
        try:
            found = ranged(position, size, meta)
        except NoRange:
            return b"".join(whole(position, size, meta))
        if found is None:
            raise only_a_part(name)
        return found[0]

    yield from in_ranges(fetch, data, start + len(data), end)


def in_ranges(fetch: Callable[[int, int], base.Bytes], held: base.Bytes, position: int, end: int) -> Iterator[bytes]:
    """Yield `held`, then what `fetch(position, size)` gives for the ranges from `position` to `end`."""
    if position >= end:
        yield from base.blocks(held)
        return
    import concurrent.futures  # noqa: PLC0415 - who reads only the head of an object has no use for it

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        while position < end:
            size = min(RANGE, end - position)
            following = pool.submit(fetch, position, size)
            yield from base.blocks(held)
            held = following.result()
            position += size
        yield from base.blocks(held)


def cut_out(name: str, chunks: Iterable[bytes], size: int, start: int, length: int | None) -> Iterator[bytes]:
    """
    Yield `length` bytes from `start`, or all from there on, of the `size` bytes that `chunks` are.

    No more is read than is wanted, whatever comes. Raise StoreError when it ends before.
    """
    end = size if length is None else min(size, start + length)
    position = 0
    for chunk in chunks if start < end else ():
        wanted = memoryview(chunk)[max(0, start - position) : max(0, end - position)]
        position += len(chunk)
        yield from base.blocks(wanted)
        if position >= end:
            return
    if start < end:
        raise only_a_part(name)


def only_a_part(name: str) -> StoreError:
    """Return the error for an object that ends before its size."""
    return StoreError(f"The store returned only a part of {name}.", "Run again.", name=name)


def same_object(name: str, found: Mapping[str, t.Any], expected: Mapping[str, t.Any] | None) -> None:
    """Raise StoreError when an answer is about another object than the answer before it."""
    tags = {meta["e_tag"] for meta in (found, expected) if meta and meta["e_tag"]}
    if expected and (found["size"] != expected["size"] or len(tags) > 1):
        raise StoreError(f"{name} was replaced while it was read.", "Run again.", name=name)

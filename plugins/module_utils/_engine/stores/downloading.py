# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A download in ranges, one of them ahead of the reader.

A range is fetched whole before its first byte is handed on. So a reader who takes his time holds no connection
open, which the store would cut, and the wait for the next range is hidden behind the work on this one.
"""

from __future__ import annotations

import concurrent.futures
import typing as t

from . import base

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RANGE = 4 << 20
"""Bytes in one request. Three ranges are in memory at most: one read, one waiting, one on its way."""


def in_ranges(fetch: Callable[[int, int], memoryview], held: memoryview, position: int, end: int) -> Iterator[bytes]:
    """Yield `held`, then what `fetch(position, size)` gives for the ranges from `position` to `end`."""
    if position >= end:
        yield from base.blocks(held)
        return
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        while position < end:
            size = min(RANGE, end - position)
            following = pool.submit(fetch, position, size)
            yield from base.blocks(held)
            held = following.result()
            position += size
        yield from base.blocks(held)

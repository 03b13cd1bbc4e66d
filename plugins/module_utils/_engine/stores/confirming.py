# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A store's answer is not believed alone: a write is done when the store gives back what it took, as a reader asks for it.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import AccessDenied, NotFound, StoreError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .base import Store

EDGE = 64 << 10
"""Bytes of each end that are read back: the whole of a record, and of a file more than its head."""

SMALL = 8 << 20
"""Bytes that are read to their end for the sake of the end, where a store can give no range of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What a store was given: how many bytes, and those of both ends. `first` may be all of them."""

    size: int
    first: bytes
    last: bytes


def confirm(store: Store, name: str, written: Written, *, whole: Callable[[], bool]) -> None:
    """
    Return when `store` gives back both ends of `name` as they were written, and shows its size.

    The last end is left out when `whole` says, once the first was read, that it would cost too much. Where these
    credentials may not read, the size will do, by a listing if need be. Raise StoreError otherwise, and AccessDenied
    when they may do nothing of it.
    """
    try:
        found = _given_back(store, name, written, whole)
    except AccessDenied as denied:
        found = _shown(store, name, denied)
    except NotFound:
        found = -1
    if found != written.size:
        shown = "nothing" if found < 0 else f"{found} bytes"
        raise StoreError(f"{store.url} took {written.size} bytes of {name} and shows {shown}.", _UNTRUSTED, name=name)


def _given_back(store: Store, name: str, written: Written, whole: Callable[[], bool]) -> int:
    """Read both ends back, and give the size."""
    first = b"".join(store.get(name, 0, len(written.first) + 1))
    if len(first) <= len(written.first):
        size = len(first)
    else:
        size, first = store.head(name).size, first[:-1]
    if size == written.size:
        start = size - len(written.last)
        last = b"".join(store.get(name, start)) if size > len(first) and whole() else written.last
        if (first, last) != (written.first, written.last):
            raise StoreError(f"{store.url} took {name} and gives back other bytes.", _UNTRUSTED, name=name)
    return size


def _shown(store: Store, name: str, denied: AccessDenied) -> int:
    try:
        return store.head(name).size
    except AccessDenied:
        return _listed(store, name, denied)


def _listed(store: Store, name: str, denied: AccessDenied) -> int:
    try:
        return next((info.size for info in store.list(name) if info.name == name), -1)
    except AccessDenied as exc:
        raise AccessDenied(
            f"{store.url} took {name}, and these credentials may neither look at it nor list it.",
            "Allow them s3:ListBucket on the prefix, so that a write can be told from a loss.",
            **denied.details,
        ) from exc


_UNTRUSTED = "Run again; if it stays, this store cannot be trusted with backups."

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
An upload: its bytes are watched on their way, and it is done when the store gives back what it took.

A store's answer is not believed alone. A create-only write whose answer gets lost is sent again, and a token tells our
object from another's.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import AccessDenied, AlreadyExists, NotFound, StoreError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .base import Store

ATTEMPTS = 3
"""How often a create-only write or a deletion is sent when its answer gets lost: obstore does not repeat them."""

REFUSALS = range(300, 500)
"""HTTP statuses that settle a request; after any other, or none, it may have been carried out all the same."""

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
                f"The object is larger than {self._limit} bytes, the maximum for parts of this size.",
                "Use a larger part size or smaller volumes.",
            )
        return chunk

    @property
    def written(self) -> Written:
        """What has passed, to be compared with what the store gives back."""
        return Written(self.size, self._first, self._last)

    def small(self, size: int) -> bytes | Iterator[bytes]:
        """Return all of it as bytes when it ends within `size` bytes, else an iterator over all of it."""
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


def confirm(store: Store, name: str, written: Written, *, whole: Callable[[], bool], right: str) -> None:
    """
    Return when `store` gives back both ends of `name` as they were written, and shows its size.

    The last end is left out when `whole` says, once the first was read, that it would cost too much. Where these
    credentials may not read, the size will do, by a listing if need be. Raise StoreError otherwise, and AccessDenied
    when they may do nothing of it, not even list, which is the permission `right`.
    """
    try:
        found = _given_back(store, name, written, whole)
    except AccessDenied as denied:
        found = _shown(store, name, denied, right)
    except NotFound:
        found = -1
    if found != written.size:
        shown = "nothing" if found < 0 else f"{found} bytes"
        raise StoreError(
            f"{store.url} accepted {written.size} bytes of {name}, but shows {shown}.", _UNTRUSTED, name=name
        )


def _given_back(store: Store, name: str, written: Written, whole: Callable[[], bool]) -> int:
    """Read both ends back, and return the size."""
    first = b"".join(store.get(name, 0, len(written.first) + 1))
    if len(first) <= len(written.first):
        size = len(first)
    else:
        size, first = store.head(name).size, first[:-1]
    if size == written.size:
        start = size - len(written.last)
        last = b"".join(store.get(name, start)) if size > len(first) and whole() else written.last
        if (first, last) != (written.first, written.last):
            raise StoreError(f"{store.url} accepted {name}, but returns other bytes.", _UNTRUSTED, name=name)
    return size


def _shown(store: Store, name: str, denied: AccessDenied, right: str) -> int:
    try:
        return store.head(name).size
    except AccessDenied:
        return _listed(store, name, denied, right)


def _listed(store: Store, name: str, denied: AccessDenied, right: str) -> int:
    try:
        return next((info.size for info in store.list(name) if info.name == name), -1)
    except AccessDenied as exc:
        raise AccessDenied(
            f"{store.url} accepted {name}, but these credentials may neither read nor list it.",
            f"Allow them {right} on the prefix, so that writes can be confirmed.",
            **denied.details,
        ) from exc


def settle(url: str, name: str, is_ours: Callable[[], bool], earlier: StoreError | None) -> None:
    """Return when the object that exists is the one whose answer we never got. Raise AlreadyExists otherwise."""
    try:
        if is_ours():
            return
    except AccessDenied as exc:
        if earlier:
            raise StoreError(
                f"The response to writing {name} was lost, and these credentials may not read it back.",
                "Check with other credentials whether it exists.",
                name=name,
            ) from exc
    raise AlreadyExists(f"{url} already contains an object {name}.", "Nothing was written.", name=name)


_UNTRUSTED = "Run again; if it persists, do not store backups there."

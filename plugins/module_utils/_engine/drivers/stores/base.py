# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What every store of objects can do, and what a name in it may look like.

Names are relative, `a/b/c`, and mean the same in every store: a bucket copied into a directory is the same store.
"""

from __future__ import annotations

import abc
import dataclasses
import typing as t

from ...ground.errors import NotFound, StoreError, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

BLOCK = 1 << 20
"""Bytes in a block that `get` yields."""

PART_SIZE = 8 << 20
"""Bytes in a part of an upload: several are in flight for each worker, and twice as much would break our limit."""

NAME_BYTES = 1024
"""S3's limit for a key, prefix included."""

SEGMENT_BYTES = 255
"""What file systems allow between two slashes."""

RESERVED = ".lifeboat-"
"""Files of a directory store that begin like this are being written; no object may look like one."""

Bytes: t.TypeAlias = "bytes | memoryview"

Purged = t.Literal["deleted", "retained"]
"""What became of an object that was to go for good: a store that locks objects may have to keep it for now."""


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store tells about an object. `modified` is the store's own time, in UTC."""

    name: str
    size: int
    modified: datetime


class Store(t.Protocol):
    """
    A place for objects. All methods raise StoreError or its kin, and may be called from several threads.

    `url` says where it is, for messages; it holds no secret.
    """

    url: str

    def put(self, name: str, chunks: Iterable[bytes], *, part_size: int = PART_SIZE) -> int:
        """
        Store `chunks` as `name`, replacing what was there, and return the bytes stored.

        It returns only once the store gives back what it took, as far as these credentials may ask. What `chunks`
        raises passes through; on any error nothing of the half-written object can be seen.
        """

    def put_new(self, name: str, data: bytes) -> None:
        """Store `data` as `name` unless something of that name exists. Raise AlreadyExists then."""

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """
        Yield the object's bytes from `start`, `length` of them or all that there are, in blocks of at most 1 MiB.

        A range that reaches beyond the end is cut there. Taking the first block raises NotFound when nothing of
        that name is stored.
        """

    def head(self, name: str) -> ObjectInfo:
        """Tell size and time of an object without reading it. Raise NotFound when there is none."""

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """
        Yield every object whose name begins with `prefix` and stands after `after`, ordered by name.

        `after` is a name, or the beginning of one; that such an object exists is not asked.
        The listing is complete: when the store fails on the way, StoreError is raised in place of the end.
        """

    def delete(self, name: str) -> None:
        """Remove an object. It is no error when there is none."""

    def purge(self, name: str) -> Purged:
        """
        Remove an object for good: every version of it, and what hides it. It is no error when there is none.

        A version that is locked stays, and so does what was hidden above it; that is `retained`, and no error.
        """

    def purge_all(self, names: Sequence[str]) -> dict[str, Purged | StoreError]:
        """
        Purge many objects, in as few requests as the store allows, and return what became of each.

        An error belongs to its object and is given, not raised: what went before it is gone all the same.
        """

    def unfinished(self, prefix: str) -> Iterator[ObjectInfo]:
        """
        Yield what lies below `prefix`, empty or ending with a slash, of writes that never ended, or did not yet.

        They are no objects: nothing else tells of them. A bucket has rules of its own to be rid of them.
        """

    def abort(self, name: str, before: datetime) -> bool:
        """Remove one of them, unless it was written to since `before` or somebody writes it. Whether it is gone."""

    def locked_until(self, name: str) -> datetime | None:
        """Tell until when the store itself keeps an object; None when it does not, or when there is none."""


def check_name(name: str) -> str:
    """Return `name` if every store can hold it. Raise UsageError otherwise."""
    segments = name.split("/")
    reason = None
    if any(segment in {"", ".", ".."} for segment in segments):
        reason = "contains an empty part, or one of dots only"
    elif any(segment.startswith(RESERVED) for segment in segments):
        reason = f"contains a part that begins with {RESERVED}, which is reserved for unfinished files"
    elif any(ord(character) < 32 or ord(character) == 127 for character in name):
        reason = "contains a control character"
    elif any(0xD800 <= ord(character) <= 0xDFFF for character in name):
        reason = "is not valid Unicode"
    elif len(name.encode()) > NAME_BYTES or any(len(segment.encode()) > SEGMENT_BYTES for segment in segments):
        reason = f"is longer than {NAME_BYTES} bytes, or one of its parts than {SEGMENT_BYTES}"
    if reason:
        raise UsageError(f"The object name {name!r} {reason}.", "Use another name.", name=name)
    return name


def check_prefix(prefix: str) -> str:
    """Return `prefix` if names can begin with it; unlike a name it may be empty or end with a slash."""
    if prefix:
        check_name(prefix.removesuffix("/"))
    return prefix


def is_there(store: Store, name: str) -> bool:
    """Whether the store holds an object of this name. Raise StoreError when it does not say."""
    try:
        store.head(name)
    except NotFound:
        return False
    return True


def one_by_one(purge: Callable[[str], Purged], names: Iterable[str]) -> dict[str, Purged | StoreError]:
    """Do what `Store.purge_all` does where a store has no request for many objects."""
    done: dict[str, Purged | StoreError] = {}
    for name in names:
        try:
            done[name] = purge(name)
        except StoreError as exc:
            done[name] = exc
    return done


class PlainStore(abc.ABC):
    """What `Store` promises, of one that has objects alone: no versions, no locks, no writes that never ended."""

    @abc.abstractmethod
    def delete(self, name: str) -> None: ...

    def purge(self, name: str) -> Purged:
        self.delete(name)
        return "deleted"

    def purge_all(self, names: Sequence[str]) -> dict[str, Purged | StoreError]:
        return one_by_one(self.purge, names)

    def unfinished(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        return iter(())

    def abort(self, name: str, before: datetime) -> bool:  # noqa: ARG002
        return False

    def locked_until(self, name: str) -> datetime | None:
        check_name(name)
        return None


def blocks(data: bytes | memoryview) -> Iterator[bytes]:
    """Yield `data` in blocks of at most 1 MiB."""
    view = memoryview(data)
    for position in range(0, len(view), BLOCK):
        yield bytes(view[position : position + BLOCK])

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What lies below the surface of a bucket with versions: what was replaced, what is hidden, and what is locked.

An ordinary deletion in such a bucket removes nothing. It lays a delete marker on top, which hides the object from every
listing. Whoever may delete can so hide backups that a lock keeps; whoever may write can lay other bytes on top.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import operator
import typing as t

from ....ground.errors import AccessDenied, NotFound, StoreError
from .control import store_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..base import Purged
    from .control import Control

FOREVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)
"""Until when a legal hold keeps a version."""

UNKNOWN_VERSION = {"NoSuchVersion", "NoSuchKey"}


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker; `name` is relative to the store's prefix."""

    name: str
    version_id: str
    latest: bool
    marker: bool
    modified: datetime.datetime
    size: int = 0
    etag: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Covered:
    """An object that lies under a delete marker (`hidden`) or under other bytes, with its oldest version."""

    name: str
    hidden: bool
    since: datetime.datetime
    version_id: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """What keeps a version, and what time the store had when it said so."""

    mode: str
    until: datetime.datetime
    at: datetime.datetime

    @property
    def now(self) -> bool:
        """Whether it is kept at the moment."""
        return self.until > self.at


def listed(control: Control, prefix: str) -> Iterator[Version]:
    """Yield every version and delete marker of the names that begin with `prefix`, ordered by name."""
    pages = control.pages(
        "list_object_versions", "Listing the versions", right="s3:ListBucketVersions", Prefix=control.prefix + prefix
    )
    for page in pages:
        found = [_version(control, item, marker=False) for item in page.get("Versions", ())]
        found += [_version(control, item, marker=True) for item in page.get("DeleteMarkers", ())]
        # Within one name the newest is first, as the store has it; two lists were merged.
        yield from sorted(found, key=lambda version: (version.name, not version.latest, -version.modified.timestamp()))


def covered(versions: Iterable[Version]) -> Iterator[Covered]:
    """Yield the objects that are hidden, or lie under other bytes, of a listing ordered by name."""
    for name, group in itertools.groupby(versions, key=operator.attrgetter("name")):
        every = list(group)
        top = every[0]
        below = next((version for version in reversed(every) if not version.marker), None)
        if below is not None and (top.marker or (top.size, top.etag) != (below.size, below.etag)):
            yield Covered(name, top.marker, top.modified, below.version_id, below.size)


def purge(control: Control, name: str) -> Purged:
    """
    Remove every version of an object, and then its delete markers; `retained` when a version is locked.

    The oldest goes first, so that what is left is never an older state that becomes visible again.
    """
    every = _named(control, name)
    kept = [version for version in reversed(every) if not version.marker and not _remove(control, version)]
    if kept:
        return "retained"
    for marker in reversed(every):
        if marker.marker:
            _remove(control, marker)
    return "deleted"


def reveal(control: Control, name: str) -> None:
    """Take away every delete marker of an object, so that its newest version is seen again."""
    for version in _named(control, name):
        if version.marker:
            _remove(control, version)


def held(control: Control, name: str, version_id: str | None = None) -> Held | None:
    """Tell what keeps a version, or the newest one; None when nothing does. Raise NotFound when it is not there."""
    which = {"VersionId": version_id} if version_id else {}
    answer = control.ask(
        "head_object",
        f"Looking at the lock of {name}",
        right="s3:GetObject, s3:GetObjectVersion, s3:GetObjectRetention and s3:GetObjectLegalHold",
        absent={"404", "NoSuchKey", "NoSuchVersion"},
        Key=control.prefix + name,
        **which,
    )
    if answer is None:
        raise NotFound(f"{control.url} does not contain that version of {name}.", name=name)
    at = store_time(answer)
    if answer.get("ObjectLockLegalHoldStatus") == "ON":
        return Held("hold", FOREVER, at)
    until = answer.get("ObjectLockRetainUntilDate")
    return Held(str(answer.get("ObjectLockMode", "")).lower(), until, at) if until else None


def retention(control: Control, name: str, version_id: str) -> Held | None:
    """Tell the same about a version in another way: some stores leave it out of what they tell of an object."""
    answer = control.ask(
        "get_object_retention",
        f"Looking at the lock of {name}",
        right="s3:GetObjectRetention",
        absent={"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest"},
        Key=control.prefix + name,
        VersionId=version_id,
    )
    found = (answer or {}).get("Retention", {})
    if answer is None or "RetainUntilDate" not in found:
        return None
    return Held(str(found.get("Mode", "")).lower(), found["RetainUntilDate"], store_time(answer))


def _named(control: Control, name: str) -> list[Version]:
    """Return all versions of one name, the newest first; names that only begin like it come after it."""
    return list(itertools.takewhile(lambda version: version.name == name, listed(control, name)))


def _remove(control: Control, version: Version) -> bool:
    """Remove a version. Return False when it is locked; raise AccessDenied when only the credentials are in the way."""
    try:
        control.ask(
            "delete_object",
            f"Removing a version of {version.name}",
            right="s3:DeleteObjectVersion and s3:GetObjectRetention",
            absent=UNKNOWN_VERSION,
            Key=control.prefix + version.name,
            VersionId=version.version_id,
        )
    except StoreError as refused:
        if version.marker or not _is_held(control, version, refused):
            raise
        return False
    return True


def _is_held(control: Control, version: Version, refused: StoreError) -> bool:
    # Stores refuse it with different codes; the lock itself tells what the reason was.
    if refused.details.get("status") not in range(400, 500):
        return False
    try:
        lock = held(control, version.name, version.version_id) or retention(control, version.name, version.version_id)
    except AccessDenied:
        return False
    return lock is not None and lock.now


def _version(control: Control, item: dict[str, t.Any], *, marker: bool) -> Version:
    return Version(
        name=str(item["Key"]).removeprefix(control.prefix),
        version_id=str(item["VersionId"]),
        latest=bool(item.get("IsLatest")),
        marker=marker,
        modified=item["LastModified"],
        size=int(item.get("Size", 0)),
        etag=str(item.get("ETag", "")),
    )

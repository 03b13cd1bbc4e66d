# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A bucket's store that can remove objects for good, also where the bucket keeps versions and locks.

Many go by one request: deleting years of backups one object at a time takes an hour. Only what is simple goes this way,
an object of one version, or of a bucket that keeps none. The rest, and what the store refused, goes one by one, where
the order of versions and the reason of a refusal are looked after.
"""

from __future__ import annotations

import functools
import itertools
import operator
import os.path
import typing as t

from ....ground.errors import AccessDenied, NotFound, StoreError
from .. import base
from . import bucket_state, versions
from .complete import CompleteListing

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from .control import Control


class VersionedStore:
    """
    Wraps the store of a bucket's objects; `control` is asked for what is below the surface.

    With `thorough` it also has the last word on where each listing ends, for those who delete because of one.
    """

    def __init__(self, store: base.Store, control: Control, *, thorough: bool = False) -> None:
        self.url = store.url
        self.put, self.put_new, self.delete = store.put, store.put_new, store.delete
        self.get, self.head = store.get, store.head
        self.unfinished, self.abort = store.unfinished, store.abort
        self.list = CompleteListing(store, control, thorough=thorough).list
        self._store = store
        self._control = control
        self._keeps_versions = _asked_once(lambda: bucket_state.versioning(control) != "off")
        self._locks = _asked_once(lambda: bucket_state.object_lock(control)[0])

    def purge(self, name: str) -> base.Purged:
        base.check_name(name)
        return versions.purge(self._control, name) if self._keeps_versions() else self._store.purge(name)

    def purge_all(self, names: Sequence[str]) -> dict[str, base.Purged | StoreError]:
        for name in names:
            base.check_name(name)
        return _purged(self._control, names, self.purge, versioned=self._keeps_versions())

    def locked_until(self, name: str) -> datetime | None:
        base.check_name(name)
        if not self._locks():
            return None
        try:
            found = versions.held(self._control, name)
        except NotFound:
            return None
        return found.until if found and found.now else None


def _asked_once(ask: Callable[[], bool]) -> Callable[[], bool]:
    """Return what remembers the answer; what these credentials may not know is true, and shows when it is used."""

    @functools.cache
    def answer() -> bool:
        try:
            return ask()
        except AccessDenied:
            return True

    return answer


MOST = 1000
"""Objects that S3 takes in one request."""

REFUSALS = range(400, 502)
"""HTTP statuses of a store that answered, and that does not do this: 501 is said by one that never learnt it."""

Outcomes = dict[str, "base.Purged | StoreError"]
_Object = dict[str, str]


def _purged(control: Control, names: Sequence[str], one: Callable[[str], base.Purged], *, versioned: bool) -> Outcomes:
    """
    Remove objects for good and return what became of each; `one` removes a single one, whatever lies below it.

    Source: the operations DeleteObjects and ListObjectVersions of Amazon S3's API reference.
    """
    done: Outcomes = {}
    try:
        simple = _of_one_version(control, names) if versioned else [{"Key": control.prefix + name} for name in names]
    except StoreError as exc:
        if not _answered(exc):
            return dict.fromkeys(names, exc)
        simple = []
    for start in range(0, len(simple), MOST):
        done |= _together(control, simple[start : start + MOST])
    return done | base.one_by_one(one, (name for name in names if name not in done))


def _together(control: Control, objects: Sequence[_Object]) -> Outcomes:
    """Remove these by one request, and return what is settled by it, which what the store refused is not."""
    names = {item["Key"]: item["Key"].removeprefix(control.prefix) for item in objects}
    try:
        answer = control.ask(
            "delete_objects",
            f"Removing {len(objects)} objects",
            right="s3:DeleteObject and s3:DeleteObjectVersion",
            Delete={"Objects": list(objects), "Quiet": False},
        )
    except StoreError as exc:
        return {} if _answered(exc) else dict.fromkeys(names.values(), exc)
    gone = {found.get("Key") for found in (answer or {}).get("Deleted", ())}
    return {name: "deleted" for key, name in names.items() if key in gone}


def _answered(error: StoreError) -> bool:
    """Whether it is worth asking for each: a store that does not answer would be waited for once for every object."""
    return error.details.get("status") in REFUSALS


def _of_one_version(control: Control, names: Iterable[str]) -> list[_Object]:
    """Return those that have one version and no delete marker. What lies in one folder is looked at together."""
    found: list[_Object] = []
    for _folder, group in itertools.groupby(sorted(names), lambda name: name.rpartition("/")[0]):
        together = list(group)
        wanted, last = set(together), together[-1]
        listed = versions.listed(control, os.path.commonprefix(together))  # noqa: RUF071
        near = itertools.takewhile(lambda version, last=last: version.name <= last, listed)  # type: ignore[misc]
        for name, every in itertools.groupby(near, operator.attrgetter("name")):
            first, *others = every
            if name in wanted and not others and not first.marker:
                found.append({"Key": control.prefix + name, "VersionId": first.version_id})
    return found

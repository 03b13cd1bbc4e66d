# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
An S3 bucket as a store that can remove objects for good, also where the bucket keeps versions and locks.

And one whose listings are complete. obstore takes any answer with status 200 for a listing, so that an error in one
looks like its end: where it ends is asked for again.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t

from ..errors import AccessDenied, MissingLibrary, NotFound, StoreError, Unbelievable
from . import base, bucket_state, bulk, versions
from .cloud import CloudStore

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from .s3_control import Control


class VersionedStore(CloudStore):
    """
    The objects below a bucket's prefix. `control` is asked only for what is below the surface.

    With `thorough` it also has the last word on where each listing ends, for those who delete because of one.
    """

    def __init__(self, control: Control, *arguments: t.Any, thorough: bool = False, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        self._thorough = thorough
        self._control = control
        self._asking = threading.Lock()
        self._versions: bool | None = None
        self._locks: bool | None = None

    def list(self, prefix: str) -> Iterator[base.ObjectInfo]:
        last = ""
        for info in super().list(prefix):
            last = info.name
            yield info
        while rest := self._rest(prefix, last):
            last = rest[-1].name
            yield from rest

    def _rest(self, prefix: str, last: str) -> Sequence[base.ObjectInfo]:
        """Give what follows after `last`, as far as it was not seen. Raise StoreError when the end was none."""
        if self._thorough:
            if not self._follows(prefix, last):
                return []
            found = [info for info in super().list(prefix) if info.name > last]
            if not found and self._follows(prefix, last):
                raise Unbelievable(
                    f"{self.url} lists less of {prefix} than it holds.", "Find out why, and run again.", prefix=prefix
                )
            return found
        if last:
            again = list(self._listed_from(prefix, last))
            if (not again or again[0].name != last) and self._is_there(last):
                raise Unbelievable(
                    f"{self.url} lists {last} once and not again.",
                    "Find out what answers for this store, and run again.",
                    prefix=prefix,
                )
            return [info for info in again if info.name > last]
        found = list(super().list(prefix))
        if not found and not self._lists():
            # Without boto3 nothing more can be known of a store in which nothing was ever seen.
            with contextlib.suppress(MissingLibrary):
                return list(super().list(prefix)) if self._follows(prefix, "") else []
        return found

    def _follows(self, prefix: str, last: str) -> bool:
        """Whether anything follows after `last`, by an answer that is a listing in every point."""
        where: dict[str, t.Any] = {"Prefix": self._control.prefix + prefix, "MaxKeys": 100}
        if last:
            where["StartAfter"] = self._control.prefix + last
        answer = self._control.ask("list_objects_v2", f"Listing {prefix}", right="s3:ListBucket", **where) or {}
        if "IsTruncated" not in answer:
            raise StoreError(
                f"{self.url} answers with something else where a listing was asked for.",
                "Check that store.endpoint is that of an S3 service, and what stands between.",
            )
        return any(not found["Key"].endswith("/") for found in answer.get("Contents", ()))

    def _lists(self) -> bool:
        """Whether this store, asked for all there is, shows anything."""
        try:
            return next(super().list(""), None) is not None
        except AccessDenied:
            return False

    def _is_there(self, name: str) -> bool:
        try:
            self.head(name)
        except NotFound:
            return False
        return True

    def purge(self, name: str) -> base.Purged:
        base.check_name(name)
        return versions.purge(self._control, name) if self._keeps_versions() else super().purge(name)

    def purge_all(self, names: Sequence[str]) -> dict[str, base.Purged | StoreError]:
        for name in names:
            base.check_name(name)
        return bulk.purge(self._control, names, self.purge, versioned=self._keeps_versions())

    def locked_until(self, name: str) -> datetime | None:
        base.check_name(name)
        with self._asking:
            if self._locks is None:
                self._locks = _possibly(lambda: bucket_state.object_lock(self._control)[0])
        if not self._locks:
            return None
        try:
            found = versions.held(self._control, name)
        except NotFound:
            return None
        return found.until if found and found.now else None

    def _keeps_versions(self) -> bool:
        with self._asking:
            if self._versions is None:
                self._versions = _possibly(lambda: bucket_state.versioning(self._control) != "off")
            return self._versions


def _possibly(ask: Callable[[], bool]) -> bool:
    """Give the answer; what these credentials may not know is taken for true, and shows when it is used."""
    try:
        return ask()
    except AccessDenied:
        return True

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Listings that are complete, or an error.

obstore takes any answer with status 200 for a listing, so that an error in one looks like its end: where it ends is
asked for again.
"""

from __future__ import annotations

import contextlib
import typing as t

from ....ground.errors import AccessDenied, InconsistentStore, MissingLibrary
from ..base import is_there

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..base import ObjectInfo, Store
    from .control import Control


class CompleteListing:
    """
    Lists a store. With `thorough` its `control` has the last word on where a listing ends.

    Without, that is asked only about a store in which nothing at all was seen.
    """

    def __init__(self, store: Store, control: Control, *, thorough: bool) -> None:
        self._store = store
        self._control = control
        self._rest = self._rest_by_control if thorough else self._rest_by_store

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Do what `Store.list` does. Raise InconsistentStore when the store contradicts itself."""
        last, seen = after, False
        for info in self._store.list(prefix, after):
            last, seen = info.name, True
            yield info
        while rest := self._rest(prefix, last, seen=seen):
            last, seen = rest[-1].name, True
            yield from rest

    def _rest_by_control(self, prefix: str, last: str, *, seen: bool) -> Sequence[ObjectInfo]:  # noqa: ARG002
        """Return what follows `last` and was not listed. Raise InconsistentStore when the store hides it."""
        if not self._follows(prefix, last):
            return []
        found = list(self._store.list(prefix, last))
        if not found and self._follows(prefix, last):
            raise InconsistentStore(
                f"{self._store.url} lists less of {prefix} than it contains.",
                "Find out why, and run again.",
                prefix=prefix,
            )
        return found

    def _rest_by_store(self, prefix: str, last: str, *, seen: bool) -> Sequence[ObjectInfo]:
        """Return the same by a listing that has to begin with `last`, if that was `seen`."""
        if seen:
            again = [info for info in self._store.list(prefix, last[:-1]) if info.name >= last]
            if (not again or again[0].name != last) and is_there(self._store, last):
                raise InconsistentStore(
                    f"{self._store.url} listed {last} once, but not again.",
                    "Check what is between this host and the store, and run again.",
                    prefix=prefix,
                )
            return [info for info in again if info.name > last]
        found = list(self._store.list(prefix, last))
        if not found and not self._lists():
            # Without boto3 nothing more can be known of a store in which nothing was ever seen.
            with contextlib.suppress(MissingLibrary):
                return list(self._store.list(prefix, last)) if self._follows(prefix, last) else []
        return found

    def _follows(self, prefix: str, last: str) -> bool:
        """Whether anything follows after `last`, by an answer that is a listing in every point."""
        where: dict[str, t.Any] = {"Prefix": self._control.prefix + prefix, "MaxKeys": 100}
        if last:
            where["StartAfter"] = self._control.prefix + last
        pages = self._control.pages("list_objects_v2", f"Listing {prefix}", right="s3:ListBucket", **where)
        return any(not found["Key"].endswith("/") for page in pages for found in page.get("Contents", ()))

    def _lists(self) -> bool:
        """Whether this store, asked for all there is, shows anything."""
        try:
            return next(self._store.list(""), None) is not None
        except AccessDenied:
            return False

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A bucket's store that can remove objects for good, also where the bucket keeps versions and locks.
"""

from __future__ import annotations

import functools
import typing as t

from ...errors import AccessDenied, NotFound
from .. import base
from . import bucket_state, bulk, versions
from .complete import CompleteListing

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ...errors import StoreError
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
        return bulk.purge(self._control, names, self.purge, versioned=self._keeps_versions())

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

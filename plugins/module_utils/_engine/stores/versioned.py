# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
An S3 bucket as a store that can remove objects for good, also where the bucket keeps versions and locks.
"""

from __future__ import annotations

import threading
import typing as t

from ..errors import AccessDenied, NotFound
from . import base, bucket_state, bulk, versions
from .cloud import CloudStore

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ..errors import StoreError
    from .s3_control import Control


class VersionedStore(CloudStore):
    """The objects below a bucket's prefix. `control` is asked only for what is below the surface."""

    def __init__(self, control: Control, *arguments: t.Any, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        self._control = control
        self._asking = threading.Lock()
        self._versions: bool | None = None
        self._locks: bool | None = None

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

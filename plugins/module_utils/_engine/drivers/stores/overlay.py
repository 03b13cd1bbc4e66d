# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store that lies over another one: chosen objects are answered with other bytes, and nothing below is changed."""

from __future__ import annotations

import heapq
import typing as t

from . import base
from .dry_run import DryRunStore

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


class OverlayStore:
    """Wraps a store. It has these `objects`, all of one age, in place of those of their names, and writes vanish."""

    def __init__(self, store: base.Store, objects: Mapping[str, bytes], modified: datetime) -> None:
        self._store = store
        self._objects = {base.check_name(name): data for name, data in objects.items()}
        self._modified = modified
        self.url = store.url
        self.unfinished, self.locked_until = store.unfinished, store.locked_until
        vanishing = DryRunStore(self)
        self.put, self.put_new, self.delete = vanishing.put, vanishing.put_new, vanishing.delete
        self.purge, self.purge_all, self.abort = vanishing.purge, vanishing.purge_all, vanishing.abort

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield what is chosen, or what is below."""
        if name not in self._objects:
            return self._store.get(name, start, length)
        data = self._objects[name]
        return base.blocks(data[start:] if length is None else data[start : start + length])

    def head(self, name: str) -> base.ObjectInfo:
        """Tell size and time of what is chosen, or of what is below."""
        return self._info(name) if name in self._objects else self._store.head(name)

    def list(self, prefix: str, after: str = "") -> Iterator[base.ObjectInfo]:
        """Yield both, in the order of their names."""
        own = sorted(name for name in self._objects if name.startswith(prefix) and name > after)
        below = (info for info in self._store.list(prefix, after) if info.name not in self._objects)
        return heapq.merge(map(self._info, own), below, key=lambda info: info.name)

    def _info(self, name: str) -> base.ObjectInfo:
        return base.ObjectInfo(name, len(self._objects[name]), self._modified)

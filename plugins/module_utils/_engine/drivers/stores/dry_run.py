# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store of check mode: reads pass, and writes vanish."""

from __future__ import annotations

import typing as t

from ...ground.errors import AccessDenied, AlreadyExists, NotFound
from . import base

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ...ground.errors import StoreError


class DryRunStore:
    """Wraps a store, and changes nothing in it."""

    def __init__(self, store: base.Store) -> None:
        self.url = store.url
        self.get, self.head, self.list = store.get, store.head, store.list
        self.unfinished, self.locked_until = store.unfinished, store.locked_until

    def put(self, name: str, chunks: Iterable[bytes], *, part_size: int = base.PART_SIZE) -> int:  # noqa: ARG002
        """Check the name. `chunks` stays untouched: producing them is work that check mode must not do."""
        base.check_name(name)
        return 0

    def put_new(self, name: str, data: bytes) -> None:  # noqa: ARG002
        """Check the name, or raise AlreadyExists where the store would; a writer who may not look assumes the best."""
        base.check_name(name)
        try:
            self.head(name)
        except (NotFound, AccessDenied):
            return
        raise AlreadyExists(f"{self.url} already contains an object {name}.", "Nothing was written.", name=name)

    def delete(self, name: str) -> None:
        """Check the name."""
        base.check_name(name)

    def purge(self, name: str) -> base.Purged:
        """Check the name. What is locked is known from `locked_until`, on which a plan rests."""
        base.check_name(name)
        return "deleted"

    def purge_all(self, names: Sequence[str]) -> dict[str, base.Purged | StoreError]:
        """Check the names."""
        return base.one_by_one(self.purge, names)

    def abort(self, name: str, before: datetime) -> bool:  # noqa: ARG002
        """Do nothing; whether somebody writes it is asked only where it goes."""
        return True

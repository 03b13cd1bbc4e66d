# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store of check mode: reads pass, writes vanish, and what they would have been is kept."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import AccessDenied, AlreadyExists, NotFound
from . import base

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ...ground.errors import StoreError


@dataclasses.dataclass(frozen=True, slots=True)
class Intended:
    """A change that was not made. `size` is known only for what was given whole."""

    action: t.Literal["write", "delete"]
    name: str
    size: int | None = None


class DryRunStore:
    """Wraps a store, and keeps the changes it was asked for, in their order."""

    def __init__(self, store: base.Store) -> None:
        self.url = store.url
        self.get, self.head, self.list = store.get, store.head, store.list
        self.unfinished, self.locked_until = store.unfinished, store.locked_until
        self._intended: list[Intended] = []

    @property
    def intended(self) -> tuple[Intended, ...]:
        """What was asked for so far."""
        return tuple(self._intended)

    def put(self, name: str, chunks: Iterable[bytes], *, part_size: int = base.PART_SIZE) -> int:  # noqa: ARG002
        """Note the name. `chunks` stays untouched: producing them is work that check mode must not do."""
        self._note("write", name)
        return 0

    def put_new(self, name: str, data: bytes) -> None:
        """Note the name, or raise AlreadyExists where the store would; a writer who may not look assumes the best."""
        try:
            self.head(name)
        except (NotFound, AccessDenied):
            self._note("write", name, len(data))
        else:
            raise AlreadyExists(f"{self.url} already contains an object {name}.", "Nothing was written.", name=name)

    def delete(self, name: str) -> None:
        """Note the name."""
        self._note("delete", name)

    def purge(self, name: str) -> base.Purged:
        """Note the name. What is locked is known from `locked_until`, on which a plan rests."""
        self._note("delete", name)
        return "deleted"

    def purge_all(self, names: Sequence[str]) -> dict[str, base.Purged | StoreError]:
        """Note the names."""
        return base.one_by_one(self.purge, names)

    def abort(self, name: str, before: datetime) -> bool:  # noqa: ARG002
        """Note the name; whether somebody writes it is asked only where it goes."""
        self._intended.append(Intended("delete", name))
        return True

    def _note(self, action: t.Literal["write", "delete"], name: str, size: int | None = None) -> None:
        self._intended.append(Intended(action, base.check_name(name), size))

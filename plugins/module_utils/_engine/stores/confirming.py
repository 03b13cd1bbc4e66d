# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A store's answer is not believed alone: a write is done when the store shows an object of the expected size.
"""

from __future__ import annotations

import typing as t

from ..errors import AccessDenied, NotFound, StoreError

if t.TYPE_CHECKING:
    from .base import Store


def confirm(store: Store, name: str, size: int) -> None:
    """
    Return when `store` shows `name` with `size` bytes; where these credentials may not look, a listing will do.

    Raise StoreError otherwise, and AccessDenied when they may do neither.
    """
    try:
        found = store.head(name).size
    except AccessDenied as denied:
        found = _listed(store, name, denied)
    except NotFound:
        found = -1
    if found != size:
        shown = "nothing" if found < 0 else f"{found} bytes"
        raise StoreError(
            f"{store.url} took {size} bytes of {name} and shows {shown}.",
            "Run again; if it stays, this store cannot be trusted with backups.",
            name=name,
        )


def _listed(store: Store, name: str, denied: AccessDenied) -> int:
    try:
        return next((info.size for info in store.list(name) if info.name == name), -1)
    except AccessDenied as exc:
        raise AccessDenied(
            f"{store.url} took {name}, and these credentials may neither look at it nor list it.",
            "Allow them s3:ListBucket on the prefix, so that a write can be told from a loss.",
            **denied.details,
        ) from exc

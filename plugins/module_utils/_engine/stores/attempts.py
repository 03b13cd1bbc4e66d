# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A create-only write whose answer may get lost: it is sent again, and a token tells our object from another's.
"""

from __future__ import annotations

import typing as t

from ..errors import AccessDenied, AlreadyExists, StoreError

if t.TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "lifeboat-attempt"  # noqa: S105
"""The metadata key under which an object carries the token of the attempt that wrote it."""

ATTEMPTS = 3
"""How often a create-only write or a deletion is sent when its answer gets lost: obstore does not repeat them."""

REFUSALS = range(300, 500)
"""HTTP statuses that settle a request; after any other, or none, it may have been carried out all the same."""


def create(send: Callable[[StoreError | None], StoreError | None]) -> None:
    """
    Call `send` until it returns None, and raise the StoreError that it returned last when it never does.

    It sends a write once, is given the error of the time before, and returns one when its answer got lost.
    """
    lost: StoreError | None = None
    for _attempt in range(ATTEMPTS):
        lost = send(lost)
        if lost is None:
            return
    raise t.cast("StoreError", lost)


def settle(url: str, name: str, is_ours: Callable[[], bool], earlier: StoreError | None) -> None:
    """Return when the object that exists is the one whose answer we never got. Raise AlreadyExists otherwise."""
    try:
        if is_ours():
            return
    except AccessDenied as exc:
        if earlier:
            raise StoreError(
                f"The answer to writing {name} was lost, and these credentials may not read what is stored.",
                "Look with other credentials whether it is there.",
                name=name,
            ) from exc
    raise AlreadyExists(f"{url} holds an object {name} already.", "Nothing was written.", name=name)

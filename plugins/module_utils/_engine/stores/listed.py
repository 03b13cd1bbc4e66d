# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A bucket's listing, taken for one only while it is in the order that tells when it is complete.
"""

from __future__ import annotations

import typing as t

from ..errors import StoreError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Meta(t.Protocol):
    """What a listing says of an object."""

    def __getitem__(self, key: t.Literal["path", "size"], /) -> t.Any: ...


Found = t.TypeVar("Found", bound=Meta)


def in_order(batches: Iterable[Iterable[Found]], prefix: str, url: str) -> Iterator[Found]:
    """Yield what begins with `prefix` of a listing that may begin before. Raise StoreError when it is out of order."""
    previous = ""
    for meta in (meta for batch in batches for meta in batch):
        path = meta["path"]
        if path <= previous:
            if meta["size"] == 0 and path + "/" > previous:
                continue  # a folder's marker, made by a web console; obstore drops its last slash
            raise StoreError(f"{url} lists its objects out of order.", "Use another S3 service.")
        previous = path
        if path.startswith(prefix):
            yield meta
        elif path > prefix:
            return

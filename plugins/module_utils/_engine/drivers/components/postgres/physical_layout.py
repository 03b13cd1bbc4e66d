# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stored physical backup consists of, as its detail tells it."""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import UsageError
from ..base import Figures

if t.TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "lifeboat-physical-detail/1"

BASE = "base"
"""What the member of the data directory is called among a backup's figures."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredTablespace:
    """A tablespace, where it was, and the `member` that has its files; `name` is as in `encodings`."""

    oid: int
    name: str
    location: str
    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class PhysicalLayout:
    """The members of a backup: one for each tablespace, that of the data directory, and the server's manifest."""

    tablespaces: tuple[StoredTablespace, ...]
    base: int
    manifest: int

    @classmethod
    def of(cls, detail: Mapping[str, t.Any]) -> PhysicalLayout:
        """Read a backup's detail. Raise UsageError when it is none of a physical backup."""
        if detail.get("format") != FORMAT:
            raise UsageError("This backup has no files of a server.", "Select a physical backup.", field="backup")
        spaces = tuple(StoredTablespace(**space) for space in detail["tablespaces"])
        return cls(spaces, int(detail["base"]), int(detail["manifest"]))


def figures(detail: Mapping[str, t.Any]) -> Figures:
    """Return what of a backup is compared with others: its archives. Nobody has counted what is in them."""
    layout = PhysicalLayout.of(detail)
    members = {f"tablespace {space.name}": space.member for space in layout.tablespaces}
    return Figures(compression=str(detail.get("compression", "")), members={BASE: layout.base, **members})

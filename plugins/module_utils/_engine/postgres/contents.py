# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a stored logical backup holds: its records, read to their authenticated end.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..units import human_size
from .layout import Layout, counted

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..components.base import Stored


@dataclasses.dataclass(frozen=True, slots=True)
class BackupContents:
    """A backup and its records."""

    backup: Stored
    detail: Mapping[str, t.Any]
    roles: Mapping[str, t.Any]
    layout: Layout

    @classmethod
    def of(cls, backup: Stored) -> BackupContents:
        """Read the records of `backup`, after every seal opened. Raise UsageError when nothing is in it."""
        backup.check_opens()
        detail = backup.record("detail")
        return cls(backup, detail, backup.record("globals"), Layout.of(detail))

    @property
    def owners(self) -> frozenset[str]:
        """The names of the source's roles."""
        return frozenset(role["name"] for role in self.roles["roles"])

    @property
    def table_bytes(self) -> int:
        """Bytes of all tables in the source, without indexes."""
        return sum(int(table["bytes"]) for table in self.detail["tables"])

    @property
    def partial(self) -> bool:
        """Whether it holds chosen schemas or tables only."""
        return bool(self.detail["proof"].get("partial"))

    @property
    def size(self) -> str:
        """How many tables there are, and how large they were."""
        return f"{counted(self.detail)[0]} tables, {human_size(self.table_bytes)}"

    @property
    def said(self) -> str:
        """How many tables and rows there are."""
        tables, rows = counted(self.detail)
        return f"{tables} tables with {rows or 0:,} rows"

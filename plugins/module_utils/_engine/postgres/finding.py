# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a look at a server before a backup brings to light.
"""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """
    Something to know before a backup. `error` makes the dump fail or be wrong; `warning` is lost or weak, and told.

    `code` is stable, for machines; `names` are the parts of the cause that name objects of the database.
    """

    severity: t.Literal["error", "warning"]
    code: str
    cause: str
    remedy: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}"

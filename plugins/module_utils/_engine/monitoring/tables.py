# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Tables of the status page, and the times in them, which are dates: a page may be read long after it was written.
"""

from __future__ import annotations

import typing as t

from ..markup import Content, Markup, element
from . import verdict

if t.TYPE_CHECKING:
    import datetime


def table(names: list[str], rows: list[list[Content]], *, stacked: bool = False) -> Markup:
    """Give a table. A phone shows a stacked one row by row, and scrolls another one."""
    head = element("thead", element("tr", [element("th", name, scope="col") for name in names]))
    cells = [
        element("tr", [element("td", cell, data_label=name) for name, cell in zip(names, row, strict=True)])
        for row in rows
    ]
    made = element("table", head, element("tbody", list(cells)), class_="stacked" if stacked else "short")
    if stacked:
        return made
    return element("div", made, class_="scroll", tabindex="0", role="region", aria_label="Table")


def when(at: datetime.datetime | None) -> str:
    """Give a time, or that it never was."""
    return verdict.moment(at) if at else "never"

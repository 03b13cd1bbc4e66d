# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The entries of an audit report as CSV. Names and messages come from hosts: no spreadsheet takes them for a formula.
"""

from __future__ import annotations

import csv
import io
import re
import typing as t

from .log import one_line

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .log import Entry

COLUMNS = (
    "host_collected",
    "sequence",
    "time",
    "operation",
    "result",
    "application",
    "component",
    "backup_id",
    "host",
    "user",
    "os_user",
    "reason",
    "seconds",
    "message",
    "facts",
    "previous",
    "hash",
)

# Where a semicolon separates cells, as in much of Europe, one inside a cell begins another. The wide signs count too.
_FORMULA = re.compile(r"(?:^|(?<=;))(\s*)(?=[-=+@|%＝＋－＠])")  # noqa: RUF001


def entries_csv(entries: Iterable[tuple[str, Entry]]) -> str:
    """Give all entries as CSV with a header, in RFC 4180's form."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for host, entry in entries:
        facts = "; ".join(f"{name}={value}" for name, value in sorted(entry.facts.items()))
        given: dict[str, object] = {name: getattr(entry, name) for name in COLUMNS if hasattr(entry, name)}
        given |= {"host_collected": host, "os_user": entry.facts.get("os_user", ""), "facts": facts}
        writer.writerow([_cell(given[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return str(value)
    # An apostrophe says "this is text" to a spreadsheet; blanks before a sign do not hide it.
    return _FORMULA.sub(r"\1'", one_line(str(value)))

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Text that people read, with names in it that others chose.

A database, a table, a file or a host may be named by whoever made it. A line break in such a name would forge a line of
a log, and an escape sequence is obeyed by a terminal: each is written as what it is.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence


def printable(text: str) -> str:
    """Return `text` as one line that forges no other and that no terminal obeys."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def printable_lines(text: str) -> str:
    """Return the same of each line of a text; its own line breaks stay, so no name may have come into it raw."""
    return "\n".join(map(printable, text.split("\n")))


def all_printable(value: t.Any) -> t.Any:
    """Return lists and dictionaries with each text in them, keys aside, as such a line."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: all_printable(item) for key, item in value.items()}
    return [all_printable(item) for item in value] if isinstance(value, list | tuple) else value


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines in which cells of a column stand below each other. No cell forges a line."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))] if cells else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def shortened(text: str, length: int) -> str:
    """Return a text that is not longer than that, and shows where it was cut."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")

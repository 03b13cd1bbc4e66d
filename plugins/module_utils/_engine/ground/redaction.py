# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Text without what it tells about the data: names of tables and values of rows stay at home.

An error marks its own. What PostgreSQL, its programs and plays say has no marks: there what shows as such a name is
left out, and a name that is printed without a word of what it is gets through.
"""

from __future__ import annotations

import re
import typing as t

from .printing import printable

if t.TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "…"

_NAME = r'(?:"(?:[^"]|"")+"|\'[^\']+\'|[^\s"\'.:,;]+)(?:\.(?:"(?:[^"]|"")+"|[^\s"\'.:,;]+))*'
_OBJECTS = (
    r"tables?|relations?|columns?|sequences?|indexe?s?|views?|constraints?|triggers?|functions?|types?|schemas?|rows of"
)
_NAMED = re.compile(rf"\b({_OBJECTS}) ({_NAME})", re.IGNORECASE)
_LISTED = re.compile(rf"\b(tables|relations|columns|sequences|views) ({_NAME})(?:(?:, | and ){_NAME})+", re.IGNORECASE)
_QUALIFIED = re.compile(r'"(?:[^"]|"")+"\."(?:[^"]|"")+"')
_NESTED = r"\((?:[^()]|\([^()]*\))*\)"
_VALUES = re.compile(rf"{_NESTED}=\(.*\)")
_ROW = re.compile(r"(row contains )\(.*\)", re.IGNORECASE)

# Words that follow a table's kind in our own sentences without being its name.
_NO_NAMES = re.compile(
    r"an?|and|are|as|at|be|been|but|by|cannot|could|did|do|does|for|from|ha(s|ve)|holds?|in|is|it|may|must|no|not|of|on|or|"
    r"than|that|the|then|this|to|was|were|which|will|with|without",
    re.IGNORECASE,
)


def without(text: str, names: Iterable[str]) -> str:
    """Return text without these parts, as they stand in it or in quotes."""
    shown = {form for name in map(printable, names) if name for form in (name, repr(name)[1:-1])}
    for form in sorted(shown, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, text)
    return text


def redacted(text: str) -> str:
    """Return text without the names of a database's objects and the values of its rows, as far as they show as such."""
    text = _VALUES.sub(f"({HIDDEN})=({HIDDEN})", text)
    text = _ROW.sub(rf"\1({HIDDEN})", text)
    text = _QUALIFIED.sub(HIDDEN, text)
    return _NAMED.sub(_without_name, _LISTED.sub(_without_name, text))


def _without_name(match: re.Match[str]) -> str:
    word, name = match[1], match[2]
    return match.group() if _NO_NAMES.fullmatch(name) else f"{word} {HIDDEN}"

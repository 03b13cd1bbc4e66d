# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
HTML and SVG made of elements instead of text, so that nothing can reach a page without being escaped.
"""

from __future__ import annotations

import html
import typing as t

_EMPTY = frozenset({"meta", "link", "br", "hr", "rect", "line", "circle", "path"})
"""Elements that hold nothing and are not closed; those of SVG close themselves."""

_SHAPES = frozenset({"rect", "line", "circle", "path"})

KEPT = "\n\u00a0"
"""What Python does not call printable and a page may hold: a line's end and a space that keeps two words together."""


class Markup(str):
    """Text that is markup already. Only this file and constants in the source make it."""

    __slots__ = ()


Content = t.Union[str, "Markup", None, "list[Content]"]


def element(name: str, /, *content: Content, **attributes: str | float | None) -> Markup:
    """
    Give an element. Strings are escaped, lists are joined, None is left out, of attributes too.

    An underscore at the end of an attribute's name goes (`class_`), others become hyphens (`stroke_width`).
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{given}/>" if name in _SHAPES else f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*content)}</{name}>")


def joined(*content: Content) -> Markup:
    """Give several pieces as one."""
    return Markup("".join(_piece(item) for item in content))


def _piece(item: Content) -> str:
    if item is None:
        return ""
    if isinstance(item, Markup):
        return str(item)
    if isinstance(item, list):
        return joined(*item)
    # What a browser would take for the end of the text, or show as nothing, is shown as a question mark.
    visible = "".join(letter if letter.isprintable() or letter in KEPT else "?" for letter in item)
    return html.escape(visible, quote=False)

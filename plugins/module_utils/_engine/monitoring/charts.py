# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Small bar charts as SVG: no script, no file beside, colours by the page's style, and their content also as text.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..markup import Markup, element

if t.TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT, TOP, BOTTOM = 340, 116, 19, 20
"""In the units of the drawing, which a phone shows about one to one."""

WIDEST = 22.0

NARROW = 60
"""What a date takes below the bars."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One value: `label` stands below it, `text` is what a pointer or a screen reader gets, `strong` fills it."""

    label: str
    value: float
    text: str
    strong: bool = True


def bars(title: str, given: Sequence[Bar], highest: str) -> Markup:
    """Draw the bars from left to right; `highest` says what the tallest one is, in words."""
    most = max((one.value for one in given), default=0) or 1
    step = WIDTH / max(len(given), 1)
    width = min(step * 0.72, WIDEST)
    # Few bars stay together on the right, where the newest is expected.
    step = min(step, WIDEST / 0.72)
    left = WIDTH - step * len(given)
    floor = HEIGHT - BOTTOM
    drawn: list[Markup] = []
    for number, one in enumerate(given):
        tall = max((floor - TOP) * one.value / most, 2.0)
        x = left + step * number + (step - width) / 2
        shape = element(
            "rect",
            x=f"{x:.1f}",
            y=f"{floor - tall:.1f}",
            width=f"{width:.1f}",
            height=f"{tall:.1f}",
            rx="1.5",
            class_="strong" if one.strong else "weak",
        )
        drawn.append(element("g", element("title", one.text), shape))
    texts = [element("text", highest, x=WIDTH, y=12, text_anchor="end")]
    if given:
        cramped = WIDTH - left < NARROW
        start, anchor = (str(WIDTH), "end") if cramped else (f"{left:.1f}", None)
        texts.append(element("text", given[0].label, x=start, y=HEIGHT - 4, text_anchor=anchor))
    if len(given) > 1 and WIDTH - left > 2 * NARROW:
        texts.append(element("text", given[-1].label, x=WIDTH, y=HEIGHT - 4, text_anchor="end"))
    base = element("line", x1=0, x2=WIDTH, y1=floor + 0.5, y2=floor + 0.5)
    summary = f"{title}: {len(given)} bars. {given[-1].text}" if given else title
    picture = element(
        "svg", base, list(drawn), list(texts), viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=summary
    )
    return element("figure", element("figcaption", title), picture)


def meter(share: float, limit: float, text: str) -> Markup:
    """Draw how full something is, from 0 to 1, with a line at the limit."""
    filled = min(max(share, 0.0), 1.0) * WIDTH
    return element(
        "svg",
        element("rect", x=0, y=0, width=WIDTH, height=14, rx=3, class_="weak"),
        element(
            "rect", x=0, y=0, width=f"{filled:.1f}", height=14, rx=3, class_="strong" if share <= limit else "over"
        ),
        element("line", x1=f"{limit * WIDTH:.1f}", x2=f"{limit * WIDTH:.1f}", y1=0, y2=14, class_="limit"),
        viewBox=f"0 0 {WIDTH} 14",
        role="img",
        aria_label=text,
    )

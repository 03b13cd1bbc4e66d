# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The report of a recovery as Markdown, as a page, and as JSON.

Every text in it may have been written by an attacked host: none becomes markup, and none more than a line.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t
from html import escape

from ...ground import units
from ...ground.printing import all_printable, printable, shortened
from ...records.recovery.report import TO_FILL_IN

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ...records.audit.summary import Section
    from ...records.recovery.report import Bar, Report

_SIGNS = re.compile(r"([\\`*_\[\]|~])")
_START = re.compile(r"^(?:(?=[#+-])|(\d+)(?=[.)](?: |$)))")
_LINKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}, {"://": ":&#47;/", "www.": "www&#46;", "@": "&#64;"}

STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: #1c2733; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #ccd5dd; padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { background: #eef2f5; } td { overflow-wrap: anywhere; min-width: 5.8rem; }
svg { width: 100%; min-width: 40rem; font-size: 13px; } text { fill: currentColor; } rect { fill: #8494a2; }
.expected { fill: #d5dde4; }
.ok { fill: #2f855a; } .failed { fill: #c53030; } .unfinished { fill: #b7791f; }
@media (prefers-color-scheme: dark) {
  body { background: #12181e; color: #dde5ec; } th { background: #1d2730; } th, td { border-color: #3a4855; }
  .expected { fill: #33424f; }
}
@media print { body { margin: 0; max-width: none; font-size: 10px; } }"""

_LABELS, _BARS, _HEIGHT = 260, 720, 22
"""Widths of the labels and of the bars of a timeline, and the height of a bar, of 1,000."""


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    return "".join(f"{line}\n" for line in _markdown(report))


def page(report: Report) -> str:
    """Return the report as one page that needs nothing else."""
    return "".join(f"{line}\n" for line in _page(report))


def document(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps(all_printable(report.document()), indent=2) + "\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """How a report is written; what people filled in begins at the line `filled_in`."""

    ending: str
    write: Callable[[Report], str]
    filled_in: str = ""


FORMATS: Mapping[str, Format] = {
    "markdown": Format("md", markdown, f"\n## {TO_FILL_IN[0]}\n"),
    "html": Format("html", page, f"\n<h2>{TO_FILL_IN[0]}</h2>\n"),
    "json": Format("json", document),
}


def _markdown(report: Report) -> Iterator[str]:
    yield f"# {inline(report.title)}"
    for section in report.sections():
        yield from ("", f"## {section.title}")
        for text in section.text:
            yield from ("", inline(text))
        if section.rows:
            yield from ("", _row(section.columns), _row(["---"] * len(section.columns), str))
            yield from map(_row, section.rows)
    for title in TO_FILL_IN:
        yield from ("", f"## {title}")


def _row(cells: Sequence[str], form: Callable[[str], str] | None = None) -> str:
    return f"| {' | '.join(map(form or inline, cells))} |"


def inline(given: str) -> str:
    """Return text that is a paragraph or a cell of Markdown and nothing more."""
    text = printable(given)
    for sign, instead in _LINKS[0].items():
        text = text.replace(sign, instead)
    # At the start of a line some signs begin a list or a title; addresses become links by themselves.
    text = _START.sub(lambda found: f"{found[1] or ''}\\", _SIGNS.sub(r"\\\1", text))
    for sign, instead in _LINKS[1].items():
        text = text.replace(sign, instead)
    return text


def _page(report: Report) -> Iterator[str]:
    yield from ("<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">')
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width">'
    yield from (f"<title>{_safe(report.title)}</title>", "<style>", STYLE, "</style>", "</head>", "<body>")
    yield f"<h1>{_safe(report.title)}</h1>"
    first, *others = report.sections()
    yield from _table(first)
    yield from _timeline(report.bars())
    for section in others:
        yield from _table(section)
    for title in TO_FILL_IN:
        yield from (f"<h2>{title}</h2>", "<p></p>")
    yield from ("</body>", "</html>")


def _table(section: Section) -> Iterator[str]:
    yield f"<h2>{_safe(section.title)}</h2>"
    for text in section.text:
        yield f"<p>{_safe(text)}</p>"
    if section.rows:
        heads = "".join(f'<th scope="col">{_safe(name)}</th>' for name in section.columns)
        yield from ('<div class="scroll"><table>', f"<thead><tr>{heads}</tr></thead>", "<tbody>")
        for row in section.rows:
            yield f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>"
        yield "</tbody></table></div>"


def _timeline(bars: Sequence[Bar]) -> Iterator[str]:
    """Yield the attempts at steps as bars, each before a bar of what was expected, from the incident on."""
    longest = max((one.start + max(one.seconds, one.expected) for one in bars), default=0.0) or 1.0
    if bars:
        height = len(bars) * _HEIGHT
        yield from (
            "<h2>Timeline</h2>",
            "<p>From the incident, or the first event if that was earlier. Behind each bar is the forecast.</p>",
        )
        yield f'<div class="scroll"><svg viewBox="0 0 1000 {height}" role="img" aria-label="Timeline of the steps">'
        for place, one in enumerate(bars):
            left = _LABELS + round(one.start / longest * _BARS)
            width, behind = (max(round(each / longest * _BARS), 2) for each in (one.seconds, one.expected))
            top = place * _HEIGHT
            took = "did not end" if one.result == "unfinished" else units.human_duration(one.seconds)
            yield f'<text x="0" y="{top + 15}">{_safe(shortened(one.label, 20))}: {took}</text>'
            wanted = f", forecast {units.human_duration(one.expected)}" if one.expected else ""
            told = f"<title>{_safe(one.label)}: {_safe(one.result)}, {took}{wanted}</title>"
            if one.expected:
                yield f'<rect class="expected" x="{left}" y="{top + 1}" width="{behind}" height="{_HEIGHT - 2}"/>'
            shape = f'x="{left}" y="{top + 5}" width="{width}" height="{_HEIGHT - 10}"'
            yield f'<rect class="{_safe(one.result)}" {shape}>{told}</rect>'
        yield "</svg></div>"


def _safe(text: str) -> str:
    return escape(printable(text))

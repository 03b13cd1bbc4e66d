# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
An audit report as Markdown, as one HTML file that needs nothing else, and its entries as CSV.

Names and messages come from hosts: in Markdown and HTML they are text and nothing more, and in CSV no spreadsheet takes
them for a formula.
"""

from __future__ import annotations

import csv
import io
import re
import typing as t

from ..markup import Content, Markup, element, joined
from .log import one_line

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .log import Entry
    from .summary import Section

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

_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
# Where a semicolon separates cells, as in much of Europe, one inside a cell begins another. The wide signs count too.
_FORMULA = re.compile(r"(?:^|(?<=;))(\s*)(?=[-=+@|%＝＋－＠])")  # noqa: RUF001

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: #1c2733; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #ccd5dd; padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { background: #eef2f5; } td { overflow-wrap: anywhere; min-width: 4rem; }
@media (prefers-color-scheme: dark) {
  body { background: #12181e; color: #dde5ec; } th { background: #1d2730; } th, td { border-color: #3a4855; }
}
@media print { body { margin: 0; max-width: none; font-size: 10px; } }
"""


def markdown(title: str, about: Sequence[str], sections: Iterable[Section]) -> str:
    """Give the report as Markdown."""
    lines = [f"# {_md(title)}", "", *(line for text in about for line in (_md(text), ""))]
    for section in sections:
        lines += [f"## {_md(section.title)}", "", *(line for text in section.text for line in (_md(text), ""))]
        if section.rows:
            lines.append(_md_row(section.columns))
            lines.append("|" + " --- |" * len(section.columns))
            lines += [_md_row(row) for row in section.rows]
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def html(title: str, about: Sequence[str], sections: Iterable[Section]) -> str:
    """Give the report as one HTML file: no script, and nothing that is loaded from elsewhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width"),
        element("title", title),
        element("style", Markup(_STYLE)),
    )
    parts: list[Content] = [element("h1", title), *(element("p", text) for text in about)]
    for section in sections:
        parts += [element("h2", section.title), *(element("p", text) for text in section.text)]
        if section.rows:
            parts.append(element("div", _table(section), class_="scroll"))
    return joined(Markup("<!doctype html>\n"), element("html", head, element("body", *parts), lang="en")) + "\n"


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


def _table(section: Section) -> Markup:
    head = element("tr", *(element("th", name, scope="col") for name in section.columns))
    rows = [element("tr", *(element("td", cell) for cell in row)) for row in section.rows]
    return element("table", element("thead", head), element("tbody", *rows))


def _md(text: str) -> str:
    flat = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _SPECIAL.sub(r"\\\1", flat)
    # At the start of a line some begin a list or a title; addresses become links by themselves.
    escaped = re.sub(r"^(?:(?=[#+-])|(\d+)(?=[.)](?: |$)))", r"\1\\", escaped)
    return escaped.replace("://", ":&#47;/").replace("www.", "www&#46;").replace("@", "&#64;")


def _md_row(row: Iterable[str]) -> str:
    return "| " + " | ".join(map(_md, row)) + " |"


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return str(value)
    # An apostrophe says "this is text" to a spreadsheet; blanks before a sign do not hide it.
    return _FORMULA.sub(r"\1'", one_line(str(value)))

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Pages that role and playbook write: whatever a text holds, nothing in it becomes syntax.

Ansible escapes nothing in a template, and takes no notice of `autoescape`. So each place of a template that writes a
value is looked at here, and pages are made of nothing but hostile texts.
"""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
import typing as t

import jinja2
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.printing import all_printable
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jinja2 import nodes
from rendering import ROOT, STATUS_PAGE, status_page

if t.TYPE_CHECKING:
    from pathlib import Path

    from sample_host import SampleHost

ESCAPES = {".html": {"e", "int", "length", "round"}, ".md": set()}
"""Filters of which no text comes that is syntax, as the last of a chain. Of Markdown a macro takes care."""

TEMPLATES = sorted(path for kind in ESCAPES for path in ROOT.glob(f"[rp]*/**/templates/*{kind}.j2"))


def bare(source: str, kind: str = ".html") -> list[int]:
    """Return the lines of a template that write a value as it is."""
    tree = jinja2.Environment().parse(source)
    macros = {macro.name for macro in tree.find_all(nodes.Macro)} | {"caller"}
    imported = {each.target for each in tree.find_all(nodes.Import)}

    def harmless(node: nodes.Node) -> bool:
        match node:
            case nodes.TemplateData() | nodes.Const():
                return True
            case nodes.CondExpr():
                return harmless(node.expr1) and node.expr2 is not None and harmless(node.expr2)
            case nodes.Filter():
                return node.name in ESCAPES[kind]
            case nodes.Call(node=nodes.Name(name=name)):
                return name in macros
            case nodes.Call(node=nodes.Getattr(node=nodes.Name(name=name))):
                return name in imported
        return False

    return [node.lineno for each in tree.find_all(nodes.Output) for node in each.nodes if not harmless(node)]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_writes_a_value_as_it_is(template: Path) -> None:
    assert bare(template.read_text(encoding="utf-8"), template.with_suffix("").suffix) == []


@pytest.mark.parametrize(
    "source",
    [
        "{{ name }}",
        "{{ '<b>' ~ name }}",
        "{{ name | e | replace('x', 'y') }}",
        "{{ name if name else '' }}",
        "{{ lookup('file', name) }}",
        "{% macro row() %}{{ name }}{% endmacro %}",
        "{% for name in names %}{{ name }}{% endfor %}",
    ],
)
def test_a_value_that_is_written_as_it_is_would_be_found(source: str) -> None:
    assert bare(source) == [1]


class Reader(html.parser.HTMLParser):
    """Keeps what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: t.Any) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def each_text(value: t.Any, other: str) -> t.Any:
    """Return facts with another text in place of each that is in them."""
    if isinstance(value, dict):
        return {key: each_text(item, other) for key, item in value.items()}
    if isinstance(value, list):
        return [each_text(item, other) for item in value]
    return other if isinstance(value, str) and value else value


@pytest.fixture
def eventful(sample: SampleHost) -> dict[str, t.Any]:
    """What is told of a host on which much happened."""
    sample.schedule()
    for day in range(9, 1, -1):
        sample.validated(sample.back_up(hours=24 * day, data=100 << 20), hours=24 * day - 1)
    sample.back_up(hours=1, data=10 << 20)
    gone = sample.back_up("gone", hours=29)
    next((sample.home / "store").rglob(f"{gone}.json")).unlink()
    sample.log("backup", "failed", component="main/broken", message="It is broken.")
    sample.server("shop", "broken", left_out=("scratch",))
    found: dict[str, t.Any] = all_printable(sample.watch().facts)
    return found


def page_of(eventful: dict[str, t.Any], text: str) -> Reader:
    return Reader(status_page(each_text(eventful, all_printable(text)), causes=True))


@pytest.fixture
def harmless(eventful: dict[str, t.Any]) -> Reader:
    return page_of(eventful, "harmless")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text())
@example(text="\"'><script>alert(1)</script><a onclick=x b='{{ 7 * 7 }}'>]]>--><")
def test_a_page_of_any_texts_has_the_elements_of_a_harmless_one(
    eventful: dict[str, t.Any], harmless: Reader, text: str
) -> None:
    seen = page_of(eventful, f"?{text}")
    assert {"svg", "details", "table", "article"} < set(harmless.tags)
    assert (seen.tags, seen.attributes) == (harmless.tags, harmless.attributes)
    assert seen.text.count(all_printable(f"?{text}")) >= harmless.text.count("harmless")


def test_the_table_of_backups_calls_a_restore_test_by_its_name(eventful: dict[str, t.Any]) -> None:
    page = status_page(eventful, causes=True)
    assert "Verified" not in page  # verify reads stored bytes, and restores nothing
    assert '<td data-label="Restore-tested">yes</td>' in page


def test_only_the_script_of_the_page_may_run(sample: SampleHost) -> None:
    page = status_page(all_printable(sample.watch().facts))
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert script == STATUS_PAGE.with_name("status_page.js").read_text(encoding="utf-8").strip()


def luminance(colour: str) -> float:
    """Return what WCAG 2 calls the relative luminance of #rgb or #rrggbb."""
    digits = colour.lstrip("#")
    whole = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(whole[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_can_be_read_by_those_who_see_little(dark: bool) -> None:
    """Text has a contrast of 4.5 at least, and bars 3, against what they stand on (WCAG 2, level AA)."""
    style = STATUS_PAGE.with_name("status_page.css").read_text(encoding="utf-8")
    light_style, dark_style = style.split("@media(prefers-color-scheme:dark)")
    block = dark_style.split("}}")[0] if dark else light_style
    colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]+)", block))
    pairs = [(text, ground) for text in ("text", "quiet", "no", "yes") for ground in ("ground", "card")]
    pairs += [(answer, f"{answer}-ground") for answer in ("yes", "probably", "no")]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["bar"], colours["card"]) >= 3

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of an eventful recovery says all of it, the same each time, and what hosts said stays text."""

from __future__ import annotations

import html.parser
import json
import os
import re
from pathlib import Path

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.recover import formats
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import contacts
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.report import Report
from recovery_story import HOSTILE, eventful, events, opened

GOLDEN = Path(__file__).resolve().parents[3] / "data/recovery_report.md"
WANTED = {"database": {"rto": "30m", "rpo": "30m"}, "redis": {"rto": "1h"}}
ALICE = {"role": "database administrator", "name": "Alice", "phone": "+49 30 1", "email": "alice@example.com"}
CONTACTS = contacts.parse(
    (
        {"role": "hosting", "name": "Example Hosting", "vendor": True},
        {"role": "head of operations", "name": "Bob", "phone": "+49 30 2", "level": 2},
        {**ALICE, "availability": "24x7", "within": "15m"},
    )
)


def report() -> Report:
    return Report(eventful(), objectives.parse(WANTED), CONTACTS)


class Tags(html.parser.HTMLParser):
    """Collects the tags of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in {"href", "src"} for name, _value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_eventful_recovery_is_told_as_it_was() -> None:
    made = formats.markdown(report())
    if os.environ.get("LIFEBOAT_TEST_REWRITE"):
        GOLDEN.write_text(made, encoding="utf-8")
    assert made == GOLDEN.read_text(encoding="utf-8")


def test_what_a_host_said_is_text_of_one_line() -> None:
    made = formats.markdown(report())
    [line] = {line for line in made.splitlines() if "alert" in line and "2/" not in line and "1/1" in line}
    assert "<script" not in line
    assert not re.search(r"(?<!\\)[\[*]|://|@all", line)
    assert made.count("\n## Root cause\n") == 1
    tags = Tags()
    tags.feed(formats.page(report()))
    assert "script" not in tags.tags
    assert "<script>alert(1)</script>" in tags.text
    assert "\x1b" not in tags.text + made + formats.document(report())


def test_the_page_draws_each_attempt() -> None:
    page = formats.page(report())
    shapes = re.findall(r'<rect class="(\w+)" x="(\d+)" y="\d+" width="(\d+)"', page)
    drawn = [shape for shape in shapes if shape[0] != "expected"]
    assert [shape[0] for shape in drawn] == ["failed", "ok", "unfinished", "ok", "ok", "failed"]
    spans = [(int(x), int(width)) for _kind, x, width in drawn]
    assert all(x >= 260 and width >= 2 and x + width <= 982 for x, width in spans)
    assert spans == sorted(spans)
    assert spans[2] == (260 + round(25 / 51.5 * 720), round(15.5 / 51.5 * 720))
    assert "check: did not end" in page
    behind = [(int(x), int(width)) for kind, x, width in shapes if kind == "expected"]
    assert behind[:2] == [(spans[0][0], round(10 / 51.5 * 720)), (spans[1][0], round(10 / 51.5 * 720))]
    assert len(behind) == 5  # of one step nobody expected anything
    assert "<title>restore: failed, 4 min 54 s, forecast 10 min</title>" in page
    assert "<svg" not in formats.page(Report(events((0, opened())), (), ()))


def test_programs_read_the_same() -> None:
    told = json.loads(formats.document(report()))
    assert (told["format"], told["seconds"], told["seconds_since_incident"]) == (
        "lifeboat-recovery-report/1", 2820.0, 3120.0,
    )  # fmt: skip
    assert [one["verdict"] for one in told["objectives"]] == ["met", "missed", "open"]
    assert [contact["name"] for contact in told["contacts"]] == ["Alice", "Bob", "Example Hosting"]
    assert [(one["step"], one["run"], one["attempt"]) for one in told["steps"]][:4] == [
        ("restore", 1, 1), ("restore", 1, 2), ("check", 1, 1), ("check", 2, 1),
    ]  # fmt: skip
    assert told["steps"][0]["end"]["hosts"]["db1"] == HOSTILE.replace("\x1b", "\\x1b").replace("\n", "\\n")
    assert "machine" not in json.dumps(told)

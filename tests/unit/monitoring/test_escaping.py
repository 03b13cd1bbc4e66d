# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a label or a text holds, what is written can be read back, and nothing in it becomes syntax."""

from __future__ import annotations

import re

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import exposition
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.exposition import Family, Sample
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.printing import printable
from hypothesis import given
from hypothesis import strategies as st
from rendering import STATUS_PAGE

LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
UNESCAPED = {"\\n": "\n", "\\\\": "\\", '\\"': '"'}


def read(line: str) -> tuple[dict[str, str], float]:
    """Read a sample as the exposition format says."""
    match = re.fullmatch(r"metric(?:\{(.*)\})? (\S+)", line, re.DOTALL)
    assert match, line
    labels, rest = {}, match[1] or ""
    while rest:
        found = LABEL.match(rest)
        assert found, rest
        labels[found[1]] = re.sub(r"\\.", lambda each: UNESCAPED[each[0]], found[2])
        rest = rest[found.end() :]
    return labels, float(match[2])


@given(
    labels=st.dictionaries(st.sampled_from(["database", "cluster", "kind"]), st.text(min_size=1)),
    value=st.floats(allow_nan=False) | st.integers(min_value=0, max_value=1 << 60),
)
def test_any_label_and_value_come_back_as_people_may_see_them(labels: dict[str, str], value: float) -> None:
    text = exposition.render([Family("metric", "gauge", "A help.", (Sample(value, labels),))])
    first, second, sample, end = text.split("\n")
    assert (first, second, end) == ("# HELP metric A help.", "# TYPE metric gauge", "")
    found, number = read(sample)
    assert found == {name: printable(each) for name, each in labels.items()}
    assert number == float(value)
    text.encode("utf-8")


def test_a_help_stays_on_its_line() -> None:
    text = exposition.render([Family("metric", "counter", "one\ntwo \\ three", (Sample(1),))])
    assert text == "# HELP metric one\\\\ntwo \\\\ three\n# TYPE metric counter\nmetric 1\n"


@pytest.mark.parametrize(
    "families",
    [
        [Family("1st", "gauge", "", (Sample(1),))],
        [Family("metric", "gauge", "", (Sample(1, {"a": "x"}), Sample(2, {"a": "x", "b": ""})))],
        [Family("metric", "gauge", "", (Sample(1, {"__name__": "x"}),))],
        [Family("metric", "gauge", "", (Sample(1, {'a="1",b': "x"}),))],
        [Family("metric", "gauge", "", ()), Family("metric", "gauge", "", ())],
    ],
)
def test_what_a_node_exporter_would_refuse_is_not_written(families: list[Family]) -> None:
    with pytest.raises(ValueError, match=r"name|same labels|twice"):
        exposition.render(families)


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

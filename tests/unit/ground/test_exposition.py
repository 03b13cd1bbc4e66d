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

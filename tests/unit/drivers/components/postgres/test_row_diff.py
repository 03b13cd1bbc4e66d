# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between two sides of a table is exactly what was made to differ, and its token is of nothing else."""

from __future__ import annotations

import dataclasses
import random

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import row_diff
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.table_shape import (
    Column,
    Common,
    Shape,
)

PLAIN = Column("", "text", True, "", False, "", False)
COLUMNS = tuple(dataclasses.replace(PLAIN, name=name) for name in ("id", "a", "b"))
TABLE = Common(Shape(1, "public", "t", "owner", COLUMNS, {"": ("id",)}, False, False), COLUMNS, ("id",), (), ())


def summary(source: dict[bytes, bytes], live: dict[bytes, bytes]) -> row_diff.Summary:
    return row_diff.Summary.of(TABLE, row_diff.differences(sorted(source.items()), sorted(live.items())))


@pytest.mark.parametrize("seed", range(20))
def test_every_row_that_differs_is_found_and_no_other(seed: int) -> None:
    chance = random.Random(seed)
    source = {b"%d" % number: b"%d\tx\ty" % number for number in range(chance.randrange(200))}
    live = {key: line for key, line in source.items() if chance.random() > 0.2}
    live |= {key: line + b"!" for key, line in live.items() if chance.random() < 0.2}
    live |= {b"new %d" % number: b"new %d\tx\ty" % number for number in range(chance.randrange(9))}
    found = {each.key: each for each in row_diff.differences(sorted(source.items()), sorted(live.items()))}
    assert {key for key, each in found.items() if each.kind == row_diff.INSERT} == set(source) - set(live)
    assert {key for key, each in found.items() if each.kind == row_diff.DELETE} == set(live) - set(source)
    both = set(source) & set(live)
    assert {key for key, each in found.items() if each.kind == row_diff.UPDATE} == {
        key for key in both if source[key] != live[key]
    }
    assert all((each.source, each.live) == (source.get(key), live.get(key)) for key, each in found.items())


def test_a_token_is_of_the_rows_and_not_of_their_number_alone() -> None:
    source = {b"1": b"1\tx\ty", b"2": b"2\tx\ty"}
    one, other = summary(source, {b"1": b"1\tx\ty"}), summary(source, {b"2": b"2\tx\ty"})
    assert one.token == other.token == "public.t@1+0+0"
    assert one.digest != other.digest
    assert one.digest == summary(source, {b"1": b"1\tx\ty"}).digest


def test_values_are_as_they_are_and_null_is_none() -> None:
    made = summary({b"1": rb"1" + b"\t" + rb"a\tb\\c\nd" + b"\t" + rb"\N"}, {b"1": b"1\tx\ty", b"2": b"2\t\t"})
    facts = made.facts(show_rows=True)
    assert facts["first"]["update"][0]["source"] == {"id": "1", "a": "a\tb\\c\nd", "b": None}
    assert facts["first"]["delete"] == [{"key": {"id": "2"}, "live": {"id": "2", "a": "", "b": ""}}]
    assert facts["columns_changed"] == {"a": 1, "b": 1}
    assert made.facts(show_rows=False)["first"]["update"] == [{"key": {"id": "1"}, "columns": ["a", "b"]}]

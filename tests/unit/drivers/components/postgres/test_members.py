# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""A plan places every table once, and the scope that users write is read exactly."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import members
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.snapshot import (
    Table,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError, UsageError
from hypothesis import given
from hypothesis import strategies as st

MIB = 1 << 20

TABLES = st.lists(
    st.builds(
        Table,
        oid=st.integers(1, 10**6),
        schema=st.sampled_from(["a", "b"]),
        name=st.text(min_size=1, max_size=5),
        kind=st.sampled_from("rrrpmf"),
        bytes=st.integers(0, 300 * MIB),
        extension=st.booleans(),
        configuration=st.booleans(),
    ),
    unique_by=(lambda table: table.oid, lambda table: (table.schema, table.name)),
    max_size=30,
)


def table(oid: int, size: int, **more: object) -> Table:
    return dataclasses.replace(Table(oid, "public", f"t{oid}", bytes=size), **more)


@given(TABLES, st.integers(1, 8))
def test_every_table_with_rows_is_in_exactly_one_member(tables: list[Table], jobs: int) -> None:
    plan = members.plan(tables, jobs=jobs)
    placed = [table.oid for member in plan for table in member.tables]
    assert sorted(placed) == sorted(table.oid for table in tables if table.dumped)
    assert [member.number for member in plan] == list(range(1, len(plan) + 1))
    assert [plan[0].role, plan[-1].role] == ["schema", "rest"]
    own = [member.tables[0] for member in plan[1:-1]]
    assert list(plan[-1].excluded) == own
    assert not any(table.extension for table in own)


def test_large_tables_come_first_and_small_ones_stay_together() -> None:
    plan = members.plan([table(1, 70 * MIB), table(2, 900 * MIB), table(3, 5 * MIB), table(4, 1)], jobs=2)
    assert [[t.oid for t in member.tables] for member in plan] == [[], [2], [1], [3, 4]]
    assert plan[1].estimate == 900 * MIB


def test_many_middling_tables_do_not_make_everybody_wait_for_the_rest() -> None:
    tables = [table(number, 40 * MIB) for number in range(1, 21)]
    alone = members.plan(tables, jobs=1)
    assert len(alone) == 2
    assert members.plan(tables, jobs=4)[-1].estimate <= 20 * 40 * MIB // 8 + MIB


def test_number_of_members_is_bounded() -> None:
    plan = members.plan([table(number, 100 * MIB) for number in range(1, members.MOST + 50)])
    assert len(plan) == members.MOST + 2


def test_table_listed_twice_is_refused() -> None:
    with pytest.raises(DatabaseError, match="exactly once"):
        members.plan([table(1, 1), table(1, 1)])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("orders", ("public", "orders")),
        ("app.orders", ("app", "orders")),
        ("app.a.b", ("app", "a.b")),
        ('"my.app"."or""ders"', ("my.app", 'or"ders')),
        ('"my ""t"', ("public", 'my "t')),
        ('app."my ""t"', ("app", 'my "t')),
        ('"""a".b', ('"a', "b")),
        ("App.Orders", ("App", "Orders")),
        ("app.*", ("app", "*")),
        ("--file=/x", ("public", "--file=/x")),
        ("a\nb.c", ("a\nb", "c")),
        ('in"side', ("public", 'in"side')),
    ],
)
def test_table_names_are_taken_exactly(text: str, name: tuple[str, str]) -> None:
    assert members.Scope.of(tables=[text]).tables == (name,)


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", '"open', "a\0b", "x" * 64])
def test_impossible_table_names_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        members.Scope.of(tables=[text])
    assert caught.value.details["field"] == "tables"


def test_schemas_and_tables_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="both"):
        members.Scope.of(schemas=["a"], tables=["b"])


def test_partial_scope_says_what_it_loses() -> None:
    assert members.Scope.of().losses == ()
    assert any("large objects" in loss for loss in members.Scope.of(schemas=["a"]).losses)
    assert members.Scope.of(tables=["a"]).partial

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Branches of timelines, beside a model that asks for each segment what PostgreSQL would ask."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.timelines import (
    Ancestor,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.lineage import Branch, Stretch, Tree
from hypothesis import given
from hypothesis import strategies as st

SIZE = 16 << 20


def at(segment: int, offset: int = 0x148) -> int:
    return segment * SIZE + offset


#   1 ---5-------9-
#        2 --7---- (at 5)
#            9 --- (at 7)
#        A --7--   (at 6)
#            10-   (at 7, in the segment in which A began)
TREE = Tree(
    {
        2: (Ancestor(1, at(5)),),
        9: (Ancestor(1, at(5)), Ancestor(2, at(7))),
        10: (Ancestor(1, at(6)),),
        16: (Ancestor(1, at(6)), Ancestor(10, at(6, 0x900))),
    }
)


def test_a_recovery_reads_the_later_timeline_where_two_have_a_segment() -> None:
    assert [*TREE.branch(9).stretches(3, 9, SIZE)] == [Stretch(1, 3, 4), Stretch(2, 5, 6), Stretch(9, 7, 9)]
    assert [*TREE.branch(2).stretches(5, 8, SIZE)] == [Stretch(2, 5, 8)]
    assert [*TREE.branch(1).stretches(3, 9, SIZE)] == [Stretch(1, 3, 9)]
    assert [*TREE.branch(16).stretches(4, 8, SIZE)] == [Stretch(1, 4, 5), Stretch(16, 6, 8)]
    assert [*TREE.branch(9).stretches(5, 4, SIZE)] == []


def test_a_timeline_that_begins_where_a_segment_does_leaves_the_one_before_to_its_parent() -> None:
    branch = Branch(2, (Ancestor(1, at(5, 0)),))
    assert [*branch.stretches(4, 5, SIZE)] == [Stretch(1, 4, 4), Stretch(2, 5, 5)]


def test_a_position_belongs_to_a_branch_up_to_where_it_left() -> None:
    assert TREE.branch(9).holds(1, at(5))
    assert not TREE.branch(9).holds(1, at(5) + 1)
    assert TREE.branch(9).holds(9, at(99))
    assert not TREE.branch(9).holds(10, at(6))
    assert [one.timeline for one in TREE.through(1, at(5, 0x200))] == [1, 10, 16]
    assert [one.timeline for one in TREE.through(2, at(6))] == [2, 9]
    assert TREE.through(77, at(1)) == ()


def test_the_tree_knows_what_began_on_what() -> None:
    assert TREE.children(1) == (2, 10)
    assert TREE.children(2) == (9,)
    assert TREE.branch(9).timelines == (1, 2, 9)
    assert (TREE.branch(9).begin(9), TREE.branch(9).begin(2), TREE.branch(9).begin(1)) == (at(7), at(5), 0)
    assert (TREE.branch(9).end(1), TREE.branch(9).end(9)) == (at(5), None)


def test_a_branch_may_leave_a_timeline_before_it_began() -> None:
    branch = Branch(3, (Ancestor(1, at(8)), Ancestor(2, at(6))))
    assert [*branch.stretches(5, 9, SIZE)] == [Stretch(1, 5, 5), Stretch(3, 6, 9)]
    assert branch.end(1) == branch.end(2) == at(6)
    assert not branch.holds(1, at(7))
    assert not branch.holds(2, at(7))


def test_a_timeline_without_history_is_not_guessed() -> None:
    with pytest.raises(KeyError):
        TREE.branch(3)
    with pytest.raises(ValueError, match="does not ascend"):
        Tree({2: (Ancestor(2, at(1)),)})


@given(
    st.lists(st.integers(0, 30 * 4), max_size=5),
    st.integers(0, 30),
    st.integers(0, 35),
)
def test_each_segment_is_of_the_newest_timeline_that_had_begun(ends: list[int], first: int, last: int) -> None:
    branch = Branch(len(ends) + 1, tuple(Ancestor(number, end * SIZE // 4) for number, end in enumerate(ends, 1)))
    # XLogFileReadAnyTLI: from the newest down, passing over those that begin behind the segment.
    asked = [
        (max(one for one in branch.timelines if branch.begin(one) // SIZE <= number), number)
        for number in range(first, last + 1)
    ]
    told = [
        (one.timeline, number)
        for one in branch.stretches(first, last, SIZE)
        for number in range(one.first, one.last + 1)
    ]
    assert told == asked

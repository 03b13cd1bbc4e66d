# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made after the data comes in an order in which nothing misses what is made beside it."""

from __future__ import annotations

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.toc import (
    Entry,
    stages,
)


def entry(number: int, kind: str, needs: tuple[int, ...] = ()) -> Entry:
    return Entry(number, 1259, 16384 + number, kind, f"app thing_{number} owner", needs)


def test_indexes_are_attached_alone_after_they_are_built_and_before_what_needs_them() -> None:
    entries = [
        entry(1, "INDEX"),
        entry(2, "CONSTRAINT"),
        entry(3, "INDEX ATTACH", (1,)),
        entry(4, "FK CONSTRAINT", (2, 3)),
        entry(5, "TRIGGER"),
        entry(6, "EVENT TRIGGER"),
        entry(7, "COMMENT", (6,)),
        entry(8, "COMMENT", (2,)),
    ]
    assert stages(entries) == [
        (frozenset({1, 2, 8}), True),
        (frozenset({3}), False),
        (frozenset({4, 5}), True),
        (frozenset({6, 7}), False),
    ]


def test_without_partitions_all_is_made_at_once_but_for_event_triggers() -> None:
    entries = [entry(1, "INDEX"), entry(2, "FK CONSTRAINT", (1,)), entry(3, "EVENT TRIGGER")]
    made = [(numbers, at_once) for numbers, at_once in stages(entries) if numbers]
    assert made == [(frozenset({1, 2}), True), (frozenset({3}), False)]

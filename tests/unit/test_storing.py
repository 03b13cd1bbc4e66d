# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts fit their limits, and the first failure of a crew is the one that is told."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import storing

GIB = 1 << 30


@pytest.mark.parametrize("estimate", [0, 1 << 20, GIB, 39 * GIB, 100 * GIB, 10_000 * GIB])
def test_parts_stay_small_enough_for_memory(estimate: int) -> None:
    assert storing.PART <= storing.part_size(estimate) <= storing.LARGEST_PART


def test_a_member_of_tens_of_gigabytes_fits_one_object() -> None:
    assert storing.part_size(70 * GIB) * storing.PARTS > 140 * GIB


def test_the_first_failure_stops_the_others_and_is_raised() -> None:
    crew = storing.Crew(2)
    failed = threading.Event()

    def endless() -> None:
        while True:
            crew.check()
            failed.wait(0.01)

    def fail() -> None:
        failed.set()
        raise ValueError("the real reason")

    try:
        with pytest.raises(ValueError, match="the real reason"):
            crew.run([endless, fail, endless])
    finally:
        crew.close()


def test_a_crew_runs_all_tasks() -> None:
    done: list[int] = []
    crew = storing.Crew(3)
    crew.run([lambda number=number: done.append(number) for number in range(20)])
    crew.close()
    assert sorted(done) == list(range(20))

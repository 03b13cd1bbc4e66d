# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes fit their limits, and the first failure of a crew is the one that is told."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.backups import storing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.stores import base


def test_a_volume_fits_the_parts_and_the_key() -> None:
    """S3 takes 10,000 parts, and FORMAT seals at most 256 GiB under one derived key."""
    room = 64 << 20  # the last block before the limit, the frame's end, and the file's head
    assert storing.VOLUME_LIMIT + room <= 10_000 * base.PART_SIZE
    assert storing.VOLUME_LIMIT + room <= 256 << 30


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

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Positions in the WAL and histories of timelines are read as PostgreSQL writes them."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal

HISTORY = """00000003.history|1\t0/5000148\tno recovery target specified

2\t1A/FF0000A0\tbefore 2026-11-20 10:00:00.000000+00
"""


@pytest.mark.parametrize(("text", "number"), [("0/3000148", 0x3000148), ("1A/FF0000A0", 0x1AFF0000A0), ("0/0", 0)])
def test_a_position_is_a_number(text: str, number: int) -> None:
    assert wal.lsn(text) == number
    assert wal.shown(number) == text


@pytest.mark.parametrize("text", ["", "3000148", "x/y", "0/1/2"])
def test_what_is_no_position_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        wal.lsn(text)


def test_a_history_tells_where_each_timeline_ended() -> None:
    assert wal.ancestors(HISTORY) == {1: 0x5000148, 2: 0x1AFF0000A0}
    assert wal.ancestors("") == {}

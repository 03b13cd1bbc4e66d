# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A history is read as PostgreSQL writes it, and what cannot be one is refused."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import timelines

HISTORY = """1\t0/5000148\tno recovery target specified

# 9\t0/0\ta comment
2\t1A/FF0000A0\tbefore 2026-11-20 10:00:00.000000+00
"""


def test_a_history_tells_where_each_timeline_ended() -> None:
    assert timelines.parse(HISTORY, 3) == ((1, 0x5000148), (2, 0x1AFF0000A0))
    assert timelines.parse("", 3) == ()


@pytest.mark.parametrize(
    ("history", "cause"),
    [
        ("1 0/5000148\n2\n", "has the line '2'"),
        ("1\t5000148\tx", "has the line"),
        ("2\t0/1000000\tx\n1\t0/2000000\tx\n", "does not ascend at timeline 1"),
        ("1\t0/1000000\tx\n1\t0/2000000\tx\n", "does not ascend at timeline 1"),
        ("3\t0/1000000\tx\n", "does not ascend at timeline 3"),
        ("0\t0/1000000\tx\n", "does not ascend at timeline 0"),
    ],
)
def test_what_can_be_no_history_is_refused(history: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        timelines.parse(history, 3)

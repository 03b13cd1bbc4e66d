# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a heartbeat says of a recovery."""

from __future__ import annotations

import datetime

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import server_proof
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.heartbeat import (
    Beat,
)

FINISHED = datetime.datetime(2026, 11, 20, 10, tzinfo=datetime.UTC)
STOP, REACHED = 1000, 2000


def behind(beat: int | None, minutes: float | None) -> tuple[str, ...]:
    at = FINISHED - datetime.timedelta(minutes=2)
    last = None if minutes is None else FINISHED + datetime.timedelta(minutes=minutes)
    told = None if beat is None else Beat(at, beat)
    return server_proof.behind(told, stop=STOP, finished=FINISHED, reached=REACHED, last=last)


def test_one_after_the_base_says_nothing_against_it() -> None:
    assert behind(STOP + 1, 600) == ()
    assert behind(REACHED, 600) == ()


def test_one_before_the_base_tells_that_what_came_later_lacks() -> None:
    (said,) = behind(STOP, 16)
    assert "is of 2026-11-20T09:58:00+00:00, before the end of the base" in said
    assert "replayed to 2026-11-20T10:16:00+00:00" in said


def test_one_before_the_base_is_right_where_hardly_anything_was_replayed() -> None:
    assert behind(STOP, 15) == ()
    assert behind(STOP, None) == ()


def test_one_that_was_never_replayed_is_named() -> None:
    (said,) = behind(REACHED + 1, None)
    assert "at 0/7D1, which was never replayed" in said


def test_without_any_nothing_is_said() -> None:
    assert behind(None, 600) == ()

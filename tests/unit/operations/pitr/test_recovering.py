# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy without a target may go on while it is asked: a heartbeat is compared with where it stands after that."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    heartbeat,
    recovering_server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr import recovering

EARLIER, LATER = (datetime(2026, 11, 28, 12, minute, tzinfo=UTC) for minute in (30, 31))


class Replaying:
    """A server that has replayed more since it was found at its end, and a heartbeat in that."""

    def __init__(self, beat: int, replayed: int) -> None:
        self._beat, self._replayed = beat, replayed
        self.asked: list[str] = []

    def heartbeat(self) -> heartbeat.Beat:
        self.asked.append("heartbeat")
        return heartbeat.Beat(at=LATER, position=self._beat)

    def look(self) -> recovering_server.State:
        self.asked.append("look")
        return recovering_server.State(recovering=True, paused=False, replayed=self._replayed, last_end=LATER)


def found(server: Replaying) -> recovering.Reached:
    return recovering.with_heartbeat(recovering.Reached("all", 100, EARLIER), t.cast("t.Any", server))


def test_a_heartbeat_that_was_replayed_meanwhile_counts() -> None:
    server = Replaying(beat=150, replayed=200)
    assert found(server) == recovering.Reached("all", 200, LATER, LATER)
    assert server.asked == ["heartbeat", "look"]


def test_one_that_is_still_ahead_is_not_of_this_log() -> None:
    with pytest.raises(DatabaseError, match=r"stands at 0/C8, but its newest heartbeat was written at 0/12C"):
        found(Replaying(beat=300, replayed=200))

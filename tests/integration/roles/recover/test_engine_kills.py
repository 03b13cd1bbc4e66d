# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller is killed at every event of a recovery, and each time the next run goes on."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from engine_fixtures import Engine

LONGEST = 20
"""Runs, of which each is killed, before something must have gone wrong."""


def test_a_controller_killed_at_every_event_does_nothing_twice(engine: Engine) -> None:
    engine.write(
        {"id": "first", "tasks": "count"},
        {"parallel": [{"id": "left", "tasks": "count"}, {"id": "right", "tasks": "count", "hosts": "h2"}]},
    )
    seen: set[str] = set()
    for _run in range(LONGEST):
        settled, counted = engine.settled(), engine.counted()
        if not engine.run_until_another(seen):
            break
        again = engine.counted()[len(counted) :]
        assert not settled & set(again), f"{again} ran, of which some were settled: {settled}"
    else:
        raise AssertionError(engine.events())

    assert seen == {
        "open", "begin first 1", "end first 1 ok", "begin left 1", "begin right 1", "end left 1 ok", "end right 1 ok",
        "close ok",
    }  # fmt: skip
    assert set(engine.counted()) == {"first", "left", "right"}
    assert engine.stored() == len(engine.events()), "the journal in the store is complete"
    assert "is finished; nothing was changed." in engine.run(0)

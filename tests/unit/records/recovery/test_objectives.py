# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was to be achieved is met, missed, or open, and nothing is met before it is true."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Begin,
    Close,
    Event,
    Leave,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import fold
from recovery_story import ended, eventful, events, opened, point

RESTORED = ((5, opened()), (6, Begin("restore", 1)), (20, ended("restore")))


def judged(journal: list[Event], component: str, **wanted: str) -> list[tuple[float | None, str]]:
    found = [objectives.judge(each, fold(journal)) for each in objectives.parse({component: wanted})]
    return [(one.actual, one.verdict) for one in found]


def test_what_was_achieved_counts_from_the_incident() -> None:
    journal = eventful()
    assert judged(journal, "database", rto="25m", rpo="1h") == [(1500.0, "met"), (3600.0, "met")]
    assert judged(journal, "database", rto="24m59s", rpo="59m") == [(1500.0, "missed"), (3600.0, "missed")]
    assert judged(journal, "main/shop", rto="30m", rpo="30m") == [(1500.0, "met"), (1200.0, "met")]
    assert judged(journal, "application", rto="45m", rpo="1h") == [(2460.0, "met"), (None, "open")]


def test_what_is_not_done_is_open_until_it_is_too_late() -> None:
    begun = events(*RESTORED[:2])
    assert judged(begun, "database", rto="10m", rpo="2h") == [(None, "open"), (3600.0, "open")]
    assert judged(begun, "database", rto="5m", rpo="30m") == [(None, "missed"), (3600.0, "missed")]
    assert judged(begun, "redis", rto="1m", rpo="1m") == [(None, "open"), (None, "open")]


def test_a_failure_meets_nothing() -> None:
    for accepted in (True, False):
        failed = events(*RESTORED[:2], (7, ended("restore", "failed", accepted=accepted)), (8, Leave("failed")))
        assert judged(failed, "database", rto="1h", rpo="2h") == [(None, "open"), (3600.0, "open")]
        closed = [*failed, *events(*RESTORED, (9, Close("failed")))[-1:]]
        assert judged(closed, "database", rto="1h", rpo="2h") == [(None, "missed"), (3600.0, "open")]


def test_what_was_skipped_says_nothing_about_its_component() -> None:
    skipped = events(*RESTORED, (21, ended("check", "skipped")), (200, Leave("incomplete")))
    assert judged(skipped, "application", rto="30m") == [(None, "open")]
    assert judged(skipped, "database", rto="30m") == [(1200.0, "met")]


def test_a_backup_from_after_the_incident_loses_nothing() -> None:
    later = events((5, opened(points={"main/shop": point(3)})), *RESTORED[1:])
    assert judged(later, "database", rpo="1m") == [(0.0, "met")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"database": {"rto": "soon"}}, "objectives: 'soon' is not a duration"),
        ({"database": {"rto": 7200}}, "objectives: '7200' is not a duration"),
        ({"database": {"rpt": "2h"}}, "objectives: 'database' has no objectives that are known"),
        ({"database": {}}, "objectives: 'database' has no objectives that are known"),
        ({"database": "2h"}, "objectives: 'database' has no objectives that are known"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        objectives.parse(given)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the journal shows to be done is ticked, with its time, and nothing else is."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import checklist
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.checklist import Item
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Begin,
    Close,
    Told,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import fold
from recovery_story import at, ended, eventful, events, opened


def done(*words: str, story: object = None) -> object:
    told = story or eventful()
    return checklist.done(Item("It", words), fold(told), told)


def test_an_event_ticks_when_it_first_happened() -> None:
    assert done("open") == at(5)
    assert done("close") == at(52)
    assert done("told") is None
    assert done("told", story=events((5, opened()), (6, Told(("team",))))) == at(6)


def test_a_type_of_a_step_ticks_when_one_ended_well() -> None:
    assert done("restore") == at(25)
    assert done("tidy") is None  # it failed, which was accepted
    assert done("tidy", "check") == at(41)


def test_a_recovery_that_failed_was_not_executed() -> None:
    failed = events((5, opened()), (6, Begin("restore", 1)), (7, ended("restore", "failed")), (8, Close("failed")))
    assert done("close", story=failed) is None


def test_what_nothing_does_is_left_to_people() -> None:
    assert done() is None
    assert len(checklist.DEFAULT) == 13
    assert sum(bool(item.done_by) for item in checklist.DEFAULT) == 9


def test_what_no_recovery_does_is_refused() -> None:
    assert checklist.parse([{"text": "Insurance", "done_by": None}]) == (Item("Insurance"),)
    with pytest.raises(UsageError, match=r"done_by cannot be 'restor'.*such as restore"):
        checklist.parse([{"text": "It", "done_by": ["restor"]}])

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recovery that would take too long is told of before it is needed."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor.check import ExamineRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives, outcome
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import Expected
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import fold
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from recovery_story import eventful

if t.TYPE_CHECKING:
    from sample_host import SampleHost


def told(sample: SampleHost, **wanted: t.Any) -> list[tuple[str, str, str]]:
    asked = ExamineRequest(
        sample.settings, "main", objectives=objectives.parse(wanted), only=("drill", "recovery_time"), fail_on="never"
    )
    return [(one.name, one.result, one.cause) for one in doctor.make_checks(asked, sample.world())]


def leave(sample: SampleHost, minutes: int, **changes: t.Any) -> None:
    opened = catalogue.open_repository(sample.settings, sample.world())
    made = outcome.of(fold(eventful()), (), ())
    expected = {"database": Expected(60 * minutes, 5, 3)}
    sooner = datetime.timedelta(minutes=1)
    made = dataclasses.replace(made, ended=sample.now - sooner, forecast=expected, **changes)
    outcome.store(opened.trusted_keys, opened.store, made)


def test_without_objectives_and_drills_there_is_nothing_to_say(sample: SampleHost) -> None:
    assert told(sample) == []
    assert told(sample, database={"rpo": "1h"}) == []


def test_without_a_recovery_nobody_knows(sample: SampleHost) -> None:
    assert told(sample, database={"rto": "1h"}) == [
        ("recovery_time", "warning", "Nobody knows how long a recovery takes: there was none, and no drill.")
    ]


def test_a_recovery_that_would_be_too_slow_is_told(sample: SampleHost) -> None:
    leave(sample, 90)
    assert told(sample, database={"rto": "1h"}, redis={"rto": "1h"}) == [
        ("recovery_time", "warning", "The recovery of database would take 1 h 30 min; its objective is 1 h.")
    ]
    assert told(sample, database={"rto": "90m"}) == [
        ("recovery_time", "ok", "By the last ones, a recovery would take 1 h 30 min, within its objectives.")
    ]


def test_the_last_drill_is_told(sample: SampleHost) -> None:
    leave(sample, 1, mode="drill", result="failed")
    assert told(sample) == [
        ("drill", "warning", "The last recovery drill, of plan data_loss at 2026-11-21 07:59 UTC, failed.")
    ]
    leave(sample, 1, mode="drill", recovery_id="recovery-20261201T010500Z-0123456789abcdef")
    assert told(sample)[0][:2] == ("drill", "ok")

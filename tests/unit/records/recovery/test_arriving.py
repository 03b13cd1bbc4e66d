# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be lost counts from the log where a server was recovered from it, and from the backup where not."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import (
    announcing,
    arriving,
    forecast,
    objectives,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Aim,
    Begin,
    Close,
    End,
    Event,
    Plan,
    PlannedStep,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.report import Report
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import State, fold
from recovery_story import at, events, opened, point

LATEST = '"latest"'
POINTS = {
    "main/shop": point(-600),
    "main/@physical": point(-1440),
    "other/crm": point(-30),
    "other/@physical": point(-9),
}
STEPS = (
    PlannedStep("pitr", "1", "pitr", ("main",), "database", 1),
    PlannedStep("restore", "1", "restore", ("main",), "database", 2),
)


def begun(target: str = LATEST) -> list[tuple[float, t.Any]]:
    started = dataclasses.replace(opened(points=POINTS), plan=Plan("data_loss", "1", STEPS))
    return [(5, started), *([(5, Aim(target))] if target else []), (5, Begin("pitr", 1))]


def arrived(last: float | None = -2, *, result: t.Any = "ok") -> End:
    """Return how the step ended whose server has what was committed up to that minute."""
    told = {"component": "main/@physical", "target": "latest", "reached": "0/3000060"}
    told |= {"last_commit_at": at(last).isoformat()} if last is not None else {}
    return End("pitr", 1, result, False, "", {}, True, {f"db1 {name}": value for name, value in told.items()})


SKIPPED = End("restore", 1, "skipped", False, "when is false", {}, None, {})


def judged(journal: list[Event], component: str = "main/shop") -> list[tuple[float | None, str]]:
    found = [objectives.judge(each, fold(journal)) for each in objectives.parse({component: {"rpo": "10m"}})]
    return [(one.actual, one.verdict) for one in found]


def of(*whats: tuple[float, t.Any], target: str = LATEST) -> State:
    return fold(events(*begun(target), *whats))


def test_what_is_lost_is_what_came_after_the_last_commit() -> None:
    before, after = events(*begun()), events(*begun(), (9, arrived()), (9, SKIPPED))
    assert judged(before) == [(None, "open")]
    assert judged(after) == [(120.0, "met")]
    assert judged(events(*begun(), (9, arrived(-11)))) == [(660.0, "missed")]
    assert set(arriving.counted(fold(after))) == {"main/@physical", "other/crm"}


def test_a_log_without_a_commit_counts_from_the_end_of_the_backup() -> None:
    (lost,) = judged(events(*begun(), (9, arrived(None))))
    assert lost == (1430 * 60, "missed")


@pytest.mark.parametrize("target", ["", LATEST])
def test_what_failed_or_was_skipped_recovers_nothing(target: str) -> None:
    """Where databases are restored after all, their backups count."""
    assert arriving.arrivals(of((9, arrived(result="failed")), target=target)) == {}
    skipped = events(*begun(target)[:-1], (5, arrived(result="skipped")))
    assert set(arriving.counted(fold(skipped))) == {"main/shop", "other/crm"}
    assert judged(skipped)[0][0] == 600 * 60


def test_what_came_after_a_target_is_left_out_on_purpose() -> None:
    target = '{"time": "2026-11-30 00:50:00Z"}'
    state = of((9, arrived(-11)), target=target)
    assert arriving.lost("main/@physical", POINTS["main/@physical"], state) == 60
    report = Report(events(*begun(target), (9, arrived(-11))))
    (told,) = [section for section in report.sections() if section.title.startswith("Recovery points")]
    assert (
        told.text[-1]
        == "What was committed after 2026-11-30 00:50:00, 10 min before the incident, was left out on purpose."
    )
    assert "its last commit is of 2026-11-30 00:49:00" in told.text[1]


def test_users_are_told_since_when_changes_are_missing() -> None:
    state = of((9, arrived(-2)), (10, Close("ok")))
    assert "Changes since 2026-11-30 00:30 UTC may be missing." in announcing.status_page(state)  # of other/crm


def test_a_step_that_has_nothing_to_do_is_not_forecast() -> None:
    plan = Plan("data_loss", "1", STEPS)
    assert arriving.idle(plan, "") == {"pitr"}
    assert arriving.idle(plan, LATEST) == {"restore"}
    elsewhere = dataclasses.replace(plan, steps=(STEPS[0], dataclasses.replace(STEPS[1], hosts=("main", "other"))))
    assert arriving.idle(elsewhere, LATEST) == set()


def test_a_server_is_forecast_by_its_own_backup() -> None:
    sizes = forecast.sizes(Plan("data_loss", "1", STEPS), {**POINTS, "main/@physical": point(0)}, {})
    assert sizes == {"pitr": 100, "restore": 100}
    assert forecast.sizes(Plan("data_loss", "1", STEPS), {"main/shop": point(0)}, {}) == {"pitr": 0, "restore": 100}

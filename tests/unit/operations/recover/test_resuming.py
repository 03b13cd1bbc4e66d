# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The moment to which servers are recovered stays what it was, unless somebody names another before data came back."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.recover import resuming, which
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import (
    Aim,
    Begin,
    End,
    Plan,
    PlannedStep,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.state import State, fold
from recovery_fixtures import Controller, here, plan
from recovery_story import at, events, opened

__all__ = ["here"]

PLAN = Plan(
    "data_loss", "1", tuple(PlannedStep(name, "1", name, ("db1",), "database", 1) for name in ("pitr", "restore"))
)
TIME = {"time": "2026-11-30 00:50:00Z"}
AIM = '{"time": "2026-11-30 00:50:00Z"}'


def before(aim: str = AIM, *, done: str = "") -> State:
    """Return a recovery to a moment, in which a step may be done."""
    whats: list[tuple[float, t.Any]] = [
        (5, dataclasses.replace(opened(), plan=PLAN)),
        *([(5, Aim(aim))] if aim else []),
    ]
    if done:
        whats += [(5, Begin(done, 1)), (9, End(done, 1, "ok", False, "", {}, True, {}))]
    return fold(events(*whats))


def test_the_moment_is_the_given_one_or_that_of_the_recovery() -> None:
    assert resuming.target(None, None, None, PLAN) == ""
    assert resuming.target(None, None, "latest", PLAN) == '"latest"'
    assert resuming.target(None, TIME, "latest", PLAN) == AIM
    assert resuming.target(before(), None, "latest", PLAN) == AIM
    assert resuming.target(before(), "latest", None, PLAN) == '"latest"'
    assert resuming.target(before(""), None, None, PLAN) == ""
    same = {"time": "2026-11-30 01:50:00+01:00"}
    assert resuming.target(before(done="pitr"), same, None, PLAN)


@pytest.mark.parametrize("done", ["pitr", "restore"])
@pytest.mark.parametrize("aim", ["", AIM])
def test_it_is_no_other_once_data_came_back(aim: str, done: str) -> None:
    with pytest.raises(UsageError, match=f"began with .* and its step {done} is over"):
        resuming.target(before(aim, done=done), "latest", None, PLAN)


def test_a_plan_without_such_a_step_recovers_to_no_moment() -> None:
    with pytest.raises(UsageError, match="has no step that recovers a server to a moment"):
        resuming.target(None, "latest", None, plan())
    with pytest.raises(UsageError, match="is no time"):
        resuming.target(None, {"time": "noon"}, None, PLAN)


def test_the_log_of_an_intruder_is_not_replayed() -> None:
    resuming.require_clean_target("", at(0))
    resuming.require_clean_target(AIM, at(0))
    for target in ('"latest"', AIM):
        with pytest.raises(UsageError, match="written since infected_since"):
            resuming.require_clean_target(target, at(-30))


def test_another_moment_is_another_recovery() -> None:
    asked = which.Asked("data_loss", "recover", "", False, {}, at(60), {}, {})
    assert asked.is_about(before())
    assert asked._replace(target=TIME).is_about(before())
    assert not asked._replace(target="latest").is_about(before())


def test_a_server_without_a_physical_backup_is_not_restored_otherwise(here: Controller) -> None:
    with pytest.raises(UsageError, match="main has no physical backup, so its server cannot be recovered to a moment"):
        here.opened(plan=PLAN, target="latest", clusters={"db1": "main"})

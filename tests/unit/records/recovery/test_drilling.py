# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every plan is a drill on bare hosts, in which no application ever meets a key."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import drilling, plan
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.step_types import TYPES

SHIPPED = sorted((Path(__file__).resolve().parents[4] / "roles/recover/files/plans").glob("*.yml"))
PLANS = [plan.parse(yaml.safe_load(path.read_text()), path.stem) for path in SHIPPED]
OUTSIDE = {name for name, kind in TYPES.items() if kind.outside}


def parsed(*steps: dict[str, t.Any]) -> plan.Plan:
    document = {"format": plan.FORMAT, "name": "ours", "description": "Ours.", "steps": list(steps)}
    return plan.parse(document, "ours")


def of_types(*types: str) -> plan.Plan:
    return parsed(*({"id": name, "type": name} for name in types))


def ids(drill: plan.Plan) -> list[str]:
    return ["+".join(step.id for step in stage) for stage in drill.stages]


def test_a_bare_host_gets_what_the_plan_takes_for_granted() -> None:
    assert ids(drilling.drilled(of_types("stop", "emergency_backup", "restore", "start"))) == [
        "drill_isolate", "drill_provision", "drill_install", "stop", "emergency_backup", "restore", "drill_canaries",
        "drill_wipe", "drill_deploy", "drill_configure", "start",
    ]  # fmt: skip


def test_what_the_plan_has_is_not_done_twice() -> None:
    types = ("provision", "install", "restore", "validate", "deploy", "configure", "start", "dns_switch")
    assert ids(drilling.drilled(of_types(*types))) == [
        "drill_isolate", "provision", "install", "restore", "validate", "drill_wipe", "deploy", "configure", "start",
        "dns_switch",
    ]  # fmt: skip


def test_without_data_there_is_nothing_to_prepare_or_validate() -> None:
    assert ids(drilling.drilled(of_types("deploy", "configure", "start"))) == [
        "drill_isolate", "drill_wipe", "deploy", "configure", "start",
    ]  # fmt: skip


def test_hosts_on_which_the_application_runs_early_lose_their_keys_before() -> None:
    branches = [{"id": "restore", "type": "restore"}, {"id": "deploy", "type": "deploy"}]
    drill = drilling.drilled(parsed({"id": "provision", "type": "provision"}, {"parallel": branches}))
    assert ids(drill) == [
        "drill_isolate", "provision", "drill_install", "drill_wipe_2", "restore+deploy", "drill_canaries", "drill_wipe",
    ]  # fmt: skip
    assert {step.id: step.hosts for step in drill.steps if "wipe" in step.id} == {
        "drill_wipe_2": "application",
        "drill_wipe": "all",
    }


def fails_over(given: plan.Plan) -> bool:
    return not {step.type for step in given.steps}.isdisjoint(drilling.FAILING_OVER)


@pytest.mark.parametrize("given", [each for each in PLANS if not fails_over(each)], ids=lambda given: given.name)
def test_no_application_of_a_shipped_plan_meets_a_key(given: plan.Plan) -> None:
    drill = drilling.drilled(given)
    steps = [step for step in drill.steps if step.drill]
    assert steps[0].id == "drill_isolate"
    wiped = max((number for number, step in enumerate(steps) if step.id == "drill_wipe"), default=0)
    assert not any(drilling.needs_keys(step) for step in steps[wiped:])
    for number, step in enumerate(steps[:wiped]):
        if step.hosts.startswith("application") and step.type != "stop" and not step.id.startswith("drill_"):
            assert any(before.id.startswith("drill_wipe_") for before in steps[:number])
        if drilling.needs_keys(step):
            assert not any(
                before.id.startswith("drill_wipe") and before.hosts == step.hosts for before in steps[:number]
            )
    assert {step.type for step in steps}.isdisjoint(OUTSIDE)


@pytest.mark.parametrize("given", list(filter(fails_over, PLANS)), ids=lambda given: given.name)
def test_no_plan_that_fails_over_is_drilled(given: plan.Plan) -> None:
    with pytest.raises(
        UsageError, match=f"The plan {given.name} cannot be drilled: .* needs a primary and its standby"
    ):
        drilling.drilled(given)


def test_code_of_yours_takes_the_keys_away_and_a_look_for_damage_does_not() -> None:
    mine = {"id": "mine", "role": "mine", "hosts": "application", "drill": True}
    drill = drilling.drilled(parsed({"id": "assess", "type": "assess"}, mine, {"id": "restore", "type": "restore"}))
    assert ids(drill) == [
        "drill_isolate", "drill_provision", "drill_install", "assess", "drill_wipe_2", "mine", "restore",
        "drill_canaries", "drill_wipe",
    ]  # fmt: skip
    assert next(step.hosts for step in drill.steps if step.id == "drill_wipe_2") == "application"


def test_who_decides_what_a_drill_does() -> None:
    own = {"id": "mine", "role": "mine"}
    assert [parsed({**own, **more}).steps[0].drill for more in ({}, {"drill": True}, {"drill": False})] == [
        False, True, False,
    ]  # fmt: skip
    assert not parsed({"id": "check", "type": "check", "drill": False}).steps[0].drill
    assert not parsed({"id": "fence", "type": "fence"}).steps[0].drill
    with pytest.raises(UsageError, match="no drill does fence, which reaches further than its hosts"):
        parsed({"id": "fence", "type": "fence", "drill": True})


def test_the_ids_of_the_drill_are_its_own() -> None:
    with pytest.raises(UsageError, match="drill_wipe is the id of a step that a drill does by itself"):
        drilling.drilled(parsed({"id": "drill_wipe", "type": "restore"}))

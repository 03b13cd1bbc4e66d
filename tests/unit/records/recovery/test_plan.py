# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recovery plan may say, and what is said of one that is wrong."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import plan as plans

RESTORE = {"id": "restore", "type": "restore"}


def document(*steps: object, **changed: t.Any) -> dict[str, t.Any]:
    return {
        "format": plans.FORMAT,
        "name": "ours",
        "description": "Ours.",
        "steps": list(steps) or [RESTORE],
        **changed,
    }


def refused(value: object) -> str:
    with pytest.raises(UsageError) as caught:
        plans.parse(value, "ours")
    return str(caught.value)


def test_a_step_of_a_type_has_its_defaults() -> None:
    (step,) = plans.parse(document(), "ours").steps
    assert (step.hosts, step.timeout, step.retries, step.become) == ("databases", 3600, 0, True)
    assert not step.accepts_failure
    assert not step.gathers_facts


def test_a_step_of_ones_own_runs_on_the_controller_with_ones_own_rights() -> None:
    (step,) = plans.parse(document({"id": "call", "role": "pager"}), "ours").steps
    assert (step.hosts, step.become, step.gathers_facts) == ("lifeboat-controller", False, True)


def test_everything_a_step_may_say() -> None:
    said = {
        **RESTORE,
        "hosts": "db1",
        "vars": {"lifeboat_jobs": 4},
        "when": "a is defined",
        "require": ["b", "c"],
        "approval": "Open for writing?",
        "timeout": "30m",
        "retries": 2,
        "on_failure": "continue",
        "become": False,
        "gather_facts": True,
        "checks": [{"name": "health", "http": {"url": "http://localhost/health"}}],
    }
    (step,) = plans.parse(document(said), "ours").steps
    assert (step.when, step.require) == (("a is defined",), ("b", "c"))
    assert (step.timeout, step.retries, step.accepts_failure) == (1800, 2, True)
    assert (step.become, step.gathers_facts, step.approval) == (False, True, "Open for writing?")
    assert step.checks == ({"name": "health", "http": {"url": "http://localhost/health"}},)


def test_a_plan_may_need_what_a_run_is_given() -> None:
    assert plans.parse(document(needs=["lifeboat_infected_since"]), "ours").needs == ("lifeboat_infected_since",)


def test_steps_side_by_side_are_one_stage() -> None:
    other = {"id": "other", "tasks": "other.yml"}
    plan = plans.parse(document(RESTORE, {"parallel": [{**RESTORE, "id": "a"}, other]}), "ours")
    assert [[step.id for step in stage] for stage in plan.stages] == [["restore"], ["a", "other"]]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "It is not a dictionary with the keys format"),
        (document(format="lifeboat-plan/2"), "format: must be lifeboat-plan/1, and is 'lifeboat-plan/2'."),
        (document(name="theirs"), "name: must be ours, and is 'theirs'."),
        (document(desciption="x"), "desciption: no such key. Did you mean description?"),
        (document(priority="urgent"), "priority cannot be 'urgent'. Use one of critical, high, normal, low."),
        (document(needs=[{}]), "needs cannot be [{}]."),
        (
            document({**RESTORE, "checks": [{"http": {"urll": "http://localhost/"}}]}),
            "steps[1] (restore).checks[0].http.urll",
        ),
        (document({**RESTORE, "checks": {"http": {}}}), "steps[1] (restore).checks is not a list of checks."),
        (document({"id": "say", "type": "notify"}), "steps[1] (say).vars: type notify needs notify_text."),
        (document(steps={}), "steps: must be a list of at least one step."),
        (document("restore"), "steps[1]: is not a dictionary."),
        (document({"type": "restore"}), "steps[1].id: None is no id"),
        (document({**RESTORE, "id": "never"}), "steps[1].id: 'never' is no id"),
        (document({**RESTORE, "id": "Restore it"}), "steps[1].id: 'Restore it' is no id"),
        (document(RESTORE, RESTORE), "steps[2].id: restore is the id of steps[1] too."),
        (document({**RESTORE, "hots": "db1"}), "steps[1] (restore).hots: no such key. Did you mean hosts?"),
        (document({"id": "a", "type": "restor"}), "use one of assess, check, configure, "),
        (document({"id": "a", "type": "restor"}), "Did you mean restore?"),
        (document({"id": "a", "type": "pirt"}), "Did you mean pitr?"),
        (document({"id": "a", "type": "pitr", "target": "latest"}), "steps[1] (a).target: no such key."),
        (document({"id": "a"}), "steps[1] (a): needs one of type, role and tasks, and has none of them."),
        (document({**RESTORE, "role": "x"}), "needs one of type, role and tasks, and has type and role."),
        (document({**RESTORE, "tasks_from": "x"}), "steps[1] (restore).tasks_from: belongs to a role"),
        (document({**RESTORE, "timeout": "-5m"}), "steps[1] (restore).timeout: '-5m' is not a duration."),
        (document({**RESTORE, "retries": -1}), "steps[1] (restore).retries cannot be -1."),
        (document({**RESTORE, "on_failure": "ignore"}), "Use one of stop, continue."),
        (document({**RESTORE, "when": []}), "steps[1] (restore).when cannot be []. Use an expression"),
        (document({**RESTORE, "vars": ["x"]}), "steps[1] (restore).vars is not a dictionary of variables."),
        (document({**RESTORE, "become": "yes"}), "steps[1] (restore).become cannot be 'yes'. Use true or false."),
        (document({"parallel": [RESTORE]}), "steps[1].parallel: must be a list of at least two steps."),
        (
            document({"parallel": [RESTORE, RESTORE]}),
            "steps[1].parallel[2].id: restore is the id of steps[1].parallel[1] too.",
        ),
        (document({"parallel": [RESTORE, RESTORE], "id": "x"}), "steps[1].id: no such key."),
    ],
)
def test_a_plan_that_is_wrong(value: object, told: str) -> None:
    message = refused(value)
    assert message.startswith("The plan ours is invalid. ")
    assert told in message


def test_all_problems_are_told_at_once() -> None:
    message = refused(document({**RESTORE, "hots": "x", "retries": "many"}, prority="low"))
    assert "hots" in message
    assert "retries" in message
    assert "prority" in message


def test_many_problems_are_counted() -> None:
    assert "There are 5 more problems." in refused(document(*["x"] * 25))


def test_a_digest_changes_with_what_the_plan_does() -> None:
    mine = {"id": "mine", "tasks": "mine.yml"}
    plan = plans.parse(document(RESTORE, mine), "ours")
    digests = {
        plan.digest({"mine.yml": "a"}),
        plan.digest({"mine.yml": "b"}),
        plans.parse(document({**RESTORE, "retries": 1}, mine), "ours").digest({"mine.yml": "a"}),
        plans.parse(document(mine, RESTORE), "ours").digest({"mine.yml": "a"}),
    }
    assert len(digests) == 4
    again = plans.parse(document(RESTORE, mine, description="Said otherwise."), "ours")
    assert again.digest({"mine.yml": "a"}) in digests

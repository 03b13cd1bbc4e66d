# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts that the steps of a plan mean, by the inventory and by what is lost."""

from __future__ import annotations

import typing as t

import pytest
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import plan as plans
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _hosts

GROUPS = {"all": ["db1", "db2", "web1"], "databases": ["db1", "db2"], "application": ["web1"], "ungrouped": []}


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict())


def plan(*steps: dict[str, t.Any]) -> plans.Plan:
    """Return a plan of these steps, whose ids are their numbers."""
    listed = [step if "parallel" in step else {"id": f"s{number}", **step} for number, step in enumerate(steps, 1)]
    return plans.parse({"format": plans.FORMAT, "name": "ours", "description": "Ours.", "steps": listed}, "ours")


def variables(*lost: str, without: str = "") -> dict[str, t.Any]:
    groups = {name: hosts for name, hosts in GROUPS.items() if name != without}
    return {"groups": groups, "lifeboat_replace": dict.fromkeys(lost, "spare")}


def hosts(step: dict[str, t.Any], *lost: str, without: str = "") -> list[str]:
    return _hosts.of(plan(step).steps[0], variables(*lost, without=without))


def refused(step: dict[str, t.Any], *lost: str, without: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        hosts(step, *lost, without=without)
    return str(caught.value)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ({"type": "restore"}, ["db1", "db2"]),
        ({"type": "restore", "hosts": "databases:!db1"}, ["db2"]),
        ({"tasks": "ours.yml"}, ["lifeboat-controller"]),
        ({"tasks": "ours.yml", "hosts": "localhost"}, ["lifeboat-controller"]),
        ({"type": "start"}, ["web1"]),
    ],
)
def test_a_step_runs_where_its_pattern_says(step: dict[str, t.Any], found: list[str]) -> None:
    assert hosts(step) == found


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    told = refused({"type": "restore", "hosts": "databasse"})
    assert "Step s1 has no host: the inventory has none that matches 'databasse'. Did you mean databases?" in told


@pytest.mark.parametrize("pattern", ["application", "application:&lost", "application:!lost"])
def test_a_system_without_hosts_of_an_application_has_none_of_its_steps(pattern: str) -> None:
    assert hosts({"type": "deploy", "hosts": pattern}, "db1", without="application") == []


def test_an_application_needs_no_group_only_where_the_plan_means_that_group() -> None:
    assert "has no host" in refused({"type": "deploy", "hosts": "shops:&lost"}, "db1")


def test_lost_hosts_are_a_group() -> None:
    assert hosts({"type": "restore", "hosts": "databases:&lost"}, "db2", "web1") == ["db2"]


def test_a_step_for_lost_hosts_has_none_where_others_are_lost() -> None:
    assert hosts({"type": "deploy", "hosts": "application:&lost"}, "db2") == []


def test_a_step_for_hosts_that_are_not_lost_has_none_where_all_are() -> None:
    step = {"type": "isolate", "hosts": "databases:!lost"}
    assert hosts(step, "db1") == ["db2"]
    assert hosts(step, "db1", "db2") == []
    assert hosts(step) == ["db1", "db2"]


def test_a_step_with_a_condition_may_be_for_lost_hosts_where_none_is() -> None:
    assert hosts({"type": "restore", "hosts": "databases:&lost", "when": "lifeboat_replace is defined"}) == []


def test_somebody_has_to_say_what_is_lost() -> None:
    assert "Step s1 is for lost hosts, and none is named." in refused({"type": "restore", "hosts": "databases:&lost"})


def test_a_lost_host_that_nothing_makes_again_is_refused() -> None:
    ours = plan({"type": "restore", "hosts": "databases:&lost"}, {"type": "start"})
    found = {step.id: _hosts.of(step, variables("db1", "web1")) for step in ours.steps}
    with pytest.raises(UsageError, match="web1 is lost, and no step of plan ours is for it: s1 are for other hosts"):
        _hosts.check_lost(ours, found, variables("db1", "web1"))
    _hosts.check_lost(ours, found, variables("db1"))


def test_a_plan_without_steps_for_lost_hosts_may_run_on_spares() -> None:
    ours = plan({"type": "restore"})
    _hosts.check_lost(ours, {"s1": ["db1", "db2"]}, variables("web1"))


def test_steps_side_by_side_share_no_host() -> None:
    ours = plan({"parallel": [{"id": "a", "type": "restore"}, {"id": "b", "type": "isolate", "hosts": "db2"}]})
    with pytest.raises(UsageError, match="a and b run side by side on db2"):
        _hosts.check_branches(ours, {"a": ["db1", "db2"], "b": ["db2"]})


FAILOVER = {"groups": GROUPS, "lifeboat_failover": {"db1": "db2"}}


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ({"type": "promote"}, ["db2"]),
        ({"type": "demote"}, ["db1"]),
        ({"type": "standby"}, ["db1"]),
        ({"type": "fence", "hosts": "databases:&demoted"}, ["db1"]),
        ({"type": "start", "hosts": "application:!demoted"}, ["web1"]),
    ],
)
def test_hosts_between_which_something_fails_over_are_groups(step: dict[str, t.Any], found: list[str]) -> None:
    assert _hosts.of(plan(step).steps[0], FAILOVER) == found


def test_somebody_has_to_say_which_host_takes_whose_place() -> None:
    told = refused({"type": "promote"})
    assert "Step s1 is for a failover, and none is named." in told
    assert '{"lifeboat_failover": {"db1": "db2"}}' in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("db2", "is no dictionary"),
        ({"db1": "db9"}, "the inventory has no host 'db9'"),
        ({"db1": "db1"}, "a host is named twice"),
        ({"db1": "db2", "db2": "web1"}, "a host is named twice"),
    ],
)
def test_a_failover_that_cannot_be_meant_is_refused(given: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        _hosts.check_pairs({"groups": GROUPS, "lifeboat_failover": given})
    _hosts.check_pairs(FAILOVER)
    _hosts.check_pairs({"groups": GROUPS})

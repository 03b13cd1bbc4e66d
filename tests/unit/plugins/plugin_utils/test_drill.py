# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as the plays of a drill, and what a run of Ansible may ask of one."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _drill, _plans

if t.TYPE_CHECKING:
    from collections.abc import Callable

Compiler: t.TypeAlias = "Callable[..., list[dict[str, t.Any]]]"

GROUPS = {"all": ["db1", "db2", "web1"], "databases": ["db1", "db2"], "application": ["web1"], "ungrouped": []}


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Compiler:
    def compiled(plan: str, *, arguments: dict[str, t.Any] | None = None, **variables: t.Any) -> list[dict[str, t.Any]]:
        known = {"inventory": (str(tmp_path / "hosts"),), **(arguments or {})}
        monkeypatch.setattr(context, "CLIARGS", ImmutableDict(known))
        monkeypatch.setattr(_plans.constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
        given = {"groups": GROUPS, "playbook_dir": str(tmp_path), **variables}
        found: list[dict[str, t.Any]] = yaml.safe_load(Path(_plans.compiled(plan, given, "drill")).read_text())
        return found

    return compiled


FAILING_OVER = {"fail_back", "region_failover", "rejoin"}


@pytest.mark.parametrize("name", sorted({path.stem for path in Path(_plans.SHIPPED).glob("*.yml")} - FAILING_OVER))
def test_every_shipped_plan_that_restores_is_cut_off_first_and_cleared_at_last(plays: Compiler, name: str) -> None:
    names = [
        play["name"].partition("/")[2] or play["name"] for play in plays(name, lifeboat_infected_since="2026-01-01")
    ]
    assert names[:7] == [
        f"Open the recovery by plan {name}",
        "Identify the hosts of the inventory",
        "Find out where the recovery stands",
        "Examine the hosts",
        "Open the recovery",
        "Clear what another drill left",
        "Clear what another drill left · end",
    ]
    assert names[7].endswith("drill_isolate · begin")
    assert names[-3:] == ["Clear the hosts", "Clear the hosts · end", "Close the recovery"]


def test_steps_work_on_those_in_whose_place_others_stand(plays: Compiler) -> None:
    (known,) = {
        json.dumps(play["vars"]["recover_plan"])
        for play in plays("data_loss")
        if "recover_plan" in play.get("vars", {})
    }
    steps = {step["id"]: step["hosts"] for step in json.loads(known)["steps"]}
    assert (
        steps["restore"]
        == "{{ ['db1', 'db2'] | select('in', hostvars['lifeboat-controller'].recover_drilled) | list }}"
    )
    assert steps["dns_switch"] == []


def test_approvals_are_given_for_what_a_drill_does(plays: Compiler, tmp_path: Path) -> None:
    steps = [
        {"id": "check", "type": "check", "approval": "Go on?"},
        {"id": "switch", "type": "dns_switch", "approval": "Go on?"},
    ]
    document = {"format": "lifeboat-plan/1", "name": "ours", "description": "Ours.", "steps": steps}
    (tmp_path / "recovery").mkdir()
    (tmp_path / "recovery/ours.yml").write_text(yaml.safe_dump(document))
    given = [play["vars"]["recover_given"] for play in plays("ours") if "recover_given" in play.get("vars", {})]
    assert {json.dumps(each) for each in given} == {'{"approve": ["check"]}'}


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        ({}, {"lifeboat_replace": {"db1": "spare1"}}, "Run it without lifeboat_replace"),
        ({}, {"lifeboat_failover": {"db1": "db2"}}, "Run it without lifeboat_failover"),
        ({"tags": ("step-restore",)}, {}, "--tags step-restore cannot be used"),
    ],
)
def test_what_a_drill_cannot_have(
    plays: Compiler, arguments: dict[str, t.Any], variables: dict[str, t.Any], told: str
) -> None:
    with pytest.raises(AnsibleError, match=told):
        plays("data_loss", arguments=arguments, **variables)


def test_facts_of_one_host_are_not_kept_for_another(plays: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_drill.constants, "CACHE_PLUGIN", "jsonfile")
    with pytest.raises(AnsibleError, match=r"Facts are kept in a cache \(jsonfile\)"):
        plays("data_loss")

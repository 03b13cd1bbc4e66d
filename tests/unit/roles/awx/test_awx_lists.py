# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What AWX is to have is what its modules take, and leads to playbooks, surveys and variables that are there.

tests/data/awx.json has the options of the modules; tests/campaigns/awx.py compares it with the collection and runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from environment import unconfigured
from playing import COLLECTIONS
from role_variables import Untouched

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/awx"
MODULES = json.loads((ROOT / "tests/data/awx.json").read_text(encoding="utf-8"))["modules"]
LISTS = {
    "controller_credential_types": "credential_type",
    "controller_projects": "project",
    "controller_templates": "job_template",
    "controller_schedules": "schedule",
    "controller_workflows": "workflow_job_template",
}
PLAN = """
format: lifeboat-plan/1
name: ours
description: Ours.
steps:
  - {id: check, type: check}
  - {id: live, type: start, approval: "Open it for users?"}
needs: [lifeboat_infected_since]
"""
HOSTS = {
    "databases": {"hosts": {"db1": {}}},
    "all": {
        "vars": {
            "lifeboat_awx_inventory": "Shop",
            "lifeboat_awx_project": {"scm_url": "https://git.example.com/ops.git", "scm_branch": "main"},
            "lifeboat_awx_credentials": ["ssh"],
            "lifeboat_awx_store_credential": "store",
            "lifeboat_awx_recovery_credential": "key",
            "lifeboat_awx_execution_environment": "lifeboat",
            "lifeboat_awx_drill_plan": "ours",
        }
    },
}
OF_TYPE = {"str": str, "bool": bool, "int": int, "dict": dict, "list": list}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what the playbook writes for a project."""
    home = tmp_path_factory.mktemp("awx")
    (home / "recovery").mkdir()
    (home / "recovery/ours.yml").write_text(PLAN)
    (home / "recovery/ours.yml").chmod(0o644)
    (home / "hosts.json").write_text(json.dumps(HOSTS))
    environ = unconfigured()
    environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": str(home / "ansible")}
    environ |= {"ANSIBLE_PIPELINING": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", home / "hosts.json", "lifeboat.recovery.awx_configure", "-e", "lifeboat_awx_dest=project"),
        ],
        cwd=home,
        env={**environ, "PWD": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "project"


@pytest.fixture(scope="module")
def lists(project: Path) -> dict[str, t.Any]:
    found: dict[str, t.Any] = yaml.load((project / "lifeboat/controller.yml").read_text(), Untouched)
    return found


def problems(options: dict[str, t.Any], given: dict[str, t.Any], place: str) -> list[str]:
    """Return what a module would not take of these values."""
    found = [
        f"{place}: {key} is missing" for key, about in options.items() if about.get("required") and key not in given
    ]
    for key, value in given.items():
        about = options.get(key)
        if about is None:
            found.append(f"{place}: {key} is unknown")
            continue
        if not isinstance(value, OF_TYPE[about.get("type", "str")]):
            found.append(f"{place}: {key} is {value!r}")
        if "choices" in about and value not in about["choices"]:
            found.append(f"{place}: {key} is {value!r}")
        for inner in value if isinstance(value, list) else [value]:
            if "options" in about:
                found += problems(about["options"], inner, f"{place}.{key}")
    return found


@pytest.mark.parametrize("name", LISTS)
def test_the_modules_know_every_key(lists: dict[str, t.Any], name: str) -> None:
    assert lists[name]
    assert [said for one in lists[name] for said in problems(MODULES[LISTS[name]], one, one["name"])] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_key_is_handed_to_its_module(lists: dict[str, t.Any], name: str) -> None:
    tasks = yaml.safe_load((ROLE / "tasks/main.yml").read_text(encoding="utf-8"))
    (handed,) = [task[f"awx.awx.{LISTS[name]}"] for task in tasks if f"awx.awx.{LISTS[name]}" in task]
    assert {key for one in lists[name] for key in one} <= set(handed)
    assert set(handed) <= set(MODULES[LISTS[name]])


def test_there_are_no_other_lists(lists: dict[str, t.Any]) -> None:
    assert set(lists) == set(LISTS)


def test_a_template_runs_a_playbook_that_is_written_and_there(lists: dict[str, t.Any], project: Path) -> None:
    for template in lists["controller_templates"]:
        (play,) = yaml.safe_load((project / template["playbook"]).read_text(encoding="utf-8"))
        playbook = play["ansible.builtin.import_playbook"].removeprefix("lifeboat.recovery.")
        assert (ROOT / f"playbooks/{playbook}.yml").is_file()
        assert template["name"] == f"lifeboat {playbook}"
        assert (template["job_slice_count"], template["allow_simultaneous"]) == (1, False)


def test_a_recovery_is_never_limited_to_some_hosts_and_can_be_simulated(lists: dict[str, t.Any]) -> None:
    (recover,) = [each for each in lists["controller_templates"] if each["name"] == "lifeboat recover"]
    assert "ask_limit_on_launch" not in recover
    assert recover["ask_job_type_on_launch"]
    (plan,) = [each for each in recover["survey_spec"]["spec"] if each["variable"] == "lifeboat_plan"]
    assert {"ours", "default", "data_loss"} <= set(plan["choices"])


def test_who_restores_has_the_recovery_key_and_nobody_else(lists: dict[str, t.Any]) -> None:
    having = {each["name"] for each in lists["controller_templates"] if "key" in each["credentials"]}
    assert having == {"lifeboat restore", "lifeboat recover", "lifeboat drill", "lifeboat recovery_report"}


def test_a_drill_has_its_hosts_in_the_inventory_and_runs_each_month_if_its_plan_is_named(
    lists: dict[str, t.Any],
) -> None:
    (drill,) = [each for each in lists["controller_templates"] if each["name"] == "lifeboat drill"]
    asked = {question["variable"] for question in drill["survey_spec"]["spec"]}
    assert "lifeboat_plan" in asked
    assert not asked & {"lifeboat_replace", "lifeboat_recovery_id", "lifeboat_takeover", "lifeboat_confirm"}
    assert "ask_limit_on_launch" not in drill
    (monthly,) = [each for each in lists["controller_schedules"] if each["name"] == "lifeboat monthly drill"]
    assert monthly["enabled"] is True
    assert monthly["extra_data"] == {"lifeboat_plan": "ours"}


def test_a_question_asks_for_a_variable_that_is_read(lists: dict[str, t.Any]) -> None:
    known = yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["preflight_known"]
    asking = [*lists["controller_templates"], *lists["controller_workflows"]]
    asked = {question["variable"] for each in asking for question in each.get("survey_spec", {}).get("spec", [])}
    assert asked <= set(known)
    assert {key for each in lists["controller_templates"] for key in each.get("extra_vars", {})} <= set(known)


def test_what_a_schedule_or_a_workflow_sets_is_asked_by_its_template(lists: dict[str, t.Any]) -> None:
    asked = {
        template["name"]: {
            question["variable"]: question for question in template.get("survey_spec", {}).get("spec", [])
        }
        for template in lists["controller_templates"]
    }
    given = [(each["unified_job_template"], each.get("extra_data", {})) for each in lists["controller_schedules"]]
    for workflow in lists["controller_workflows"]:
        nodes = [each for each in workflow["workflow_nodes"] if each["unified_job_template"]["type"] == "job_template"]
        given += [(node["unified_job_template"]["name"], node["extra_data"]) for node in nodes]
    for template, values in given:
        questions = asked[template]
        assert set(values) <= set(questions)
        assert {name for name, question in questions.items() if question["required"]} <= set(values)
        assert all(value in questions[name].get("choices", [value]) for name, value in values.items())


def test_a_workflow_goes_on_after_each_approval_of_its_plan(lists: dict[str, t.Any]) -> None:
    (ours,) = [each for each in lists["controller_workflows"] if each["name"] == "lifeboat recover by ours"]
    nodes = {node["identifier"]: node for node in ours["workflow_nodes"]}
    told, here = [], "simulate"
    while True:
        told.append(here)
        after = nodes[here]["related"]["success_nodes"]
        if not after:
            break
        here = after[0]["identifier"]
    assert told == ["simulate", "approve-run", "recover-run", "approve-live", "recover-live"]
    assert len(nodes) == len(told)
    assert nodes["simulate"]["job_type"] == "check"
    assert nodes["approve-live"]["unified_job_template"]["description"] == "Open it for users?"
    assert nodes["recover-live"]["extra_data"]["lifeboat_approve"] == "live"
    # The artifacts of the runs before say these two; what the survey says would win.
    assert "lifeboat_recovery_id" not in nodes["recover-live"]["extra_data"]
    asked = {question["variable"]: question["required"] for question in ours["survey_spec"]["spec"]}
    assert [name for name, required in asked.items() if required] == ["lifeboat_infected_since"]
    assert not set(asked) & {"lifeboat_recovery_id", "lifeboat_confirm", "lifeboat_approve", "lifeboat_plan"}


def test_credentials_become_files_that_awx_names(lists: dict[str, t.Any]) -> None:
    key, store = lists["controller_credential_types"]
    assert key["injectors"]["extra_vars"] == {"lifeboat_recovery_key_file": "{{ tower.filename.recovery_key }}"}
    assert key["injectors"]["file"] == {"template.recovery_key": "{{ recovery_key }}"}
    assert store["injectors"]["env"] == {"LIFEBOAT_STORE_CREDENTIALS": "{{ tower.filename.store }}"}
    for one in (key, store):
        assert [field["id"] for field in one["inputs"]["fields"] if field.get("secret")]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recovery plans as files, and what a run of Ansible may ask of them: all of it is refused while Ansible parses."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _plans

GROUPS = {"all": ["db1", "db2", "web1"], "databases": ["db1", "db2"], "ungrouped": []}
STEP = {"id": "mine", "tasks": "mine.yml", "hosts": "databases"}


class Beside:
    """An inventory with a directory of plans beside it."""

    def __init__(self, home: Path) -> None:
        self.plans = home / "recovery"
        self.plans.mkdir()
        (self.plans / "mine.yml").write_text("- name: Ping\n  ansible.builtin.ping:\n")
        self.variables: dict[str, t.Any] = {"groups": GROUPS, "playbook_dir": str(home)}

    def write(self, *steps: dict[str, t.Any], text: str = "") -> Path:
        document = {"format": "lifeboat-plan/1", "name": "ours", "description": "Ours.", "steps": list(steps) or [STEP]}
        path = self.plans / "ours.yml"
        path.write_text(text or yaml.safe_dump(document))
        path.chmod(0o644)
        return path

    def compiled(self, term: str = "ours", **variables: t.Any) -> list[dict[str, t.Any]]:
        plays: list[dict[str, t.Any]] = yaml.safe_load(
            Path(_plans.compiled(term, {**self.variables, **variables})).read_text()
        )
        return plays

    def role(self, name: str) -> Path:
        """Make a role beside the plans, and return the path of its tasks."""
        path = self.plans / "roles" / name / "tasks" / "main.yml"
        path.parent.mkdir(parents=True)
        path.write_text("- name: Ping\n  ansible.builtin.ping:\n")
        return path

    def digest(self) -> str:
        """Return what a recovery by the plan records as its digest."""
        (digest,) = {
            play["vars"]["recover_plan"]["digest"] for play in self.compiled() if "recover_plan" in play.get("vars", {})
        }
        return str(digest)

    def refused(self, term: str = "ours", **variables: t.Any) -> str:
        with pytest.raises(AnsibleError) as caught:
            self.compiled(term, **variables)
        return str(caught.value)


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> t.Callable[..., None]:
    def given(**values: t.Any) -> None:
        known = {"inventory": (str(tmp_path / "hosts"),), **values}
        monkeypatch.setattr(context, "CLIARGS", ImmutableDict(known))

    monkeypatch.setattr(_plans.constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    given()
    return given


@pytest.fixture
def beside(tmp_path: Path, arguments: object) -> Beside:
    return Beside(tmp_path)


def test_every_shipped_plan_can_be_run(beside: Beside) -> None:
    for path in Path(_plans.SHIPPED).iterdir():
        lost = {"lifeboat_replace": {"db1": "spare1"}, "lifeboat_failover": {"db1": "db2"}}
        plays = beside.compiled(path.stem, **lost, lifeboat_infected_since="2026-11-20")
        names = {play["name"] for play in plays}
        assert len(path.read_text().splitlines()) <= 40
        assert f"Open the recovery by plan {path.stem}" in names


def test_a_form_gives_texts_for_what_counts_for_one_run(beside: Beside) -> None:
    beside.write({**STEP, "hosts": "databases:&lost"})
    texts = {"lifeboat_replace": "db1=spare1, db2=spare2", "lifeboat_approve": "one, two", "lifeboat_takeover": ""}
    given = {**texts, "lifeboat_recovery_id": "", "lifeboat_confirm": ""}
    (told,) = [play["vars"] for play in beside.compiled(**given) if play["name"] == "Open the recovery"]
    assert told["recover_given"] == {
        "replace": {"db1": "spare1", "db2": "spare2"}, "approve": ["one", "two"], "takeover": False,
        "recovery_id": "", "confirm": "",
    }  # fmt: skip
    assert "lifeboat_replace is 'db1', which does not say" in beside.refused(lifeboat_replace="db1")
    assert "Step mine is for lost hosts, and none is named." in beside.refused(lifeboat_replace="")


def test_approvals_are_listed(beside: Beside) -> None:
    beside.write(STEP, {**STEP, "id": "live", "approval": "Open it?"})
    told = {plan["name"]: plan for plan in _plans.listed(beside.variables)}
    assert told["ours"]["approvals"] == [{"id": "live", "approval": "Open it?"}]


def test_plans_are_listed_with_their_problems(beside: Beside) -> None:
    beside.write({**STEP, "hosts": "databases:&lost"})
    (beside.plans / "default.yml").write_text("just text")
    told = {plan["name"]: plan for plan in _plans.listed(beside.variables)}
    assert (told["ours"]["steps"], told["ours"]["priority"], told["ours"]["problem"]) == (["mine"], "normal", "")
    assert told["data_loss"]["problem"] == told["fail_back"]["problem"] == ""
    urgency = [_plans.plans.PRIORITIES.index(plan["priority"]) for plan in told.values() if plan["priority"]]
    assert urgency == sorted(urgency)
    assert urgency[0] < urgency[-1]
    assert "It is not a dictionary" in told["default"]["problem"]
    assert told["default"]["path"].startswith(str(beside.plans))


def test_a_settled_step_of_another_failover_is_another_step(beside: Beside) -> None:
    beside.write(STEP, {"id": "promote", "type": "promote"})

    def digests(former: str, successor: str) -> list[str]:
        plays = beside.compiled(lifeboat_failover={former: successor})
        return [step["digest"] for step in plays[1]["vars"]["recover_plan"]["steps"]]

    (mine, promote), (same, other) = digests("db1", "db2"), digests("db2", "db1")
    assert mine == same
    assert promote != other


def test_each_step_is_three_plays_between_the_opening_and_the_end(beside: Beside) -> None:
    beside.write({**STEP, "retries": 1})
    plays = beside.compiled()
    assert [play["name"] for play in plays[4:]] == [
        "1/1 mine · begin", "1/1 mine", "1/1 mine · end", "1/1 mine · attempt 2", "1/1 mine · attempt 2 · end",
        "Close the recovery",
    ]  # fmt: skip
    assert {tuple(play["tags"]) for play in plays[4:-1]} == {("step-mine",)}
    assert plays[0]["tags"] == plays[-1]["tags"] == ["always"]


def test_ssh_asks_whether_a_host_still_lives(beside: Beside, arguments: t.Callable[..., None]) -> None:
    beside.write()
    arguments(ssh_extra_args="-o Mine=1")
    for play in beside.compiled():
        given = play["vars"]["ansible_ssh_extra_args"]
        assert "hostvars[inventory_hostname].ansible_ssh_extra_args | default('-o Mine=1')" in given
        assert given.endswith(" -o ServerAliveInterval=15 -o ServerAliveCountMax=4")


def test_no_keyword_is_left_to_the_configuration(beside: Beside) -> None:
    beside.write()
    stated = {"any_errors_fatal", "become", "gather_facts", "ignore_unreachable", "max_fail_percentage", "strategy"}
    for play in beside.compiled():
        assert stated | {"timeout", "ignore_errors"} <= set(play)


def test_a_plan_beside_the_inventory_comes_before_a_shipped_one(beside: Beside) -> None:
    path = beside.write()
    path.rename(beside.plans / "default.yml")
    text = (beside.plans / "default.yml").read_text().replace("name: ours", "name: default")
    (beside.plans / "default.yml").write_text(text)
    assert "1/1 mine · begin" in {play["name"] for play in beside.compiled("default")}


def test_a_plan_beside_the_playbook_that_imports_ours_is_found(
    beside: Beside, tmp_path: Path, arguments: t.Any
) -> None:
    beside.plans = tmp_path / "project/recovery"
    beside.plans.mkdir(parents=True)
    (beside.plans / "mine.yml").write_text("- name: Ping\n  ansible.builtin.ping:\n")
    beside.write()
    (tmp_path / "project/recover.yml").write_text("---\n")
    assert "There is no recovery plan 'ours'" in beside.refused()
    arguments(args=(str(tmp_path / "project/recover.yml"),))
    assert "1/1 mine · begin" in {play["name"] for play in beside.compiled()}


def test_a_plan_that_is_not_there(beside: Beside) -> None:
    told = beside.refused("defalt")
    assert "There is no recovery plan 'defalt'" in told
    assert "Did you mean default?" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("format: [", "cannot be read"),
        ("name: ours\nname: ours\n", "the key name is there twice"),
        ("name: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n", "a plan holds no vaulted value"),
        ("just text", "It is not a dictionary"),
    ],
)
def test_a_file_that_is_no_plan(beside: Beside, text: str, told: str) -> None:
    beside.write(text=text)
    assert told in beside.refused()


def test_a_plan_that_others_may_write_runs_for_nobody(beside: Beside) -> None:
    beside.write().chmod(0o664)
    assert "ours.yml could be written by others" in beside.refused()


def test_what_lies_beside_a_plan_must_be_as_safe_as_the_plan(beside: Beside) -> None:
    beside.write()
    (beside.plans / "mine.yml").chmod(0o666)
    assert "mine.yml could be written by others" in beside.refused()
    beside.role("balancer")
    beside.write({"id": "mine", "role": "balancer"})
    beside.compiled()
    (beside.plans / "roles/balancer/tasks/main.yml").chmod(0o666)
    assert "roles/balancer/tasks/main.yml could be written by others" in beside.refused()


def test_a_role_beside_a_plan_is_part_of_its_digest(beside: Beside) -> None:
    tasks = beside.role("balancer")
    beside.write({"id": "mine", "role": "balancer"})
    before = beside.digest()
    assert beside.digest() == before
    tasks.write_text("- name: Move it\n  ansible.builtin.debug:\n")
    assert beside.digest() != before


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"when": "a b c("}, "Step mine, when: 'a b c(' is no expression"),
        ({"tasks": "other.yml"}, "Step mine, tasks: there is no file"),
    ],
)
def test_what_a_step_cannot_mean(beside: Beside, step: dict[str, t.Any], told: str) -> None:
    beside.write({**STEP, **step})
    assert told in beside.refused()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"subset": "db1"}, "--limit cannot be used"),
        ({"start_at_task": "x"}, "--start-at-task cannot be used"),
        ({"tags": ["step-mien"]}, "The plan ours has no step for --tags step-mien. Did you mean step-mine?"),
        ({"skip_tags": ["always"]}, "The plan ours has no step for --skip-tags always."),
    ],
)
def test_what_the_command_line_cannot_ask(
    beside: Beside, arguments: t.Callable[..., None], given: dict[str, t.Any], told: str
) -> None:
    beside.write()
    arguments(**given)
    assert told in beside.refused()


def test_a_plan_is_refused_without_what_it_needs(beside: Beside) -> None:
    beside.write()
    path = beside.plans / "ours.yml"
    path.write_text(path.read_text() + "needs: [lifeboat_infected_since]\n")
    assert "The plan ours needs lifeboat_infected_since." in beside.refused()
    path.write_text(path.read_text().replace("_since", "_sinse"))
    assert "needs: a run is given no lifeboat_infected_sinse. Did you mean lifeboat_infected_since?" in beside.refused()
    path.write_text(path.read_text().replace("_sinse", "_since"))
    assert beside.compiled(lifeboat_infected_since="2026-11-20T10:00:00Z")


def test_checks_end_a_step(beside: Beside) -> None:
    beside.write({**STEP, "checks": [{"name": "health", "tcp": {"host": "localhost", "port": 80}}]})
    (work,) = (play for play in beside.compiled() if play["name"] == "1/1 mine")
    named = [task["name"] for task in work["tasks"][-1]["block"]]
    assert named == ["Gather facts", "Do mine", "Run the handlers", "Checks", "Succeeded"]


def test_what_a_step_needs_of_its_hosts_is_asked_before_any_is_reached(beside: Beside) -> None:
    beside.write({"id": "change", "type": "rotate", "hosts": "db1"})
    (look,) = (play for play in beside.compiled() if play["name"] == "Find out where the recovery stands")
    assert look["vars"]["recover_needs"] == [{"step": "change", "name": "lifeboat_rotate", "host": "db1"}]


def test_chosen_steps_may_be_run(beside: Beside, arguments: t.Callable[..., None]) -> None:
    beside.write()
    arguments(tags=["step-mine"], skip_tags=["notest"])
    assert beside.compiled()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"time": "2026-11-28 14:05:00"},
            "lifeboat_pitr_target: The target time '2026-11-28 14:05:00' has no time zone.",
        ),
        ("now", "lifeboat_pitr_target: The target time 'now' is no time."),
        (
            '{"tiem": "2026-11-28 14:05:00Z"}',
            "lifeboat_pitr_target: The target {'tiem': '2026-11-28 14:05:00Z'} is unknown.",
        ),
        ("", "lifeboat_pitr_target: The target time '' is no time."),
    ],
)
def test_a_moment_that_cannot_be_meant_is_refused(beside: Beside, given: t.Any, told: str) -> None:
    beside.write({"id": "pitr", "type": "pitr"})
    assert told in beside.refused(lifeboat_pitr_target=given)


def test_a_moment_needs_a_step_for_it(beside: Beside) -> None:
    beside.write({"id": "restore", "type": "restore"})
    assert "no step that recovers a server to a moment" in beside.refused(lifeboat_pitr_target="latest")


@pytest.mark.parametrize(
    ("step", "default"),
    [({"type": "pitr"}, "latest"), ({"type": "pitr", "when": "a is defined"}, ""), ({"type": "restore"}, "")],
)
def test_a_step_that_always_recovers_a_server_has_a_moment(beside: Beside, step: dict[str, str], default: str) -> None:
    beside.write({"id": "only", **step})
    (known,) = [play["vars"] for play in beside.compiled() if play["name"] == "Open the recovery"]
    assert known["recover_default_target"] == default
    assert known["recover_arriving"] == (["only"] if step["type"] == "pitr" else [])
    assert known["recover_replacing"] == ([] if step["type"] == "pitr" else ["only"])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-28 14:05:00Z", {"time": "2026-11-28 14:05:00Z"}),
        ('{"lsn": "0/3000138"}', {"lsn": "0/3000138"}),
        ("latest", "latest"),
    ],
)
def test_a_moment_may_be_a_text(beside: Beside, given: str, meant: t.Any) -> None:
    beside.write({"id": "pitr", "type": "pitr"})
    (known,) = [
        play["vars"] for play in beside.compiled(lifeboat_pitr_target=given) if play["name"] == "Open the recovery"
    ]
    assert known["recover_given"]["pitr_target"] == meant

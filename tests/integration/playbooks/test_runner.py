# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Playbooks under ansible-runner, as AWX runs them: as files of a project, with variables and keys from outside, without a
terminal, and each time on a controller that remembers nothing.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from environment import unconfigured
from playing import COLLECTIONS
from postgres_fixtures import free_port
from rendering import ROOT, rendered

if t.TYPE_CHECKING:
    from playing import Plays

LIMIT = 240
"""Seconds after which a job counts as one that waits for somebody; a tenth of that is usual."""

PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
OF_A_MACHINE = ("install", "isolate", "uninstall")
"""They change the machine that they run on, which no test may."""


@dataclasses.dataclass
class Job:
    """What came of a job: its status, its exit status, what it printed, and what it leaves to the next one."""

    status: str
    code: int
    said: str
    artifacts: dict[str, t.Any]


@dataclasses.dataclass
class Runner:
    """A directory with a project, as AWX hands it to ansible-runner."""

    home: Path
    inventory: dict[str, t.Any]

    def plan(self, *steps: dict[str, t.Any]) -> None:
        """Write a plan beside the playbooks of the project, and tasks that always work."""
        folder = self.home / "project/lifeboat/recovery"
        folder.mkdir(parents=True)
        document = {"format": "lifeboat-plan/1", "name": "ours", "description": "Ours.", "steps": list(steps)}
        (folder / "ours.yml").write_text(yaml.safe_dump(document))
        (folder / "note.yml").write_text("- name: Note it\n  ansible.builtin.debug:\n    msg: noted\n")
        (folder / "ours.yml").chmod(0o644)

    def job(self, playbook: str, *arguments: str, **variables: t.Any) -> Job:
        """Run a playbook of the project on a controller whose home is empty."""
        identity = secrets.token_hex(4)
        controller = self.home / f"controller-{identity}"
        folders = {name: self.home / name for name in ("env", "inventory", "project/lifeboat")}
        for folder in (controller, *folders.values()):
            folder.mkdir(parents=True, exist_ok=True)
        wrapper = rendered(ROOT / "roles/awx/templates/wrapper.yml.j2", item=playbook)
        (folders["project/lifeboat"] / f"{playbook}.yml").write_text(wrapper)
        (folders["inventory"] / "hosts.json").write_text(json.dumps(self.inventory))
        (folders["env"] / "extravars").write_text(json.dumps(variables))
        (folders["env"] / "settings").write_text(json.dumps({"job_timeout": LIMIT, "suppress_ansible_output": True}))
        environ = unconfigured()
        environ |= {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(controller / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "HOME": str(controller),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        argv = ["ansible-runner", "run", self.home, "--playbook", f"lifeboat/{playbook}.yml", "--ident", identity]
        more = ["--cmdline", " ".join(arguments)] if arguments else []
        subprocess.run(argv + more, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        kept = self.home / "artifacts" / identity
        told = [json.loads(path.read_text()) for path in (kept / "job_events").glob("*.json")]
        left: dict[str, t.Any] = {}
        for event in told:
            left |= event.get("event_data", {}).get("artifact_data", {})
        return Job((kept / "status").read_text(), int((kept / "rc").read_text()), (kept / "stdout").read_text(), left)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    (tmp_path / "store").mkdir()
    (tmp_path / "key").write_text(f"{secrets.token_hex(32)}\n")
    (tmp_path / "key").chmod(0o600)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "lifeboat_application": "shop",
        "lifeboat_store": {"url": f"file://{tmp_path}/store"},
        "lifeboat_python": sys.executable,
    }
    return Runner(tmp_path / "job", {"databases": {"hosts": {"h1": {}}, "vars": variables}})


def test_a_recovery_waits_for_an_approval_and_another_controller_goes_on(runner: Runner, tmp_path: Path) -> None:
    step = {"tasks": "note.yml", "hosts": "h1", "gather_facts": False}
    runner.plan({"id": "first", **step}, {"id": "live", "approval": "Open it?", **step})
    given = {"lifeboat_plan": "ours", "lifeboat_recovery_key_file": f"{tmp_path}/key", "lifeboat_takeover": "false"}
    empty = {"lifeboat_replace": "", "lifeboat_confirm": "", "lifeboat_infected_since": "", "lifeboat_incident_at": ""}

    job = runner.job("recover", **given, **empty, lifeboat_approve="", lifeboat_recovery_id="new")
    assert (job.status, job.code) == ("successful", 0), job.said
    assert "waits before step live: Open it?" in job.said
    assert set(job.artifacts) == {"lifeboat_recovery_id"}

    job = runner.job("recover", **given, **job.artifacts, lifeboat_approve="live")
    assert (job.status, job.code) == ("successful", 0), job.said
    assert f"Recovery {job.artifacts['lifeboat_recovery_id']} is finished." in job.said


def of_plays(plays: Plays) -> tuple[Runner, dict[str, t.Any]]:
    """Return a runner for the database of these plays, and what a job gets from outside."""
    variables = {key: value for key, value in plays.variables().items() if key != "lifeboat_history"}
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    away = {"ansible_host": "127.0.0.1", "ansible_port": free_port()}
    inventory = {
        "databases": {"hosts": {"db1": local}, "vars": variables},
        "machines": {"hosts": {"away": away}, "vars": variables},
    }
    key = f"{plays.home}/etc/keys/recovery.key"
    outside = {"lifeboat_recovery_key_file": key, "lifeboat_recovery_report_dest": f"{plays.home}/reports"}
    return Runner(plays.home / "job", inventory), outside


@pytest.mark.long
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_job_ends_by_itself(plays: Plays, playbook: str) -> None:
    runner, outside = of_plays(plays)
    own: dict[str, dict[str, t.Any]] = {
        "audit_report": {"lifeboat_audit_dest": f"{plays.home}/audit"},
        "awx_configure": {
            "lifeboat_awx_dest": f"{plays.home}/awx",
            "lifeboat_awx_inventory": "Shop",
            "lifeboat_awx_project": {},
        },
        "monitoring": {"lifeboat_textfile_dir": str(plays.home)},
        "restore": {"lifeboat_database": plays.database, "lifeboat_target": "", "lifeboat_restore_from": ""},
        "retention": {"lifeboat_retention": {"keep_last": 1}},
        "validate": {"lifeboat_scratch_dir": f"{plays.home}/scratch"},
        **{key: {"lifeboat_hosts": "machines", "lifeboat_isolate_break_glass": "192.0.2.1"} for key in OF_A_MACHINE},
    }
    first = runner.job("backup", lifeboat_reason="manual", lifeboat_ticket="")
    assert (first.status, first.code) == ("successful", 0), first.said
    limit = ("--limit", "machines") if playbook == "isolate" else ()
    job = runner.job(playbook, *limit, **outside, **own.get(playbook, {}))
    assert job.status != "timeout", job.said
    told = {
        "drill": "Facts are kept in a cache (jsonfile)",
        "recover": "these databases contain data, which plan default would replace",
        "recovery_report": "There is no recovery",
        "restore": "contains data that this restore replaces",
        **dict.fromkeys(OF_A_MACHINE, "unreachable=1"),
    }
    assert (job.status == "failed") is (playbook in told), job.said
    assert told.get(playbook, "failed=0") in job.said

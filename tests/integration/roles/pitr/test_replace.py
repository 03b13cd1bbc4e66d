# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failure says of the data depends on whether it came before or after they were replaced."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import playing
import pytest
from environment import unconfigured

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ROLE = Path(__file__).resolve().parents[4] / "roles/pitr"
PLAN: Mapping[str, t.Any] = {"changed": False, "summary": "Would recover shop/main."}
DONE: Mapping[str, t.Any] = {"changed": True, "summary": "It is shop/main at 0/5."}


def play(tmp_path: Path, *results: Mapping[str, t.Any]) -> tuple[str, list[str]]:
    """Run the tasks with a recovery that has these results before it fails, and return what was said and started."""
    shutil.copy(ROLE / "tasks/replace.yml", tmp_path)
    steps: list[dict[str, t.Any]] = [{"ansible.builtin.set_fact": {"pitr_result": result}} for result in results]
    steps.append({"ansible.builtin.fail": {"msg": "The loan is still open."}})
    (tmp_path / "run.yml").write_text(json.dumps(steps))
    touch = {"ansible.builtin.command": {"argv": ["touch", f"{tmp_path}/started-recovered"]}}
    (tmp_path / "start.yml").write_text(json.dumps([touch]))
    given = {
        "pitr_running": True,
        "pitr_stop": ["true"],
        "pitr_start": ["touch", f"{tmp_path}/started-old"],
        "pitr_cluster": {"data_dir": "/data/main"},
        "ansible_python_interpreter": sys.executable,
    }
    tasks = [
        {"ansible.builtin.set_fact": {"pitr_result": PLAN}},
        {"ansible.builtin.include_tasks": str(tmp_path / "replace.yml")},
    ]
    own = {"hosts": "localhost", "gather_facts": False, "vars_files": [str(ROLE / "vars/main.yml")], "tasks": tasks}
    (tmp_path / "play.yml").write_text(json.dumps([own]))
    argv = [sys.executable, "-m", "ansible", "playbook", str(tmp_path / "play.yml"), "-e", json.dumps(given)]
    environ = {**unconfigured(), "ANSIBLE_COLLECTIONS_PATH": str(playing.COLLECTIONS)}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout
    return done.stdout.replace("\n", " "), sorted(path.name for path in tmp_path.glob("started-*"))


def test_what_fails_after_the_recovery_leaves_the_recovered_server_running(tmp_path: Path) -> None:
    said, started = play(tmp_path, DONE)
    assert "The loan is still open. It is shop/main at 0/5. Its server was started on what was recovered" in said
    assert "was not replaced" not in said
    assert started == ["started-recovered"]


@pytest.mark.parametrize("results", [[], [{**DONE, "failed": True}]])
def test_what_fails_before_its_end_leaves_what_was_there(tmp_path: Path, results: list[Mapping[str, t.Any]]) -> None:
    said, started = play(tmp_path, *results)
    assert "The loan is still open. /data/main was not replaced, and its server was started again." in said
    assert started == ["started-old"]

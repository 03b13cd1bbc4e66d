# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every task of the role: no secret is an item of a loop, and check mode says what would run."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[4] / "roles" / "application"
FILES = sorted((ROLE / "tasks").glob("*.yml"))
ENTRIES = {"main", "deploy", "configure", "start", "stop", "status", "check", "read_only", "read_write"}


def tasks(nodes: list[dict[str, t.Any]], conditions: tuple[str, ...] = ()) -> t.Iterator[tuple[dict[str, t.Any], str]]:
    """Yield each task with all conditions that it runs under."""
    for node in nodes:
        own = (*conditions, str(node.get("when", "")))
        yield node, " and ".join(own)
        for part in ("block", "rescue", "always"):
            yield from tasks(node.get(part, []), own)


def read(path: Path) -> list[tuple[dict[str, t.Any], str]]:
    return list(tasks(yaml.safe_load(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_loop_goes_over_what_holds_secrets(path: Path) -> None:
    """Ansible shows the item of a loop when its task fails."""
    for task, _when in read(path):
        loop = str(task.get("loop", ""))
        assert "application_all" not in loop, task["name"]
        assert ".config" not in loop or "range" in loop, task["name"]
        assert ".set" not in loop, task["name"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_command_changes_is_said_in_check_mode(path: Path) -> None:
    found = read(path)
    for task, when in found:
        command = task.get("ansible.builtin.command")
        if command is None or task.get("changed_when") is False:
            continue
        assert "not ansible_check_mode" in when, task["name"]
        said = [other for other, its in found if "ansible.builtin.debug" in other and "ansible_check_mode" in its]
        assert said, f"{task['name']}: nothing says it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_writes_a_value_of_the_settings_shows_none(path: Path) -> None:
    for task, _when in read(path):
        shown = str({key: value for key, value in task.items() if key in {"ansible.builtin.copy", "register"}})
        if "application_merged.text" in shown or "application_env_now'" in shown:
            assert task["no_log"] is True
            assert task.get("diff", False) is False


def test_each_entry_point_is_specified() -> None:
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    assert set(specs) == ENTRIES
    assert {path.stem for path in FILES} >= ENTRIES

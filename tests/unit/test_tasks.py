# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of roles and playbooks: what Ansible evaluates late, or somewhere else, surprises nobody."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml
from rendering import ROOT
from role_variables import Untouched

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTS = ("block", "rescue", "always")
TASKS = sorted(ROOT.glob("roles/*/tasks/*.yml"))


def read(path: Path) -> t.Any:
    return yaml.load(path.read_text(encoding="utf-8"), Untouched) if path.is_file() else None


def names(value: t.Any, known: dict[str, t.Any]) -> set[str]:
    """Return the variables in a template, and those of which they are made."""
    found: set[str] = set()
    left = [str(value)]
    while left:
        fresh = set(re.findall(r"[a-z_][a-z0-9_]*", left.pop())) - found
        found |= fresh
        left += [str(known[name]) for name in fresh if name in known]
    return found


def included(task: dict[str, t.Any], folder: Path) -> list[dict[str, t.Any]]:
    """Return the tasks of the file that a task includes or imports, if its name is written out."""
    for kind in ("include_tasks", "import_tasks"):
        given = task.get(f"ansible.builtin.{kind}")
        name = given.get("file") if isinstance(given, dict) else given
        if name:
            return read(folder / name) or []
    return []


def decided(tasks: list[dict[str, t.Any]], folder: Path) -> Iterator[str]:
    """Yield the facts that tasks and those that they include set."""
    for task in tasks:
        yield from task.get("ansible.builtin.set_fact") or ()
        yield from [task["register"]] if "register" in task else []
        for part in PARTS:
            yield from decided(task.get(part) or [], folder)
        yield from decided(included(task, folder), folder)


def doubtful(tasks: list[dict[str, t.Any]], folder: Path, known: dict[str, t.Any]) -> Iterator[tuple[str, set[str]]]:
    """Yield the blocks and imports, by name, whose condition is made of facts that they set."""
    for task in tasks:
        inner = [each for part in PARTS for each in task.get(part) or []]
        imports = included(task, folder) if "ansible.builtin.import_tasks" in task else []
        if "when" in task:
            asked = names(task["when"], {**known, **task.get("vars", {})})
            both = asked & set(decided([*inner, *imports], folder))
            if both:
                yield task["name"], both
        yield from doubtful(inner, folder, known)


@pytest.mark.parametrize("path", TASKS, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_block_changes_its_own_condition(path: Path) -> None:
    """Each task of a block asks the condition anew, so that the rest would be left out without a word."""
    role = path.parents[1]
    known = {**(read(role / "defaults/main.yml") or {}), **(read(role / "vars/main.yml") or {})}
    assert list(doubtful(read(path), path.parent, known)) == []


def test_a_block_that_changes_its_own_condition_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "look.yml").write_text("- name: Look\n  ansible.builtin.set_fact: {it_states: {}}\n")
    block = [{"name": "Look again", "ansible.builtin.include_tasks": "look.yml"}]
    tasks = [{"name": "Stop it", "when": "it_runs", "block": block}]
    assert list(doubtful(tasks, tmp_path, {"it_runs": "{{ it_states.running }}"})) == [("Stop it", {"it_states"})]


def test_nobody_asks_the_environment_for_the_current_directory() -> None:
    """A timer, a container and AWX set no PWD, and files would lie in the root directory."""
    for path in (*ROOT.glob("roles/**/*.yml"), *ROOT.glob("playbooks/**/*.yml")):
        assert "'PWD'" not in path.read_text(encoding="utf-8"), path

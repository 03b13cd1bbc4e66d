# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root writes nothing into a directory of the account of the backups, which could put a link in its place."""

from __future__ import annotations

import functools
import re
import typing as t
from pathlib import Path

import yaml
from role_variables import Untouched

ROLES = Path(__file__).resolve().parents[3] / "roles"
WRITERS = ("copy", "file", "template")
THEIRS = ("{{ settings_state_dir }}/", "{{ settings_config_dir }}/keys/")

ACCOUNTS = {"{{ settings_user }}", "{{ wal_archiving_user }}"}


def _tasks(tasks: list[dict[str, t.Any]], user: str) -> t.Iterator[tuple[dict[str, t.Any], str]]:
    """Yield each task, and who runs it."""
    for task in tasks:
        runs = task.get("become_user", user)
        yield task, runs
        for part in ("block", "rescue", "always"):
            yield from _tasks(task.get(part, []), runs)


@functools.cache
def _variables() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (*ROLES.glob("*/defaults/main.yml"), *ROLES.glob("*/vars/main.yml")):
        known = yaml.load(path.read_text(), Untouched)
        found |= {name: value for name, value in known.items() if isinstance(value, str)}
    return found


def _paths(task: dict[str, t.Any]) -> list[str]:
    """Return where a task writes, in the names of the directories; nothing where it removes."""
    variables = _variables() | task.get("vars", {})
    given = next((task[f"ansible.builtin.{name}"] for name in WRITERS if f"ansible.builtin.{name}" in task), {})
    if given.get("state") == "absent":
        return []
    items = task["loop"] if "item" in str(given) and isinstance(task.get("loop"), list) else [None]
    path = str(given.get("dest") or given.get("path"))
    found = [re.sub(r"{{ item\.(\w+) }}", lambda key: item[key[1]], path) if item else path for item in items]  # noqa: B023
    for _depth in range(3):
        found = [re.sub(r"{{ (\w+) }}", lambda name: _known(variables, name), each) for each in found]
    return found


def _known(variables: dict[str, str], name: re.Match[str]) -> str:
    kept = ("settings_state_dir", "settings_config_dir")
    return name[0] if name[1] in kept else variables.get(name[1], name[0])


def test_root_writes_into_no_directory_of_the_account() -> None:
    theirs, by_root = 0, []
    for source in sorted(ROLES.glob("*/tasks/*.yml")):
        for task, user in _tasks(yaml.safe_load(source.read_text()), "root"):
            if any(path.startswith(THEIRS) for path in _paths(task)):
                theirs += 1
                if user not in ACCOUNTS:
                    by_root.append(f"{source.relative_to(ROLES)}: {task['name']}")
    assert theirs > 5
    assert by_root == []

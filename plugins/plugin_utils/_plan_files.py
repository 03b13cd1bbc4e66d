# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The files of recovery plans and of what lies beside them: who could have written them, and what is in them.

This file is private to the collection.
"""

from __future__ import annotations

import hashlib
import os
import stat
import typing as t

from ..module_utils._engine.ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..module_utils._engine.records.recovery.plan import Plan

_NEVER_READ = ("__pycache__", ".git")


def check_owner(path: str) -> None:
    """Raise UsageError when others than the caller and root could have written a file of a plan."""
    state = os.stat(path)
    if state.st_uid not in {0, os.geteuid()} or stat.S_IMODE(state.st_mode) & 0o022:
        raise UsageError(
            f"{path} could be written by others, and a recovery plan would run it with your rights.",
            "Make it yours, and writable by you alone (chmod go-w).",
            field="plan",
        )


def beside(plan: Plan, folder: str) -> Iterator[tuple[str, str]]:
    """
    Yield names and absolute paths of task files and roles beside a plan; roles elsewhere are found by Ansible.

    Raise UsageError for a task file that is not there, and for what others could have written.
    """
    for step in plan.steps:
        if step.tasks:
            path = os.path.join(folder, step.tasks)
            if not os.path.isfile(path):
                raise UsageError(
                    f"The plan {plan.name} is invalid. Step {step.id}, tasks: there is no file {path}.",
                    "Correct it.",
                    field="plan",
                )
            check_owner(path)
            yield step.tasks, path
        for place in (folder, os.path.dirname(folder)):
            path = os.path.join(place, "roles", step.role)
            if step.role and os.path.isdir(path):
                for file in _files(path):
                    check_owner(file)
                yield step.role, path
                break


def digests(paths: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of the task files and of the roles beside the plan."""
    return {name: _tree_digest(path) if os.path.isdir(path) else _file_digest(path) for name, path in paths.items()}


def _file_digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tree_digest(folder: str) -> str:
    """Return what changes when a file below the directory changes, comes or goes."""
    lines = sorted(f"{_file_digest(path)} {os.path.relpath(path, folder)}" for path in _files(folder))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _files(folder: str) -> Iterator[str]:
    """Yield the paths of the files below a directory."""
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if each not in _NEVER_READ]
        yield from (path for file in files if os.path.isfile(path := os.path.join(place, file)))

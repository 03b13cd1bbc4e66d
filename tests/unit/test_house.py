# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no file of the project does: run a shell, unpack blindly, print, lack its licence, or make itself a package."""

from __future__ import annotations

import ast
import functools
import re
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
HEADER = """\
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
SHIPPED = sorted((ROOT / "plugins").rglob("*.py"))
WRITTEN = sorted([*SHIPPED, *(ROOT / "tests").rglob("*.py"), *(ROOT / "recovery-kit").rglob("*.py")])
# What stands outside of what the collection prints as its results: the command line's own words.
SPEAKING = {"cli.py"}


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            yield (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")), node


@pytest.mark.parametrize("path", WRITTEN, ids=_place)
def test_a_file_names_its_licence(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first, rest = text.split("\n", maxsplit=1) if text.startswith("#!") else ("", text)
    assert rest.startswith(HEADER), f"{_place(path)} lacks the header{' below ' + first if first else ''}"


@pytest.mark.parametrize("path", SHIPPED, ids=_place)
def test_no_shell_and_no_blind_unpacking(path: Path) -> None:
    forbidden = {"extractall", "system", "popen", "unpack_archive", "getstatusoutput", "getoutput", "eval", "exec"}
    for name, call in _calls(path):
        assert name not in forbidden, f"{_place(path)}:{call.lineno} calls {name}"
        shells = [word for word in call.keywords if word.arg == "shell"]
        assert not shells, f"{_place(path)}:{call.lineno} speaks of a shell"


@pytest.mark.parametrize("path", SHIPPED, ids=_place)
def test_nothing_prints(path: Path) -> None:
    printed = [call.lineno for name, call in _calls(path) if name == "print" and isinstance(call.func, ast.Name)]
    assert not printed or path.name in SPEAKING, f"{_place(path)} prints in line {printed}"


@pytest.mark.parametrize("path", SHIPPED, ids=_place)
def test_the_engine_stops_by_raising(path: Path) -> None:
    asserted = [node.lineno for node in ast.walk(_tree(path)) if isinstance(node, ast.Assert)]
    assert not asserted, f"{_place(path)} asserts in line {asserted}; python -O would leave that out"


def test_nothing_that_is_shipped_names_a_file_in_a_directory_of_everybody() -> None:
    """Somebody else may have made it before."""
    # Where servers put their sockets, and nothing is written; what has that name within the walls, where nobody else
    # is; a pattern that finds such places; and where Ansible itself keeps the tasks of others, which are removed.
    meant = {
        "plugins/module_utils/_engine/drivers/components/postgres/login.py",
        "plugins/module_utils/_engine/drivers/components/postgres/sandbox.py",
        "roles/recover/vars/main.yml",
        "roles/schedule/vars/main.yml",
    }
    shipped = [path for part in ("roles", "playbooks", "plugins", "recovery-kit") for path in (ROOT / part).rglob("*")]
    for path in [*shipped, ROOT / "quickstart.sh"]:
        if path.is_file() and path.suffix not in {".pyc", ".md"} and _place(path) not in meant:
            assert not re.search(r"(?<![\w}])/(var/)?tmp\b", path.read_text(encoding="utf-8")), _place(path)


def test_one_file_says_what_latest_means() -> None:
    """Whoever asks whether a backup is whole, or an emergency's, asks `choosing`: then all mean the same backup."""
    for path in SHIPPED:
        words = {
            word.value
            for node in ast.walk(_tree(path))
            if isinstance(node, ast.Compare)
            for word in ast.walk(node)
            if isinstance(word, ast.Constant)
        }
        assert not words & {"full", "partial", "emergency"} or path.name == "choosing.py", _place(path)


def test_one_file_says_what_restore_tested_means() -> None:
    """Marks and runs are read by `protection` alone."""
    readers, tested = set(), set()
    for path in SHIPPED:
        for name, call in _calls(path):
            first = call.args[0] if call.args else None
            if name == "restore_test":
                readers.add(path.name)
            if (
                name == "get"
                and ast.unparse(call.func).endswith("facts.get")
                and ast.unparse(first or call) == "'proof'"
            ):
                tested.add(path.name)
    assert readers == {"protection.py"}
    assert tested == {"protection.py"}


def test_there_are_no_package_files() -> None:
    """ansible-core ships module_utils without them, and a stray one would shadow the namespace."""
    assert not [_place(path) for path in ROOT.glob("plugins/**/__init__.py")]

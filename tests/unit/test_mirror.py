# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests mirror the tree: whoever knows where something lies knows where its tests lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins" / "module_utils" / "_engine"
PARTS = (ROOT / "tests" / "unit", ROOT / "tests" / "integration")
TESTS = sorted(path for part in PARTS for path in part.rglob("test_*.py"))

WHOLES = {"corpus", "examples", "faults", "installation", "results"}
"""What is tried as a whole, and belongs to no folder."""


def _folder(path: Path) -> str:
    """Return the folder in which a test lies, as the engine or the project would name it."""
    return path.parent.relative_to(next(part for part in PARTS if part in path.parents)).as_posix()


def _modules() -> dict[str, set[str]]:
    """Return the folders in which there is a module of each name, without the underscore of what is private."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "plugins").rglob("*.py"):
        if path.parent.name != "doc_fragments":
            folder = path.parent.relative_to(ENGINE if ENGINE in path.parents else ROOT)
            found.setdefault(path.stem.removeprefix("_"), set()).add(folder.as_posix())
    return found


def test_a_test_lies_in_the_folder_of_what_it_tests() -> None:
    folders = {_folder(path) for path in TESTS}
    unknown = {each for each in folders if not (ENGINE / each).is_dir() and not (ROOT / each).is_dir()}
    assert unknown <= WHOLES, f"no folders of the engine and none of the project: {sorted(unknown - WHOLES)}"


def test_a_test_with_the_name_of_a_module_lies_in_that_modules_folder() -> None:
    modules = _modules()
    for path in TESTS:
        folders = modules.get(path.stem.removeprefix("test_"), {_folder(path)})
        assert _folder(path) in folders, f"{path.relative_to(ROOT)}: a module of that name lies in {sorted(folders)}"

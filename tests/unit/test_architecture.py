# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk through the house is about this house: each path, folder and class that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins/module_utils/_engine"
TEXT = (ROOT / "docs/design/architecture.md").read_text(encoding="utf-8")
FLOORS = ("ground", "drivers", "records", "operations")
NAMED = sorted(set(re.findall(r"`([\w./-]+)`", TEXT)))
PATHS = [name for name in NAMED if "/" in name or name.endswith(".py")]
CLASSES = [name for name in NAMED if re.fullmatch(r"([A-Z][a-z]+)+", name)]
CODE = sorted(ENGINE.rglob("*.py"))


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_the_page_is_there(path: str) -> None:
    # What does not begin at the top of the project is of the engine.
    assert any((base / path).exists() and (base / path).is_dir() == path.endswith("/") for base in (ROOT, ENGINE)), path


def test_every_folder_of_the_engine_is_on_the_page() -> None:
    assert {path.name for path in ENGINE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(FLOORS)
    [drawing] = re.findall(r"^```\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    for floor in FLOORS[1:]:
        for folder in (ENGINE / floor).iterdir():
            if folder.is_dir() and folder.name != "__pycache__":
                assert re.search(rf"\b{folder.name}\b", drawing), f"{floor}/{folder.name}"


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_of_the_page_is_there(name: str) -> None:
    assert any(re.search(rf"^class {name}\b", path.read_text(encoding="utf-8"), re.MULTILINE) for path in CODE), name


def test_only_programs_ask_for_the_time_of_day_and_the_environment() -> None:
    asking = {"datetime.datetime.now", "datetime.now", "datetime.date.today", "time.time", "os.environ", "os.getenv"}
    for path in CODE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        # A child that sends messages is given its environment.
        given = {id(node.value) for node in attributes if node.attr in {"clear", "update"}}
        asked = {ast.unparse(node) for node in attributes if id(node) not in given} & asking
        program = any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
        assert not asked or program, f"{path.relative_to(ENGINE)} asks for {asked}"

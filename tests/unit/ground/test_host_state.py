# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host remembers is named on one page, and no other file, role or document has a name of its own for it."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import host_state
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.host_state import CONFIG, StateFile

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
PAGE = PLUGINS / "module_utils/_engine/ground/host_state.py"
CODE = sorted(
    path
    for folder in ("action", "filter", "module_utils", "plugin_utils")
    for path in (PLUGINS / folder).rglob("*.py")
    if path != PAGE
)
KEPT = tuple(each for each in vars(host_state).values() if isinstance(each, StateFile))
STATE = tuple(kept for kept in KEPT if kept not in CONFIG)
FOLDERS = {kept.name.split("/")[0] for kept in KEPT if "/" in kept.name}
WHOLE = {kept.name for kept in KEPT if "{" not in kept.name} | {kept.format for kept in KEPT if kept.format}


def _pattern(kept: StateFile) -> str:
    return re.sub(r"\\\{\w+\\\}", r"(\\S+)", re.escape(kept.name))


def _names(text: str, kept: tuple[StateFile, ...]) -> bool:
    return any(re.fullmatch(_pattern(each), text) for each in kept) or text in {
        each.name.split("/")[0] for each in kept
    }


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a program, without what only says something about it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, node.value


def _joined(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts that become parts of paths."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            yield from ((part.lineno, str(part.value)) for part in node.args if isinstance(part, ast.Constant))


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(PLUGINS).as_posix())
def test_no_other_file_names_what_a_host_keeps(path: Path) -> None:
    for line, text in _texts(path):
        own = text.endswith((".jsonl", ".serial", ".loan")) or text in WHOLE
        assert not own, f"{path.name}:{line} has the name {text!r}"
    for line, text in _joined(path):
        assert text not in FOLDERS, f"{path.name}:{line} has the folder {text!r}"


def test_every_name_is_of_one_thing() -> None:
    assert len({kept.name for kept in KEPT}) == len({kept.holds for kept in KEPT}) == len(KEPT)


def test_without_a_directory_nothing_is_kept(tmp_path: Path) -> None:
    lock = host_state.LOCK
    assert lock.below(None, name="a") is lock.below("", name="a") is lock.below(str(tmp_path / "no"), name="a") is None
    assert lock.below(str(tmp_path), name="a") == f"{tmp_path}/locks/a.lock"
    assert (lock.folder("/state"), lock.leaf(name="a")) == ("/state/locks", "a.lock")


def test_the_documentation_lists_what_a_host_keeps() -> None:
    text = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    section = text.split("## What a host records")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(re.sub(r"\{(\w+)\}", r"<\1>", kept.name), kept.holds) for kept in STATE]


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_the_documentation_speaks_of_no_other_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"[/`]([\w@*-]+\.(?:jsonl|serial))`", text):
        assert _names(name, STATE), name
    for name in re.findall(r"/var/lib/lifeboat/([\w@*/.-]+)`", text):
        assert _names(name, STATE), name


@pytest.mark.parametrize("parameter", ["state", "config"])
def test_the_roles_know_no_other_names(parameter: str) -> None:
    named = {"state": STATE, "config": CONFIG}[parameter]
    sources = [path for part in ("roles", "playbooks") for path in (ROOT / part).rglob("*.*") if path.suffix != ".md"]
    found: set[str] = set()
    for path in sources:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(rf"\b(?:\w+_)?{parameter}_dir(?: \}}\}}| ~ ['\"])/([\w.@/-]+)", text))
    own = {
        name
        for name in found
        if parameter == "state" or name.endswith(("host.json", "schedule.json")) or name == "loans"
    }
    assert own
    assert not {name for name in own if not _names(name, named)}


def test_the_role_of_the_host_writes_the_format_that_is_read() -> None:
    written = yaml.safe_load((ROOT / "roles/host/vars/main.yml").read_text(encoding="utf-8"))
    formats = [value["format"] for value in written.values() if isinstance(value, dict) and "format" in value]
    assert formats == [host_state.SETTINGS.format]


def test_the_role_of_the_metrics_writes_where_they_are_kept() -> None:
    written = yaml.safe_load((ROOT / "roles/monitoring/vars/main.yml").read_text(encoding="utf-8"))
    folder = written["monitoring_output_dir"].replace("{{ settings_state_dir }}", "")
    for variable, kept in (("monitoring_metrics_file", host_state.METRICS), ("monitoring_page_file", host_state.PAGE)):
        path = written[variable].replace("{{ monitoring_output_dir }}", folder)
        assert path == "/" + kept.name.replace("{application}", "{{ settings_application }}")

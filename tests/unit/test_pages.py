# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages lead somewhere: links exist, variables are known, and the README names all that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("roles/*/README.md"), *ROOT.glob("inventories/**/*.md")]
)

MISSPELT = {"lifeboat_compresion"}
"""The example of a name that is refused. The names of metrics, in monitoring.md, look like variables too."""


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _text(path: Path) -> str:
    """Return a page without what stands in fenced blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", _text(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=_place)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _hash, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{_place(page)} links to {target}"
        assert not anchor or anchor in _anchors(path), f"{_place(page)} links to {target}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "monitoring.md"], ids=_place)
def test_every_variable_of_a_page_is_known(page: Path) -> None:
    known = set(yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["preflight_known"])
    named = set(re.findall(r"`(lifeboat_[a-z_]*[a-z])`", page.read_text(encoding="utf-8")))
    assert named - known - MISSPELT == set()


def test_the_readme_names_all_that_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {
        row[0]: set(re.findall(r"`([a-z0-9_]+)`", row[1]))
        for row in re.findall(r"^\| ([a-z ]+) \| (.+) \|$", text, re.MULTILINE)
    }
    assert rows["playbooks"] == {path.stem for path in ROOT.glob("playbooks/*.yml")}
    assert rows["roles"] == {path.name for path in ROOT.glob("roles/*")}
    modules = {path.stem for path in ROOT.glob("plugins/modules/*.py")}
    assert rows["modules that act"] | rows["modules that only read"] == modules
    for page in ROOT.glob("docs/*.md"):
        assert f"(docs/{page.name})" in text, page.name

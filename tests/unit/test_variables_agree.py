# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables that people set are known to the preflight, documented, and read by something."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\blifeboat_[a-z_]+\b")
NO_VARIABLE = {"lifeboat_isolate"}
"""What only looks like one: a table of nftables."""


def _read() -> set[str]:
    sources = [
        *ROOT.glob("roles/*/defaults/*.yml"),
        *ROOT.glob("roles/*/tasks/*.yml"),
        *ROOT.glob("playbooks/**/*.yml"),
    ]
    sources += [
        *ROOT.glob("roles/*/vars/*.yml"),
        *ROOT.glob("plugins/action/*.py"),
        *ROOT.glob("plugins/plugin_utils/*.py"),
    ]
    sources = [source for source in sources if source.parent.parent.name != "preflight"]
    return {name for source in sources for name in NAME.findall(source.read_text(encoding="utf-8"))} - NO_VARIABLE


def _known() -> set[str]:
    text = (ROOT / "roles/preflight/vars/main.yml").read_text(encoding="utf-8")
    return set(yaml.safe_load(text)["preflight_known"])


def test_the_preflight_knows_exactly_what_is_read() -> None:
    assert _known() == _read()


def test_every_variable_is_documented() -> None:
    documented = set(NAME.findall((ROOT / "docs/variables.md").read_text(encoding="utf-8")))
    assert documented == _known()


def test_the_inventories_set_only_known_variables() -> None:
    for source in (ROOT / "inventories").rglob("*.yml"):
        unknown = set(NAME.findall(source.read_text(encoding="utf-8"))) - _known()
        assert not unknown, f"{source.name} sets {unknown}"

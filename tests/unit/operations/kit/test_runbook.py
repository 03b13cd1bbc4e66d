# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runbook of an inventory: its own plans, hosts and people in the general page, and no markup of anybody's."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.kit import runbook

GENERAL = (Path(__file__).resolve().parents[4] / "docs" / "runbook.md").read_text()
PLANS = (
    {"name": "data_loss", "description": "The host is lost.", "replaces": True, "problem": ""},
    {"name": "ours", "description": "Only | ours.", "needs": ["lifeboat_infected_since", "1 < 2"], "problem": ""},
    {"name": "broken", "description": "", "replaces": False, "problem": "There is no role nowhere."},
)
HOSTS = (
    {"name": "db9", "address": "192.0.2.9", "groups": ["databases"]},
    {"name": "web9", "address": "", "groups": []},
)
POINT = {"component": "db9/shop", "backup_id": "backup-1", "finished": "2026-11-30T18:50:55.778591+00:00"}


def made(**changes: object) -> str:
    facts = {"application": "shop", "command": "ansible-playbook -i ours.yml", "hosts": HOSTS, "plans": PLANS}
    facts |= {"spares": {"spare9": {"ansible_host": "192.0.2.19"}}, "store": "s3://bucket"}
    return runbook.text(GENERAL, runbook.Facts(**{**facts, **changes}))


def test_each_plan_has_its_command_for_this_inventory() -> None:
    text = made()
    assert (
        "| `ansible-playbook -i ours.yml lifeboat.recovery.recover -e lifeboat_plan=data_loss "
        """-e '{"lifeboat_replace": {"db9": "spare9"}}'` |"""
    ) in text
    assert "recover -e lifeboat_plan=ours -e lifeboat_infected_since=...` |" in text
    assert "cannot run: There is no role nowhere." in text
    assert "docs/drill.md): `ansible-playbook -i ours.yml lifeboat.recovery.drill -e lifeboat_plan=PLAN`" in text
    assert "INVENTORY" not in text
    assert "| db9 | 192.0.2.9 | databases |" in text
    assert "| spare9 | 192.0.2.19 | spare |" in text


def test_what_is_true_for_all_is_kept() -> None:
    text = made()
    for title in ("## The first five minutes", "## What the messages mean", "## Afterwards"):
        assert title in text
    assert "docs/troubleshooting.md" in text
    assert "](" not in text


def test_recovery_points_are_there_if_the_store_was_read() -> None:
    assert "Not read from the store" in made()
    assert "| db9/shop | backup-1 | 2026-11-30 18:50 UTC | no |" in made(points=[POINT])
    assert "18:50 UTC | yes |" in made(points=[{**POINT, "restore_tested": True}])
    assert "no backup that could be restored" in made(points=[])


def test_people_are_called_by_level() -> None:
    alice, bob = {"role": "dba", "name": "Alice", "level": 2}, {"role": "head", "name": "Bob", "phone": "+49"}
    text = made(contacts=[alice, bob])
    assert text.index("Bob") < text.index("Alice")
    assert "| `+49` |" in made(contacts=[bob])  # as it is dialled, in a pager too
    assert "set `lifeboat_contacts`" in made()
    assert "set `lifeboat_spares`" in made(spares={})


def test_nothing_of_anybodys_becomes_markup_or_another_line() -> None:
    hostile = "x` | <script> \n## Title [l](http://a)"
    host = {"name": hostile, "address": hostile, "groups": ["databases", hostile]}
    point = dict.fromkeys(POINT, hostile)
    plan = {"name": hostile, "description": hostile, "replaces": True, "problem": ""}
    text = made(
        application=hostile, command=hostile, hosts=[host], plans=[plan], contacts=[{"name": hostile}], points=[point]
    )
    assert "\n## Title" not in text
    assert "<script>" not in re.sub(r"`[^`]*`", "", text.replace("\\`", ""))
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.count(" | ") <= 7

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebook lets a webhook ask for a backup, and for nothing else. tests/campaigns/eda.py runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
RULEBOOKS = sorted((ROOT / "extensions/eda/rulebooks").iterdir())


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.name)
def test_a_webhook_needs_a_token_and_only_this_machine_reaches_it(path: Path) -> None:
    (rules,) = yaml.safe_load(path.read_text(encoding="utf-8"))
    (source,) = rules["sources"]
    webhook = source["eda.builtin.webhook"]
    assert webhook["host"] == "127.0.0.1"
    assert webhook["token"] == "{{ lifeboat_webhook_token }}"


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.name)
def test_it_backs_up_now_and_then_and_what_was_sent_says_nothing(path: Path) -> None:
    (rules,) = yaml.safe_load(path.read_text(encoding="utf-8"))
    (rule,) = rules["rules"]
    assert rule["throttle"] == {"once_within": "5 minutes", "group_by_attributes": ["event.meta.endpoint"]}
    assert rule["action"] == {
        "run_playbook": {"name": "lifeboat.recovery.backup", "extra_vars": {"lifeboat_max_age": "5m"}}
    }
    assert "payload" not in json.dumps(rules)
    assert (ROOT / "playbooks/backup.yml").is_file()

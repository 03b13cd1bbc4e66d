# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks write kit, card and runbook of an inventory, once, and the runbook without the store too."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t

import pytest
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from pathlib import Path

KEY = "7f3a" * 2 + "0123456789abcdef" * 2 + "c41e9b02d85f6a37e6d0b1f4"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    key = tmp_path / "recovery.key"
    key.touch(0o600)
    key.write_text(KEY)
    variables = {
        "lifeboat_application": "shop",
        "lifeboat_store": {"url": f"file://{tmp_path}/store"},
        "lifeboat_recovery_key_file": str(key),
        "lifeboat_recovery_state_dir": str(tmp_path / "state"),
        "lifeboat_kit_wheels": False,
        "lifeboat_contacts": [{"role": "dba", "name": "Alice", "phone": "+49 30 1"}],
    }
    inventory = {"databases": {"hosts": {"db7": {"ansible_host": "192.0.2.7"}}, "vars": variables}}
    (tmp_path / "hosts.yml").write_text(json.dumps(inventory))
    return tmp_path


def play(home: Path, name: str, *arguments: str) -> str:
    environ = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "PWD": str(home)}
    argv: list[str] = ["ansible-playbook", f"lifeboat.recovery.{name}", "-i", str(home / "hosts.yml"), *arguments]
    done = subprocess.run(argv, cwd=home, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kit_and_card_are_written_once(home: Path) -> None:
    folder, made = home / "store" / "shop" / "recovery-kit", home / "lifeboat-recovery-kit"
    assert "changed=2" in play(home, "recovery_kit", "--check")
    assert not folder.exists()
    assert "Kit 1 of shop is written" in play(home, "recovery_kit")
    card = (made / "shop-card.txt").read_text()
    digest = subprocess.run(["sha256sum", folder / "start.py"], capture_output=True, text=True, check=True).stdout[:64]
    assert digest[:32] in card
    assert digest[32:] in card
    assert KEY not in card
    assert [path.name.partition("@")[0] for path in (home / "state").glob("kit-*")] == ["kit-shop"]
    assert "changed=0" in play(home, "recovery_kit")


def test_the_runbook_names_hosts_and_people_with_and_without_the_store(home: Path) -> None:
    path = home / "lifeboat-recovery-kit" / "shop-runbook.md"
    play(home, "runbook")
    text = path.read_text()
    assert "| db7 | 192.0.2.7 | databases |" in text
    assert "`+49 30 1`" in text
    assert "The store has no backup" in text
    assert f"ansible-playbook -i {home}/hosts.yml lifeboat.recovery.recover -e lifeboat_plan=default`" in text
    (home / "store").rename(home / "gone")
    assert "The store was not read" in play(home, "runbook")
    assert "Not read from the store" in path.read_text()

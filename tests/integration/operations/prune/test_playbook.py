# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook as people run it: it shows, then deletes what it showed, and guesses no policy."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from environment import unconfigured
from playing import COLLECTIONS
from retention_fixtures import SampleStore


@pytest.fixture
def sample_store(tmp_path):
    made = SampleStore(tmp_path)
    keys = tmp_path / "etc" / "keys"
    keys.mkdir(parents=True)
    (keys / "recovery.key").write_text(made.key.hex)
    (keys / "recovery.key").chmod(0o600)
    return made


def play(sample_store: SampleStore, *arguments: str, **variables: t.Any) -> subprocess.CompletedProcess[str]:
    given = {
        "lifeboat_application": "shop",
        "lifeboat_cluster": "main",
        "lifeboat_store": {"url": f"file://{sample_store.root}"},
        "lifeboat_config_dir": str(sample_store.home / "etc"),
        "lifeboat_state_dir": str(sample_store.state),
        "lifeboat_key_mode": "single-key",
        "lifeboat_user": "root",
        "lifeboat_python": sys.executable,
        "lifeboat_requested_by": "alice",
        **variables,
    }
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = sample_store.home / "hosts.json"
    inventory.write_text(json.dumps({"databases": {"hosts": {"db1": host}, "vars": given}}))
    environ = unconfigured()
    environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    environ["ANSIBLE_HOME"] = str(sample_store.home / "ansible")
    program = Path(sys.executable).with_name("ansible-playbook")
    return subprocess.run(
        [program, "-i", str(inventory), "lifeboat.recovery.retention", *arguments],
        env=environ,
        cwd=sample_store.home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_shows_then_deletes_what_it_showed_then_has_nothing_to_do(sample_store):
    stays = [sample_store.make(days) for days in (0, 1, 2, 3)]
    gone = sample_store.make(40)
    policy = {"keep_within": "30d"}
    shown = play(sample_store, lifeboat_retention=policy)
    assert shown.returncode == 0, shown.stdout
    assert f"delete    {gone}" in shown.stdout
    assert "Nothing was deleted" in shown.stdout
    assert gone in sample_store.listed()
    done = play(sample_store, "-e", "lifeboat_retention_apply=true", lifeboat_retention=policy)
    assert done.returncode == 0, done.stdout
    assert f"delete    {gone}" in done.stdout
    assert sorted(sample_store.listed()) == sorted(stays)
    entry = list(audit.AuditLog(str(sample_store.state)).entries())[-1]
    assert (entry.operation, entry.result, entry.user, entry.facts["deleted"]) == ("retention", "ok", "alice", 1)


def test_without_a_policy_it_asks_for_one(sample_store):
    sample_store.make(40)
    done = play(sample_store, "-e", "lifeboat_retention_apply=true")
    assert done.returncode != 0
    assert "lifeboat_retention is not set" in done.stdout
    assert len(sample_store.listed()) == 1


def test_the_log_is_shown_and_an_age_that_is_none_is_refused(sample_store):
    sample_store.make(1)
    name = "0000000100000000000000A0"
    sample_store.store.put(f"shop/wal/7312345678901234567/00000001/00000000/{name}.lbx", [b"x"])
    policy = {"keep_within": "30d"}
    shown = play(sample_store, lifeboat_retention=policy, lifeboat_retention_cluster="all", lifeboat_keep_wal="3d")
    assert shown.returncode == 0, shown.stdout
    why = "its server has no base backup, and archived within 3d"
    assert f"keep      WAL of 7312345678901234567  {name}  (1 file, 1 B): {why}" in shown.stdout
    refused = play(sample_store, lifeboat_retention=policy, lifeboat_keep_wal="3")
    assert refused.returncode != 0
    assert "keep_wal: '3' is not an age" in refused.stdout

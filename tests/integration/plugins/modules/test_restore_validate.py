# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module restore_validate takes all files of a server too, and its mark counts in the list."""

from __future__ import annotations

import typing as t

import modules
from faults import fault_fixtures
from restoring import place

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory

__all__ = ["place"]


def test_a_backup_with_its_own_log_is_marked(cluster: ClusterFactory, place: Path, tmp_path: Path) -> None:
    made = fault_fixtures.make(cluster(), "postgres", tmp_path)
    options = {key: value for key, value in made.module_arguments().items() if key not in {"login_db", "proof"}}
    backup = modules.run("pg_basebackup", {**options, "wal": "included"})
    common = {key: options[key] for key in ("application", "store", "keys", "state_dir", "cluster") if key in options}
    asked = {**common, "database": "@physical", "scratch_dir": str(place)}
    planned = modules.run("restore_validate", {**asked, "_ansible_check_mode": True})
    assert "in a scratch cluster" in planned["summary"], planned
    wrong = modules.run("restore_validate", {**asked, "replay": "some"})
    assert wrong["msg"] == "The value 'some' of replay is no number of segments. Use one, or all."
    done = modules.run("restore_validate", {**asked, "canaries": True, "replay": "all"})
    assert not done.get("failed"), done
    told = done["validation"]
    assert (told["backup_id"], told["proof"]) == (backup["backup"]["backup_id"], "files")
    assert told["recovered"]["segments"] == 1
    assert {skipped["name"] for skipped in told["canaries"]["skipped"]} >= {"missing_segment", "swapped_segments"}
    (listed,) = modules.run("backup_info", {**common, "database": "@physical"})["backups"]
    assert listed["restore_tested"]

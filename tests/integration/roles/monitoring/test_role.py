# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role in check mode, for real, and once more."""

from __future__ import annotations

import re
import typing as t

from running import play

if t.TYPE_CHECKING:
    from pathlib import Path

    from sample_host import SampleHost

PARTS = ("setup", "main", "server")


def test_check_mode_changes_nothing_and_a_second_run_neither(sample: SampleHost, tmp_path: Path) -> None:
    sample.validated(sample.back_up())
    keys = sample.home / "config" / "keys"
    keys.mkdir()
    sample.key.rename(keys / "recovery.key")
    page, dashboard = tmp_path / "backups.html", tmp_path / "dashboard.json"
    variables = {
        "lifeboat_store": {"url": f"file://{sample.home}/store"},
        "lifeboat_state_dir": str(sample.home / "state"),
        "lifeboat_config_dir": str(sample.home / "config"),
        "lifeboat_key_mode": "single-key",
        "lifeboat_textfile_dir": str(tmp_path / "textfiles"),
        "lifeboat_status_page": str(page),
        "lifeboat_prometheus_rules_dir": str(tmp_path / "rules"),
        "lifeboat_dashboard": str(dashboard),
        "lifeboat_retention": {"keep_within": "30d"},
    }
    before = {path for path in tmp_path.rglob("*") if ".ansible" not in path.parts}
    planned = play(tmp_path, *PARTS, check=True, **variables)
    after = {path for path in tmp_path.rglob("*") if ".ansible" not in path.parts}
    assert {path.name for path in after - before} <= {"play.yml"}
    assert "+# HELP lifeboat_databases" in planned
    assert "+      - alert: LifeboatNoRestoreTestedBackup" in planned

    said = play(tmp_path, *PARTS, **variables)
    assert changes(said) == changes(planned) == 9
    found = tmp_path / "textfiles" / "lifeboat-shop.prom"
    assert "lifeboat_backup_next_expiry_timestamp_seconds{" in found.read_text()
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "rules" / "lifeboat-shop.yml").is_file()
    assert dashboard.is_file()

    written = found.stat().st_mtime_ns
    page.resolve().chmod(0o600)
    assert changes(play(tmp_path, *PARTS, **variables)) == 0
    assert found.stat().st_mtime_ns > written
    assert page.stat().st_mtime_ns > written
    assert page.stat().st_mode & 0o777 == 0o644


def changes(said: str) -> int:
    found = re.search(r"changed=(\d+)", said)
    assert found, said
    return int(found[1])

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A physical backup by its module: what is asked for is made, and the audit log says of which server."""

from __future__ import annotations

import json
import typing as t

import modules
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory


def test_the_audit_log_names_the_whole_server(cluster: ClusterFactory, tmp_path: Path) -> None:
    place = fault_fixtures.make(cluster(), "postgres", tmp_path)
    options = {key: value for key, value in place.module_arguments().items() if key not in {"login_db", "proof"}}
    made = modules.run("pg_basebackup", {**options, "wal": "included", "compression": "gzip:1"})
    assert made["changed"], made
    refused = modules.run("pg_basebackup", options)
    assert refused["failed"]
    assert "archive_mode is off" in refused["msg"]
    assert place.listed() == [made["backup"]["backup_id"]]
    lines = [json.loads(line) for line in (tmp_path / "state" / "audit.jsonl").read_text().splitlines()]
    assert [(line["operation"], line["component"], line["result"]) for line in lines] == [
        ("backup", "main/@physical", "ok"),
        ("backup", "main/@physical", "failed"),
    ]


def test_every_byte_of_one_opens(cluster: ClusterFactory, tmp_path: Path) -> None:
    place = fault_fixtures.make(cluster(), "postgres", tmp_path)
    options = {key: value for key, value in place.module_arguments().items() if key not in {"login_db", "proof"}}
    made = modules.run("pg_basebackup", {**options, "wal": "included", "cluster": "other"})
    common = {key: options[key] for key in ("application", "store", "keys", "state_dir")}
    verified = modules.run("backup_verify", {**common, "cluster": "other", "database": "@physical", "level": "opens"})
    assert not verified.get("failed"), verified
    (listed,) = modules.run("backup_info", {**common, "database": "@physical", "cluster": "other"})["backups"]
    assert (listed["backup_id"], listed["kind"]) == (made["backup"]["backup_id"], "physical")

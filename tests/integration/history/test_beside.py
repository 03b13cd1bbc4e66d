# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore does beside what it was asked for is in the history, with who asked, why, and the ticket."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.audit import log as audit
from faults import ground

if t.TYPE_CHECKING:
    from pathlib import Path

    from fixtures_postgres import ClusterFactory, DatabaseFactory

PROGRAM = """
import sys, json, importlib
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    importlib.import_module("ansible_collections.lifeboat.recovery.plugins.modules." + sys.argv[1]).main()
"""


def module(place: ground.Ground, name: str, **options: t.Any) -> dict[str, t.Any]:
    """Run a module as Ansible does, and give its result."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        env={**place.environ, "PYTHONPATH": ":".join(sys.path)},
        input=json.dumps(options),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def test_an_emergency_backup_is_recorded_and_named(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    place = ground.make(cluster(), database(sql="CREATE TABLE public.notes AS SELECT 1 AS id"), tmp_path)
    table_of_history = database()
    common = place.module_arguments()
    del common["login_db"], common["proof"]
    login = {name: value for name, value in common.items() if name.startswith("login_")}
    first = module(place, "pg_backup", **common, login_db=place.database)["backup"]["backup_id"]
    options = {
        **common,
        "database": place.database,
        "backup": first,
        "strategy": "in_place",
        "confirm": f"{place.database}@{platform.node()}",
        "requested_by": "alice",
        "reason": "a deployment emptied the notes",
        "ticket": "INC-4711",
    }
    restored = module(place, "pg_restore", **options)
    assert not restored.get("failed"), restored
    made = restored["restore"]["emergency_backup_id"]
    assert made in restored["summary"]

    entries = list(audit.AuditLog(str(place.home / "state")).entries())
    assert [entry.operation for entry in entries] == ["backup", "backup", "restore"]
    assert {entry.result for entry in entries} == {"ok"}
    emergency, restore = entries[1:]
    assert (emergency.backup_id, emergency.reason, emergency.component) == (made, "emergency", place.component)
    assert emergency.seconds > 0
    assert emergency.facts["size"]
    assert restore.reason == "a deployment emptied the notes"
    assert restore.facts["emergency_backup_id"] == made
    assert {entry.user for entry in entries[1:]} == {"alice"}
    assert {entry.facts["ticket"] for entry in entries[1:]} == {"INC-4711"}

    written = module(place, "backup_log", **login, login_db=table_of_history, state_dir=common["state_dir"])
    assert written["rows"] == 3, written
    found = place.server.execute(
        "SELECT backup_id, status, reason, metadata ->> 'ticket' FROM public.backup_logs ORDER BY sequence",
        table_of_history,
    )
    assert found[1:] == [
        (made, "completed", "emergency", "INC-4711"),
        (first, "ok", "a deployment emptied the notes", "INC-4711"),
    ]

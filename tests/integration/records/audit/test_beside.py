# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore does beside what it was asked for is in the history, with who asked, why, and the ticket."""

from __future__ import annotations

import platform
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from faults import fault_fixtures
from modules import run

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory


def test_an_emergency_backup_is_recorded_and_named(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    place = fault_fixtures.make(cluster(), database(sql="CREATE TABLE public.notes AS SELECT 1 AS id"), tmp_path)
    table_of_history = database()
    common = place.module_arguments()
    del common["login_db"], common["proof"]
    login = {name: value for name, value in common.items() if name.startswith("login_")}
    first = run("pg_backup", {**common, "login_db": place.database}, place.environ)["backup"]["backup_id"]
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
    restored = run("pg_restore", options, place.environ)
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

    written = run(
        "backup_log", {**login, "login_db": table_of_history, "state_dir": common["state_dir"]}, place.environ
    )
    assert written["rows"] == 3, written
    found = place.server.execute(
        "SELECT backup_id, status, reason, metadata ->> 'ticket' FROM public.backup_logs ORDER BY sequence",
        table_of_history,
    )
    assert found[1:] == [
        (made, "completed", "emergency", "INC-4711"),
        (first, "ok", "a deployment emptied the notes", "INC-4711"),
    ]

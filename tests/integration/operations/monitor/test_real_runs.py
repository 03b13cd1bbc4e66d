# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules really do to a real database is what the metrics say."""

from __future__ import annotations

import json
import tempfile
import typing as t

from faults import fault_fixtures
from modules import run
from rendering import status_page
from sample_host import values_of

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory

TABLES = """
CREATE TABLE public.customers (id bigint PRIMARY KEY, name text);
INSERT INTO public.customers SELECT i, 'customer ' || i FROM generate_series(1, 4321) i;
"""


def test_a_database_that_nobody_backed_up_is_seen_everywhere(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    """The server has it, and neither the store nor the log has ever heard of it."""
    place = fault_fixtures.make(cluster(), database(sql=TABLES), tmp_path)
    forgotten = database(sql="CREATE TABLE public.notes (id int)")
    backup = place.module_arguments()
    repository = {name: backup[name] for name in ("application", "store", "keys", "state_dir", "cluster")}
    login = {name: value for name, value in backup.items() if name.startswith("login_") and name != "login_db"}
    assert not run("pg_backup", backup).get("failed")
    wanted = [place.database, forgotten]

    def measured(**options: t.Any) -> dict[str, t.Any]:
        return run("backup_metrics", {**repository, "path": str(tmp_path / "shop.prom"), **options})

    assert "was not compared with the server" in measured()["summary"]
    result = measured(**login, databases=wanted)
    assert result["summary"].startswith(f"No. There is no backup of {forgotten}")
    assert f">{forgotten}</h3>" in status_page(result)
    values = values_of((tmp_path / "shop.prom").read_text())
    assert values['lifeboat_databases_without_backup{application="shop",cluster="main"}'] == 1
    assert values['lifeboat_databases_left_out{application="shop",cluster="main"}'] >= 1

    # What one asked, the others know; and who may not ask says that.
    (place.home / "state" / "databases.jsonl").unlink()
    unasked = measured(**{**login, "login_port": 1}, databases=wanted)
    assert "could not be listed" in json.dumps(unasked["warnings"])
    assert "was not compared with the server" in unasked["summary"]
    found = run(
        "pg_databases_info",
        {**login, "application": "shop", "cluster": "main", "include": wanted} | {"state_dir": backup["state_dir"]},
    )
    assert found["names"] == sorted(wanted)
    listed = run("backup_info", repository)
    assert listed["missing"] == [{"cluster": "main", "database": forgotten}]
    assert any(line.startswith(f"NO BACKUP  main / {forgotten}") for line in listed["table"])
    assert measured()["summary"].startswith(f"No. There is no backup of {forgotten}")


def test_runs_become_metrics(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> None:
    place = fault_fixtures.make(cluster(), database(sql=TABLES), tmp_path)
    backup = place.module_arguments()
    repository = {name: backup[name] for name in ("application", "store", "keys", "state_dir", "cluster")}
    login = {name: value for name, value in backup.items() if name.startswith("login_") and name != "login_db"}
    path = tmp_path / "shop.prom"

    def measured() -> dict[str, float]:
        result = run("backup_metrics", {**repository, "path": str(path)})
        assert not result.get("failed"), result
        return values_of(path.read_text())

    assert run("pg_backup", {**backup, "login_db": "absent"})["failed"]
    first = run("pg_backup", backup)["backup"]
    of = f'application="shop",cluster="main",database="{place.database}"'
    values = measured()
    assert values[f"lifeboat_backup_newest_rows{{{of}}}"] == first["rows"] == 4321
    assert values[f"lifeboat_backup_newest_data_bytes{{{of}}}"] == first["plain_size"]
    assert values[f"lifeboat_backup_newest_stored_bytes{{{of}}}"] == first["size"]
    assert values[f"lifeboat_backup_newest_restore_tested_timestamp_seconds{{{of}}}"] == 0
    assert values[f"lifeboat_objects_never_reread{{{of}}}"] == values[f"lifeboat_objects{{{of}}}"] > 2
    absent = 'application="shop",cluster="main",database="absent",operation="backup"'
    assert values[f"lifeboat_run_last_success{{{absent}}}"] == 0

    assert not run("backup_verify", {**repository, "level": "opens"}).get("failed")
    values = measured()
    assert values[f"lifeboat_objects_never_reread{{{of}}}"] == 0
    newest = values[f"lifeboat_backup_newest_timestamp_seconds{{{of}}}"]
    assert values[f"lifeboat_backup_newest_reread_timestamp_seconds{{{of}}}"] == newest

    existing = {**repository, **login, "database": place.database, "target_db": place.database}
    assert not run("restore_validate", existing).get("failed")
    assert measured()[f"lifeboat_backup_newest_restore_tested_timestamp_seconds{{{of}}}"] == newest
    # A restore test reads all of the backup that it restores.
    second = run("pg_backup", backup)["backup"]["backup_id"]
    assert measured()[f"lifeboat_objects_never_reread{{{of}}}"] > 0
    with tempfile.TemporaryDirectory(prefix="lb-", dir="/tmp") as scratch:  # a socket's path has to be short
        proved = {**repository, "database": place.database, "backup": second, "scratch_dir": scratch}
        assert not run("restore_validate", proved).get("failed")
    assert measured()[f"lifeboat_objects_never_reread{{{of}}}"] == 0
    newest = measured()[f"lifeboat_backup_newest_timestamp_seconds{{{of}}}"]
    # Another host knows it by the mark in the store.
    (place.home / "state" / "audit.jsonl").unlink()
    assert measured()[f"lifeboat_backup_newest_restore_tested_timestamp_seconds{{{of}}}"] == newest

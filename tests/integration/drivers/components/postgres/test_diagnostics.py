# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a real pg_dump complains of is told with what it is about, and fails a backup only where something is lost."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import postgres_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from postgres_fixtures import ClusterFactory, DatabaseFactory

CONTROL = "comment = 'a queue whose jobs follow each other, for tests'\ndefault_version = '1.0'\nrelocatable = true\n"
SCRIPT = """\
CREATE SEQUENCE probe_line;
CREATE TABLE probe_jobs (id integer PRIMARY KEY, follows integer REFERENCES probe_jobs);
SELECT pg_catalog.pg_extension_config_dump('probe_jobs', '');
"""


def install_extension(bin_dir: str) -> None:
    share = subprocess.run([f"{bin_dir}/pg_config", "--sharedir"], capture_output=True, text=True, check=True).stdout
    for name, text in (("lifeboat_jobs--1.0.sql", SCRIPT), ("lifeboat_jobs.control", CONTROL)):
        postgres_fixtures.install_file(Path(share.strip(), "extension", name), text.encode())


def test_a_table_that_refers_to_itself_is_named_and_backed_up(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    install_extension(cluster().bin)
    source = database(
        sql="CREATE EXTENSION lifeboat_jobs SCHEMA public; INSERT INTO public.probe_jobs VALUES (2, NULL), (1, 2)"
    )
    place = fault_fixtures.make(cluster(), source, tmp_path)
    cluster().execute("SELECT nextval('public.probe_line')", source)
    outcome = backup.back_up(place.request(), place.world())
    assert any("sequences of extensions: public.probe_line of lifeboat_jobs" in one for one in outcome.warnings)
    (told,) = [warning for warning in outcome.warnings if "circular" in warning]
    assert "on this table: probe_jobs" in told
    with place.restored(outcome.facts["backup"]["backup_id"]) as copy:
        assert cluster().execute("SELECT * FROM public.probe_jobs ORDER BY 1", copy) == [(1, 2), (2, None)]


def test_damaged_values_are_told_with_their_table_and_the_servers_message(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    server = cluster()
    source = database(
        sql="CREATE TABLE public.notes (id integer, body text); CREATE TABLE public.empty ();"
        "ALTER TABLE public.notes ALTER body SET STORAGE EXTERNAL;"
        "INSERT INTO public.notes SELECT i, repeat('x', 20000) FROM generate_series(1, 3) i"
    )
    # The values' own table looks into another file.
    server.execute(
        "SET allow_system_table_mods = on;"
        "UPDATE pg_class SET relfilenode = (SELECT relfilenode FROM pg_class WHERE relname = 'empty')"
        " WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE relname = 'notes')",
        source,
    )
    place = fault_fixtures.make(server, source, tmp_path)
    with pytest.raises(DatabaseError) as caught:
        place.back_up(proof="none")
    for said in ("notes", "could not read block", "in file", "COPY public.notes"):
        assert said in caught.value.cause
    assert "disks" in caught.value.remedy
    assert "could not read block" in str(caught.value.details["stderr"])

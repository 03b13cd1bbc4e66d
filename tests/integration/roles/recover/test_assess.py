# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Damage of a real server is found, named, and in indexes repaired, whatever language the server speaks."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

ASSESS = Path(__file__).resolve().parents[4] / "roles/recover/files/assess.sql"
SOUND: dict[str, list[str]] = {"tables": [], "indexes": [], "reindexed": []}
SQL = """
CREATE SCHEMA "odd ""name";
CREATE FUNCTION public.f(n integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT n';
CREATE TABLE public.t AS SELECT generate_series(1, 2000) AS id;
CREATE INDEX own ON public.t (id);
CREATE TABLE "odd ""name"."T" AS SELECT generate_series(1, 10) AS id;
CREATE INDEX "I""x" ON "odd ""name"."T" (public.f(id));
"""
LIES = "CREATE OR REPLACE FUNCTION public.f(n integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT n + 1'"


def assess(server: Cluster, name: str, *, reindex: str = "off") -> dict[str, list[str]]:
    """Return what the script says of a database, as the role runs it."""
    arguments = (
        "--no-psqlrc",
        "--quiet",
        "--no-align",
        "--tuples-only",
        "--set=ON_ERROR_STOP=1",
        f"--set=reindex={reindex}",
    )
    said: dict[str, list[str]] = json.loads(
        server.program("psql", *arguments, database=name, stdin=ASSESS.read_bytes())
    )
    return said


def extensions(server: Cluster, name: str) -> int:
    ((count,),) = server.execute("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'", name)
    return int(count)


def test_a_sound_database_is_as_it_was_before(cluster: ClusterFactory, database: DatabaseFactory) -> None:
    name = database(sql=SQL)
    assert assess(cluster(), name) == SOUND
    assert extensions(cluster(), name) == 0
    cluster().execute("CREATE EXTENSION amcheck SCHEMA public", name)
    assert assess(cluster(), name) == SOUND
    assert extensions(cluster(), name) == 1, "somebody's own extension stays"


def test_no_function_of_the_owner_runs_in_its_place(cluster: ClusterFactory, database: DatabaseFactory) -> None:
    name = database(sql=SQL)
    cluster().execute("CREATE EXTENSION amcheck SCHEMA public", name)
    for kinds in ("regclass, boolean", "regclass, boolean, boolean"):
        mine = f"CREATE FUNCTION public.verify_heapam({kinds}, OUT msg text) LANGUAGE sql AS $$SELECT 'mine'$$"
        cluster().execute(mine, name)
    assert assess(cluster(), name) == SOUND


def test_a_damaged_index_is_named_and_built_again_only_on_request(
    cluster: ClusterFactory, database: DatabaseFactory
) -> None:
    name = database(sql=SQL)
    cluster().execute(LIES, name)
    index = '"odd ""name"."I""x"'
    assert assess(cluster(), name) == {**SOUND, "indexes": [index]}
    assert assess(cluster(), name, reindex="on") == {**SOUND, "reindexed": [index]}
    assert assess(cluster(), name) == SOUND


def test_a_damaged_table_is_named(cluster: ClusterFactory, database: DatabaseFactory) -> None:
    server, name = cluster(), database(sql=SQL)
    ((path,),) = server.execute(
        "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('public.t')", name
    )
    server.execute("CHECKPOINT", name)
    file = Path(path)
    content = bytearray(file.read_bytes())
    first = int.from_bytes(content[24:28], sys.byteorder) & 0x7FFF
    content[first : first + 4] = b"\xf0\xff\xff\x7f"  # the row was made by a transaction that nobody has begun
    file.write_bytes(bytes(content))
    copy = f"{name}_copy"
    try:
        # A copy of the files reads them from disk, not from shared buffers.
        server.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}" STRATEGY file_copy')
        assert assess(server, copy)["tables"] == ["public.t"]
    finally:
        server.drop(copy)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup tells of itself: what no dump holds, and as many tables as its validation and its restore tell of."""

from __future__ import annotations

import re
import tempfile
import typing as t
from pathlib import Path

import asked
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from postgres_fixtures import ClusterFactory, DatabaseFactory

LOSSES = Path(__file__).resolve().parents[3] / "data" / "corpus" / "losses.sql"

TABLES = """
CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
CREATE TABLE public.first PARTITION OF public.parts FOR VALUES FROM (0) TO (10);
INSERT INTO public.parts VALUES (1), (2);
CREATE TABLE public.plain AS SELECT 1 AS id;
CREATE MATERIALIZED VIEW public.seen AS SELECT id FROM public.parts;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE public.far (id int) SERVER files OPTIONS (filename '/dev/null');
"""
"""Two tables with rows of their own, and three things that are tables only to some."""


def test_tables_and_rows_are_counted_in_one_way(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=TABLES), tmp_path)
    copy = f"{place.database}_copy"
    wanted = asked.restore(
        place.settings, place.server.login, fault_fixtures.CLUSTER, place.database, "here", target_db=copy
    )
    with tempfile.TemporaryDirectory(prefix="lb-", dir="/tmp") as scratch:  # a socket's path has to be short
        proved = asked.validation(place.settings, fault_fixtures.CLUSTER, place.database, scratch_dir=scratch)
        try:
            said = [
                backup.back_up(place.request(), place.world()),
                validation.validate(proved, place.world()),
                restore.restore(wanted, place.world()),
            ]
        finally:
            cluster().drop(copy)
    found = [re.search(r"(\d+) tables (?:and|with) (\d+) rows", one.facts["summary"]) for one in said]
    assert [match.groups() if match else None for match in found] == [("2", "3")] * 3


def test_what_no_dump_holds_is_told_once_when_it_is_made(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    source = database()
    cluster().script(LOSSES, source)
    place = fault_fixtures.make(cluster(), source, tmp_path)
    warnings = backup.back_up(place.request(), place.world()).warnings
    for lost in (
        "additions to built-in operator families: function 1 (integer, pg_catalog.text) of",
        "objects in system schemas: function pg_catalog.mine(integer)",
        "invalid indexes: losses.dup_a",
    ):
        (told,) = [warning for warning in warnings if lost in warning]
        assert told.startswith("pg_dump omits")

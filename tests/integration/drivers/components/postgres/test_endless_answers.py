# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scratch cluster that answers without an end: the memory of whoever asks it is not the attacker's."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import time
import typing as t
from pathlib import Path

import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    scratch,
    server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    connect,
    rows,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from restoring import validated

MIB = 1 << 20


@contextlib.contextmanager
def grown() -> t.Iterator[list[int]]:
    """Give, once the block is over, by how many MiB this process had grown at most."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what earlier tests left free would be taken again, and not be growth
    Path("/proc/self/clear_refs").write_text("5")
    before, result = _memory("VmRSS"), []
    yield result
    result.append((_memory("VmHWM") - before) // 1024)


def _memory(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


HOG = """
SET search_path = public;
CREATE FUNCTION attack() RETURNS void LANGUAGE plpgsql AS $attack$
BEGIN
    IF current_setting('data_directory') NOT LIKE '%scratch-%' THEN RETURN; END IF;
    EXECUTE 'CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(oid) RETURNS text LANGUAGE sql STABLE '
        'AS $view$ SELECT pg_catalog.repeat(''x'', 100000000) $view$';
END $attack$;
CREATE FUNCTION evil(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $evil$
BEGIN PERFORM public.attack(); RETURN n; END $evil$;
CREATE TABLE traps (n int CHECK (evil(n) > 0));
INSERT INTO traps VALUES (1);
"""
VIEWS = "".join(f"CREATE VIEW v{number} AS SELECT {number} AS n;" for number in range(12))


def test_a_backup_that_lies_about_its_views_does_not_fill_the_memory(restorer, database, place):
    backup = restore_fakes.back_up(restorer.cluster, database(sql=HOG + VIEWS))
    with grown() as by, pytest.raises(errors.DatabaseError, match=r"takes more than \d+ MiB of memory"):
        validated(backup, scratch_dir=str(place))
    assert by[0] < 1500


def test_a_long_row_of_the_database_is_no_attack(restorer, database, place):
    """A proof of its values takes it from the server as text, and whole."""
    value = "convert_to(repeat('x', 200000000), 'UTF8')"
    long = f"CREATE TABLE public.long (b bytea); INSERT INTO public.long VALUES ({value})"
    backup = restore_fakes.back_up(restorer.cluster, database(sql=long))
    with grown() as by:
        assert validated(backup, scratch_dir=str(place)).facts["validation"]["passed"]
    assert by[0] > scratch.MEMORY // MIB, "the row took less than any validation may take"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT repeat('x', 100000000) FROM generate_series(1, 200)",
        "SELECT repeat('x', 900000000)",
        "SELECT generate_series(1, 1000000000)::text",  # row by row: in FROM, the server would first write all to disk
    ],
    ids=["large rows", "one row", "small rows"],
)
def test_an_answer_ends_where_no_catalogue_goes(place, query):
    programs, parent = server.programs(15), str(place)
    with (
        grown() as by,
        pytest.raises(errors.DatabaseError, match=r"takes more than 256 MiB of memory"),
        scratch.running(
            programs, parent=parent, chance=3, superuser="postgres", sleep=time.sleep, memory=256 * MIB
        ) as cluster,
        contextlib.closing(connect(cluster.login, "postgres")) as session,
    ):
        rows(session, query)
    assert by[0] < 1024, by

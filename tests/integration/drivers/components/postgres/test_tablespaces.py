# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables and indexes in a tablespace: where they lie is told, and decides nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

import asked
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation

PLACED = """
SET search_path = public;
CREATE TABLE fast (id int PRIMARY KEY USING INDEX TABLESPACE quick, note text) TABLESPACE quick;
INSERT INTO fast SELECT i, 'note ' || i FROM generate_series(1, 300) i;
CREATE TABLE plain (id int);
CREATE INDEX plain_id ON plain (id) TABLESPACE quick;
CREATE TABLE parted (id int) PARTITION BY RANGE (id) TABLESPACE quick;
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE MATERIALIZED VIEW shown TABLESPACE quick AS SELECT id FROM fast;
"""


@pytest.fixture
def placed(restorer: t.Any) -> t.Iterator[restore_fakes.Backup]:
    """A backup of a database of which a part, but not all, lies in the tablespace `quick`; an `idle` one is beside."""
    places = []
    for name in ("quick", "idle"):
        places.append(tempfile.mkdtemp(prefix="lifeboat-space-"))
        shutil.chown(places[-1], "postgres", "postgres")
        restorer.sql(f"CREATE TABLESPACE {name} LOCATION '{places[-1]}'")
    restorer.cluster.create("placed")
    restorer.cluster.execute(PLACED, "placed")
    restorer.sql("ALTER DATABASE placed SET default_tablespace = quick")
    yield restore_fakes.back_up(restorer.cluster, "placed")
    for name in ("placed", "away", "some", "here"):
        restorer.cluster.drop(name)
    for name in ("quick", "idle"):
        restorer.sql(f"DROP TABLESPACE IF EXISTS {name}")
    for place in places:
        shutil.rmtree(place)


def test_validation_passes_and_tells_where_things_lay(placed):
    with tempfile.TemporaryDirectory(prefix="lb-") as place:
        settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
        request = asked.validation(settings, "main", "placed", scratch_dir=place)
        world = restore_fakes.world(environ={"PATH": os.environ["PATH"]})
        result = validation.validate_chain(request, world, [t.cast("t.Any", placed)]).facts["validation"]
    assert result["passed"]
    told = [note for note in result["notes"] if "tablespace" in note]
    assert told == ["index public.fast_pkey: it was in tablespace quick and is in the default one, as are 5 more"]


def test_a_server_without_the_tablespace_gets_everything_into_the_default_one(restorer, placed):
    restorer.cluster.drop("placed")
    restorer.sql("DROP TABLESPACE quick")
    outcome = restorer.restore(placed, "placed", target_db="away")
    assert restorer.sql("SELECT count(*) FROM pg_class WHERE reltablespace <> 0 AND relnamespace = 2200", "away") == [
        (0,)
    ]
    assert restorer.sql("SELECT count(*) FROM public.fast", "away") == [(300,)]
    assert [note for note in outcome.warnings if note.startswith("Tablespace quick does not exist on this server")]
    # Chosen tables too.
    outcome = restorer.restore(placed, "placed", target_db="some", tables=("public.fast",))
    assert [note for note in outcome.warnings if note.startswith("Tablespace quick does not exist on this server")]
    assert restorer.sql("SELECT count(*) FROM public.fast", "some") == [(300,)]


def test_a_server_with_it_gets_everything_where_it_was(restorer, placed):
    """That the server lacks a tablespace which this database never used takes nothing from its place."""
    restorer.sql("DROP TABLESPACE idle")
    outcome = restorer.restore(placed, "placed", target_db="here")
    placed_ones = "SELECT count(*) FROM pg_class WHERE reltablespace <> 0 AND relnamespace = 2200"
    assert restorer.sql(placed_ones, "here") == restorer.sql(placed_ones, "placed")
    assert not [note for note in outcome.warnings if "ablespace" in note]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chosen tables of a full backup, with all that belongs to them."""

from __future__ import annotations

import contextlib
import functools

import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import Comparison
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    load,
    tables_plan,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors

SOURCE = """
SET search_path = public;
CREATE SCHEMA "odd, schema";
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE customers (id int PRIMARY KEY, mood mood DEFAULT 'good');
INSERT INTO customers SELECT i FROM generate_series(1, 300) i;
CREATE TABLE "odd, schema"."my table.x" (
    id serial PRIMARY KEY, twin int GENERATED ALWAYS AS IDENTITY,
    customer int REFERENCES customers, v int UNIQUE, m mood
);
INSERT INTO "odd, schema"."my table.x" (customer, v) SELECT i, i FROM generate_series(1, 250) i;
CREATE INDEX odd_index ON "odd, schema"."my table.x" (customer, v);
COMMENT ON TABLE "odd, schema"."my table.x" IS 'mine';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON "odd, schema"."my table.x" FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW seen AS SELECT id FROM "odd, schema"."my table.x";
CREATE TABLE parted (k int, v text, PRIMARY KEY (k)) PARTITION BY RANGE (k);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (100) TO (MAXVALUE);
INSERT INTO parted SELECT i, i::text FROM generate_series(1, 200) i;
CREATE TABLE other (x int);
"""
ODD = '"odd, schema"."my table.x"'


@pytest.fixture
def backup(restorer, database):
    return restore_fakes.back_up(restorer.cluster, database(sql=SOURCE, name="tables_source"))


def relations(restorer, name):
    query = (
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname IN ('public', 'odd, schema')"
    )
    return {relation for (relation,) in restorer.sql(query, name)}


def test_a_table_comes_with_its_keys_indexes_sequences_defaults_and_triggers(restorer, backup):
    outcome = restorer.restore(backup, "tables_source", tables=(ODD,))
    facts = outcome.facts["restore"]
    name = facts["target"]
    assert name.startswith("tables_source_tables_2")
    execute = restorer.sql
    assert execute(f"SELECT count(*), max(v) FROM {ODD}", name) == [(250, 250)]
    assert execute(f"INSERT INTO {ODD} (v) VALUES (1000) RETURNING id, twin", name) == [(251, 251)]
    assert execute("SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal", name) == [("touched",)]
    assert "odd_index" in relations(restorer, name)
    assert not relations(restorer, name) & {"other", "customers", "parted", "seen"}
    assert any("odd_index" in what for what in facts["along"])
    assert any("FK CONSTRAINT" in what for what in facts["left_out"])
    assert any("VIEW public seen" in what for what in facts["left_out"])


def test_both_sides_of_a_foreign_key_bring_it_along(restorer, backup):
    outcome = restorer.restore(backup, "tables_source", tables=(ODD, "customers"), target_db="both")
    assert not any("FK CONSTRAINT" in what for what in outcome.facts["restore"]["left_out"])
    assert restorer.sql("SELECT count(*) FROM pg_constraint WHERE contype = 'f'", "both") == [(1,)]


def test_a_partitioned_table_comes_with_its_partitions(restorer, backup):
    restorer.restore(backup, "tables_source", tables=("parted",), target_db="parts")
    assert restorer.sql("SELECT count(*) FROM parted WHERE k >= 100", "parts") == [(101,)]
    assert restorer.sql("INSERT INTO parted VALUES (5000) RETURNING k", "parts") == [(5000,)]


def test_into_an_existing_database_only_beside_what_is_there(restorer, backup, database):
    there = database(
        sql="SET search_path = public; CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE parted (mine int)"
    )
    with pytest.raises(errors.DatabaseError, match=r'already has "public"\."parted"'):
        restorer.restore(backup, "tables_source", tables=("customers", "parted"), target_db=there)
    assert relations(restorer, there) == {"parted"}
    restorer.restore(backup, "tables_source", tables=("customers",), target_db=there)
    assert restorer.sql("SELECT count(*), min(mood)::text FROM customers", there) == [(300, "good")]


def test_only_the_chosen_tables_of_an_existing_database_are_analyzed(restorer, backup, database):
    # Else a restore of one small table reads all of a large database in use.
    there = database(sql="CREATE TABLE public.large AS SELECT generate_series(1, 500) AS id")
    outcome = restorer.restore(backup, "tables_source", tables=("parted",), target_db=there)
    analyzed = restorer.sql("SELECT DISTINCT tablename::text FROM pg_stats WHERE schemaname = 'public'", there)
    assert {name for (name,) in analyzed} == {"parted", "parted_low", "parted_high"}
    assert outcome.warnings == ()


def test_tables_that_cannot_be_analyzed_are_named(restorer, backup, database, monkeypatch):
    def refuse(_connection, _statement):
        raise errors.Busy("PostgreSQL said no.")

    monkeypatch.setattr(tables_plan, "execute", refuse)
    outcome = restorer.restore(backup, "tables_source", tables=("other",), target_db=(there := database()))
    assert outcome.warnings == (f'ANALYZE failed: PostgreSQL said no. Run ANALYZE "public"."other" in {there}.',)


def test_a_failure_beside_others_takes_back_what_it_made(restorer, backup, database):
    there = database()
    with pytest.raises(errors.DatabaseError, match="mood"):
        restorer.restore(backup, "tables_source", tables=("other", "customers"), target_db=there)
    assert relations(restorer, there) == set()


def test_a_failure_leaves_a_table_that_somebody_else_made_meanwhile(restorer, backup, database, monkeypatch):
    there = database(sql="SET search_path = public; CREATE TYPE mood AS ENUM ('good', 'bad')")
    meanwhile = "CREATE TABLE other (mine int); INSERT INTO other VALUES (1)"
    monkeypatch.setattr(tables_plan.TablesPlan, "_require_roles", lambda _run: restorer.sql(meanwhile, there))
    with pytest.raises(errors.DatabaseError, match="TABLE public other"):
        restorer.restore(backup, "tables_source", tables=("other", "customers"), target_db=there)
    assert relations(restorer, there) == {"other"}
    assert restorer.sql("SELECT mine FROM other", there) == [(1,)]


@pytest.mark.parametrize("stopped", [errors.DatabaseError("Its session ended."), SystemExit("SIGTERM")])
def test_a_restore_that_ends_before_it_knows_what_it_created_drops_nothing(
    restorer, backup, database, monkeypatch, stopped
):
    # Else it drops a table that the application created and filled since the restore began.
    there = database()

    def meanwhile(*_given, **_named):
        restorer.sql("CREATE TABLE other (mine int); INSERT INTO other VALUES (1)", there)
        raise stopped

    monkeypatch.setattr(load.Loader, "_pass", meanwhile)
    with pytest.raises(type(stopped)) as caught:
        restorer.restore(backup, "tables_source", tables=("other",), target_db=there)
    assert restorer.sql("SELECT mine FROM other", there) == [(1,)]
    said = " ".join((str(caught.value), *getattr(caught.value, "__notes__", ())))
    assert f'The database {there!r} may still have "public"."other": drop those' in said


def test_what_cannot_be_dropped_after_a_failure_is_named(restorer, backup, database, monkeypatch):
    # Else rows that are not as they were backed up stay in a database in use, and the message says they are gone.
    there = database()
    with contextlib.ExitStack() as stack:

        def used(_place):
            session = stack.enter_context(contextlib.closing(restorer.cluster.connect(there)))
            session.execute("BEGIN; LOCK TABLE public.other IN ACCESS SHARE MODE")
            return Comparison(("rows of public.other",))

        monkeypatch.setattr(tables_plan.TablesPlace, "compare", used)
        monkeypatch.setattr(tables_plan, "connect", functools.partial(tables_plan.connect, lock_timeout_ms=100))
        with pytest.raises(errors.ProofMismatch, match="may still have") as caught:
            restorer.restore(backup, "tables_source", tables=("other",), target_db=there)
    assert "removed" not in str(caught.value)
    assert relations(restorer, there) == {"other"}


def test_an_unknown_table_is_refused(restorer, backup):
    with pytest.raises(errors.UsageError, match=r"public\.nowhere is not in the backup"):
        restorer.restore(backup, "tables_source", tables=("nowhere",))


def test_check_mode_tells_what_would_come_along(restorer, backup):
    before = restorer.databases()
    outcome = restorer.restore(backup, "tables_source", tables=("parted",), dry_run=True)
    assert "TABLE public parted_low" in outcome.after
    assert restorer.databases() == before

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be made again is named with what goes with it, and who accepts the loss gets the rest."""

from __future__ import annotations

import contextlib
import tempfile
import typing as t
from pathlib import Path

import asked
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    grants,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation

# The view's operator is found by the search_path alone, and PostgreSQL writes it without its schema.
HIDDEN = """
SET search_path = public;
CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT i, i FROM generate_series(1, 500) i;
CREATE FUNCTION same(int, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1::text OPERATOR(pg_catalog.=) $2';
CREATE OPERATOR = (LEFTARG = int, RIGHTARG = text, FUNCTION = same);
CREATE VIEW odd AS SELECT id FROM t WHERE id IS NOT DISTINCT FROM name;
COMMENT ON VIEW odd IS 'hidden'; GRANT SELECT ON odd TO PUBLIC;
CREATE VIEW second AS SELECT id FROM odd;
CREATE MATERIALIZED VIEW third AS SELECT id FROM second; CREATE INDEX third_id ON third (id);
CREATE VIEW fine AS SELECT count(*) FROM t;
"""
ODD = "VIEW public odd"


@pytest.fixture
def hidden(restorer, database) -> restore_fakes.Backup:
    return restore_fakes.back_up(restorer.cluster, made(restorer, database, HIDDEN))


def made(restorer: t.Any, database: t.Any, sql: str) -> str:
    """Make a database as its owner does: a session of ours reads no views."""
    name = str(database())
    restorer.cluster.program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", database=name, stdin=sql.encode())
    return name


def test_a_view_that_cannot_be_made_is_named_with_the_option_and_costs_no_rows(restorer, hidden):
    with pytest.raises(errors.DatabaseError, match=r"the first is VIEW public odd: operator does not exist") as caught:
        restorer.restore(hidden, "shop", target_db="with_loss")
    assert "accept_failed (lifeboat_accept_failed): VIEW public odd." in caught.value.remedy
    assert caught.value.details["failed"] == [ODD]
    assert not [name for name in restorer.databases() if name.startswith("with_loss")]
    outcome = restorer.restore(hidden, "shop", target_db="with_loss", accept_failed=(ODD,))
    assert restorer.sql("SELECT count(*) FROM t", "with_loss") == [(500,)]
    assert restorer.sql("SELECT to_regclass('public.fine') IS NOT NULL", "with_loss") == [(True,)]
    told = " ".join(outcome.warnings)
    assert f"{ODD} could not be created, which was accepted: operator does not exist" in told
    for name in ("VIEW public second", "MATERIALIZED VIEW public third", "INDEX public third_id"):
        assert f"{name} could not be created either: it needs {ODD}." in told


def test_nothing_else_may_be_missing_when_one_thing_was_accepted(restorer, hidden):
    spoilt = {**hidden.details["proof"]["objects"], 'view "public"."oddity"': "0"}
    proof = {**hidden.details["proof"], "objects": spoilt}
    backup = restore_fakes.dataclasses.replace(hidden, details={**hidden.details, "proof": proof})
    with pytest.raises(errors.ProofMismatch, match="oddity"):
        restorer.restore(backup, "shop", target_db="with_loss", accept_failed=(ODD,))


def test_a_validation_says_it_and_takes_the_same_option(hidden):
    def prove(**values: t.Any) -> t.Any:
        with tempfile.TemporaryDirectory(prefix="lb-", dir="/tmp") as place:
            Path(place).chmod(0o711)
            settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
            request = asked.validation(
                repository=settings, cluster="main", database="shop", scratch_dir=place, **values
            )
            world = restore_fakes.world(environ={"PATH": "/usr/bin:/bin"})
            return validation.validate_chain(request, world, [t.cast("t.Any", hidden)])

    with pytest.raises(errors.DatabaseError, match=ODD) as caught:
        prove()
    assert "accept_failed" in caught.value.remedy
    result = prove(accept_failed=(ODD,)).facts["validation"]
    assert result["passed"]
    assert any(ODD in note for note in result["notes"])


def test_a_backup_warns_of_what_its_restore_could_not_make(restorer, database):
    name = made(
        restorer,
        database,
        HIDDEN + "CREATE TABLE checked (id int, name text, CHECK (id IS NOT DISTINCT FROM name),"
        "CHECK (id OPERATOR(public.=) name)); CREATE TABLE plain (id int CHECK (id > 0), d int DEFAULT 1 + 1);",
    )
    with contextlib.closing(connection.connect(restorer.cluster.login, name, read_only=True)) as session:
        found = [finding.cause for finding in grants.preflight(session) if finding.code == "unrestorable"]
    assert len(found) == 2
    assert "checked" in found[0] + found[1]
    assert "odd" in found[0] + found[1]


def test_rows_that_cannot_be_loaded_are_a_loss_of_their_own(restorer, database):
    source = database(
        sql="SET search_path = public; CREATE TABLE good AS SELECT generate_series(1, 300) AS id;"
        "CREATE TABLE bad (id int); INSERT INTO bad VALUES (1), (2);"
    )
    backup = restore_fakes.back_up(restorer.cluster, source)
    # As when what the rows had to satisfy was changed behind their back.
    table = b"CREATE TABLE public.bad (\n    id "
    backup.contents[1] = backup.contents[1].replace(table + b"integer", table + b"boolean")
    with pytest.raises(errors.DatabaseError, match="invalid input syntax for type boolean") as caught:
        restorer.restore(backup, "shop", target_db="with_loss", validate=False)
    assert "accept_failed: TABLE DATA public bad" in caught.value.remedy
    outcome = restorer.restore(
        backup, "shop", target_db="with_loss", accept_failed=("TABLE DATA public bad",), validate=False
    )
    assert restorer.sql("SELECT count(*) FROM good", "with_loss") == [(300,)]
    assert any("TABLE DATA public bad" in warning and "NOT restored" in warning for warning in outcome.warnings)


DEADLOCK = """
SET search_path = public;
CREATE FUNCTION meet(mine int, other int, x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  IF NOT current_database() LIKE '%lifeboat%' THEN RETURN x; END IF;
  PERFORM pg_advisory_xact_lock(mine);
  FOR round IN 1..150 LOOP
    EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = other AND granted);
    PERFORM pg_sleep(0.01);
  END LOOP;
  PERFORM pg_advisory_xact_lock(other);
  RETURN x;
END $$;
CREATE TABLE one AS SELECT 1 AS x; CREATE TABLE two AS SELECT 1 AS x;
CREATE INDEX one_meets ON one (public.meet(7001, 7002, x));
CREATE INDEX two_meets ON two (public.meet(7002, 7001, x));
"""
"""Two indexes that cannot be built side by side: each build takes a lock that the other waits for."""


def test_indexes_that_met_in_a_deadlock_are_built_alone(restorer, database):
    backup = restore_fakes.back_up(restorer.cluster, database(sql=DEADLOCK))
    restorer.restore(backup, "shop", target_db="alone")
    found = restorer.sql(
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE c.relname LIKE '%_meets' AND indisvalid",
        "alone",
    )
    assert found == [(2,)]


def test_a_failed_restore_with_a_subscription_leaves_nothing_and_blocks_nothing(restorer, database):
    publisher = database(sql="CREATE TABLE public.t (id int); CREATE PUBLICATION all_of FOR ALL TABLES")
    restorer.sql("SELECT pg_create_logical_replication_slot('lb_sub', 'pgoutput')", publisher)
    where = restorer.cluster.login
    source = database(
        sql="CREATE TABLE public.t (id int);"
        f"CREATE SUBSCRIPTION sub CONNECTION 'host={where.unix_socket} port={where.port} user=postgres "
        f"dbname={publisher}' PUBLICATION all_of WITH (connect = false, slot_name = 'lb_sub')"
    )
    try:
        backup = restore_fakes.back_up(restorer.cluster, source)
        record = {**backup.details, "proof": {**backup.details["proof"], "extensions": {"citext": "1.6"}}}
        wrong = restore_fakes.dataclasses.replace(backup, details=record)
        for _attempt in range(2):
            with pytest.raises(errors.ProofMismatch):
                restorer.restore(wrong, "shop", target_db="subscribed")
            assert not [name for name in restorer.databases() if name.startswith("subscribed")]
        assert restorer.sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'lb_sub'") == [(1,)]
        restorer.sql("CREATE TABLE public.live (x int); INSERT INTO public.live VALUES (1)", source)
        with pytest.raises(errors.DatabaseError, match="has the subscription sub, so an in-place restore"):
            restorer.restore(backup, source, strategy="in_place", confirm=f"{source}@db1")
    finally:
        restorer.sql("ALTER SUBSCRIPTION sub DISABLE", source)
        restorer.sql("ALTER SUBSCRIPTION sub SET (slot_name = NONE)", source)
        restorer.sql("DROP SUBSCRIPTION sub", source)
        restorer.sql("SELECT pg_drop_replication_slot('lb_sub')", publisher)

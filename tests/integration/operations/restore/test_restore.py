# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole restore: the same database as before, in the old one's place, or nothing changed at all."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

import psycopg
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    proof,
    staging_database,
    staging_records,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.differences import (
    changed_properties,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from restoring import CONFIRM, left_by_a_killed_run, ours


def live(restorer: t.Any) -> bool:
    """Whether the database shop is still the one from before."""
    return restorer.sql("SELECT to_regclass('public.live') IS NOT NULL", "shop") == [(True,)]


def test_the_golden_database_comes_back_the_same(restorer, database):
    name = database(golden=True)
    backup = restore_fakes.back_up(restorer.cluster, name, threshold=1)
    outcome = restorer.restore(backup, name, confirm=f"{name}@db1")
    before = backup.details["proof"]
    after = proof.take(restorer.cluster.login, name, None, "content", like=before)
    assert proof.compare(before, after) == []
    assert list(changed_properties(before["properties"], after["properties"])) == []
    kept = outcome.facts["restore"]["kept"]
    assert kept.startswith(f"{name}_before_2")
    assert kept in restorer.databases()
    assert not ours(restorer)
    statistics = "SELECT count(*) FROM pg_stats WHERE schemaname = 'app'"
    assert restorer.sql(statistics, name)[0][0] > 0


def test_a_database_that_is_not_there_needs_no_confirm(restorer, shop_backup):
    outcome = restorer.restore(shop_backup, "shop", target_db="fresh_shop")
    assert outcome.changed
    assert outcome.facts["restore"]["kept"] is None
    assert outcome.facts["restore"]["proved"] == "content"
    assert restorer.sql("SELECT count(*) FROM orders", "fresh_shop") == [(9000,)]
    assert restorer.sql("SELECT nextval('orders_id_seq')", "fresh_shop") == [(9001,)]
    assert restorer.sql("SELECT count(*) FROM totals", "fresh_shop") == [(5000,)]


def test_large_tables_come_in_frozen(restorer, shop_backup):
    restorer.restore(shop_backup, "shop", target_db="fresh_shop")
    restorer.sql("ANALYZE", "fresh_shop")
    for table in ("customers", "orders"):
        # Not relpages: since PostgreSQL 16 a table grows by many pages at once, and its last ones may hold no row.
        filled = restorer.sql(f"SELECT count(DISTINCT (ctid::text::point)[0]) FROM {table}", "fresh_shop")
        visible = restorer.sql(f"SELECT relallvisible FROM pg_class WHERE relname = '{table}'", "fresh_shop")
        assert visible == filled
        assert filled > [(20,)]


def test_data_is_replaced_only_with_the_exact_token(restorer, shop, shop_backup):
    for token in ("", "shop", "shop@db2", "SHOP@db1"):
        with pytest.raises(errors.UsageError) as caught:
            restorer.restore(shop_backup, "shop", confirm=token)
        assert caught.value.details["confirm"] == CONFIRM
    assert live(restorer)
    assert not ours(restorer)


def test_check_mode_tells_everything_and_touches_nothing(restorer, shop, shop_backup):
    before = restorer.databases()
    outcome = restorer.restore(shop_backup, "shop", dry_run=True)
    assert outcome.changed
    assert outcome.facts["restore"]["confirm"] == CONFIRM
    assert "needs confirm: shop@db1" in outcome.after
    assert "keep the replaced database as shop_before_" in outcome.after
    assert restorer.databases() == before
    assert live(restorer)


def test_a_rerun_of_one_recovery_does_nothing_and_another_asks_anew(restorer, shop, shop_backup):
    restorer.restore(shop_backup, "shop", confirm=CONFIRM, recovery_id="fire")
    assert not live(restorer)
    again = restorer.restore(shop_backup, "shop", confirm=CONFIRM, recovery_id="fire")
    assert not again.changed
    with pytest.raises(errors.UsageError, match=r"was restored into shop at .* by recovery fire") as caught:
        restorer.restore(shop_backup, "shop", confirm=CONFIRM, recovery_id="flood")
    token = caught.value.details["confirm"]
    assert token.startswith(f"{CONFIRM} after 2")
    kept = [name for name in restorer.databases() if name.startswith("shop_before_")]
    for name in kept:
        restorer.cluster.drop(name)
    assert restorer.restore(shop_backup, "shop", confirm=token, recovery_id="flood").changed


def test_clients_that_reconnect_at_once_do_not_stop_the_swap(restorer, shop, shop_backup):
    stop, seen = threading.Event(), []

    def client() -> None:
        while not stop.is_set():
            with (
                contextlib.suppress(psycopg.Error, errors.RecoveryError),
                restorer.cluster.connect("shop") as connection,
            ):
                while not stop.is_set():
                    seen.append(connection.execute("SELECT to_regclass('public.live') IS NULL").fetchone()[0])

    threads = [threading.Thread(target=client) for _number in range(4)]
    for thread in threads:
        thread.start()
    try:
        with pytest.raises(errors.Busy, match="in use"):
            restorer.restore(shop_backup, "shop", confirm=CONFIRM, force_disconnect=False)
        assert live(restorer)
        restorer.restore(shop_backup, "shop", confirm=CONFIRM)
        after = len(seen)
        while len(seen) < after + 40 and any(thread.is_alive() for thread in threads):
            stop.wait(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not live(restorer)
    assert seen[0] is False
    assert seen[-1] is True


def test_the_old_database_has_its_data_and_the_new_one_its_properties(restorer, shop, shop_backup):
    restorer.sql("ALTER DATABASE shop SET work_mem = '9MB'")
    outcome = restorer.restore(shop_backup, "shop", confirm=CONFIRM)
    kept = outcome.facts["restore"]["kept"]
    assert restorer.sql("SELECT count(*) FROM live", kept) == [(1,)]
    limits = dict(
        restorer.sql(
            "SELECT datname::text, has_database_privilege('public', oid, 'CONNECT') "
            "FROM pg_database WHERE datname LIKE 'shop%'"
        )
    )
    assert limits == {"shop": True, kept: True}
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'"
    assert restorer.sql(comment) == [(None,)]


def test_prepared_transactions_are_refused(restorer, shop, shop_backup):
    restorer.sql("BEGIN; INSERT INTO live VALUES (2); PREPARE TRANSACTION 'left'", "shop")
    try:
        with pytest.raises(errors.DatabaseError, match="1 prepared transactions"):
            restorer.restore(shop_backup, "shop", confirm=CONFIRM)
    finally:
        restorer.sql("ROLLBACK PREPARED 'left'", "shop")
    assert live(restorer)


def test_what_stays_with_the_old_database_is_named(restorer, shop, shop_backup):
    restorer.sql("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')", "shop")
    try:
        outcome = restorer.restore(shop_backup, "shop", dry_run=True)
    finally:
        restorer.sql("SELECT pg_drop_replication_slot('cdc')", "shop")
    assert outcome.facts["restore"]["stays"] == ["logical replication slot cdc"]


def test_a_member_that_is_not_whole_leaves_the_target_as_it_was(restorer, shop, shop_backup):
    for number in shop_backup.contents:
        spoilt = dataclasses.replace(shop_backup, spoil=number)
        with pytest.raises(errors.Tampered):
            restorer.restore(spoilt, "shop", confirm=CONFIRM)
        assert not ours(restorer)
    assert live(restorer)


def test_other_rows_than_proved_leave_the_target_as_it_was(restorer, shop, shop_backup):
    record = {**shop_backup.details, "proof": {**shop_backup.details["proof"]}}
    record["proof"]["tables"] = [
        {**entry, "rows": entry["rows"] + 1} if entry["name"] == "orders" else entry
        for entry in record["proof"]["tables"]
    ]
    with pytest.raises(errors.ProofMismatch, match=r'"public"."orders": 9001 rows were backed up, 9000 were restored'):
        restorer.restore(dataclasses.replace(shop_backup, details=record), "shop", confirm=CONFIRM)
    assert live(restorer)
    assert not ours(restorer)


DYING = """
CREATE FUNCTION public.lives() RETURNS boolean LANGUAGE sql AS
$$SELECT current_database() NOT LIKE '%lifeboat%' OR pg_terminate_backend(pg_backend_pid())$$;
CREATE TABLE public.fragile (id integer CHECK (public.lives()));
INSERT INTO public.fragile VALUES (1);
"""
"""A database whose rows end the session that loads them."""


def test_a_load_that_is_killed_leaves_the_target_as_it_was(restorer, shop, database):
    dying = restore_fakes.back_up(restorer.cluster, database(sql=DYING))
    with pytest.raises(errors.DatabaseError, match="terminating connection"):
        restorer.restore(dying, "shop", confirm=CONFIRM)
    assert live(restorer)
    assert not ours(restorer)


def test_what_a_killed_run_left_is_dropped_by_the_next(restorer, shop, shop_backup):
    kept = [left_by_a_killed_run(restorer, "shop_lifeboat_00000001")]
    kept += [left_by_a_killed_run(restorer, "shop_lifeboat_00000003")]
    kept += [left_by_a_killed_run(restorer, "shop_lifeboat_00000004", "shop2")]
    with staging_database.manage(restorer.cluster.login) as other:
        assert other.lock("shop_lifeboat_00000003")
        outcome = restorer.restore(shop_backup, "shop", confirm=CONFIRM)
    assert outcome.facts["restore"]["dropped_leftovers"] == ["shop_lifeboat_00000001"]
    (told,) = (done.ended.facts["summary"] for done in restorer.recorded)
    assert "shop_lifeboat_00000001" in told
    assert ours(restorer) == {"shop_lifeboat_00000003", "shop_lifeboat_00000004"}
    assert staging_records.StagingRecords(str(restorer.state_dir)).unfinished()[0].name == "shop_lifeboat_00000003"
    assert len(staging_records.StagingRecords(str(restorer.state_dir)).unfinished()) == 2


def test_a_leftover_that_this_host_does_not_remember_is_told_and_stays(restorer, shop, shop_backup):
    kept = left_by_a_killed_run(restorer, "shop_lifeboat_00000001")
    (restorer.state_dir / "staging_databases.jsonl").unlink()
    outcome = restorer.restore(shop_backup, "shop", confirm=CONFIRM)
    assert outcome.facts["restore"]["dropped_leftovers"] == []
    assert any('DROP DATABASE "shop_lifeboat_00000001"' in warning for warning in outcome.warnings)
    assert ours(restorer) == {"shop_lifeboat_00000001"}
    del kept


def test_nothing_that_an_owner_can_write_makes_a_restore_drop_a_database(restorer, shop, shop_backup):
    kept = left_by_a_killed_run(restorer, "shop_lifeboat_00000001")
    mark = restorer.sql(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop_lifeboat_00000001'"
    )[0][0]
    restorer.sql("CREATE ROLE mallory LOGIN CREATEDB; ALTER DATABASE shop OWNER TO mallory")
    owner = restorer.cluster.as_role("mallory")
    forged = "lifeboat restore of backup-x into shop recovery_id=- by db1 pid 1"
    try:
        with contextlib.closing(connection.connect(owner, "postgres")) as session:
            session.execute("CREATE DATABASE shop_lifeboat_00000002")
            session.execute(f"COMMENT ON DATABASE shop_lifeboat_00000002 IS '{mark}'")
            for comment in (forged, mark):
                session.execute(f"COMMENT ON DATABASE shop IS '{comment}'")
                for strategy in ("swap", "in_place"):
                    with pytest.raises(errors.UsageError, match="contains data"):
                        restorer.restore(shop_backup, "shop", strategy=strategy)
                    planned = restorer.restore(shop_backup, "shop", strategy=strategy, dry_run=True)
                    assert planned.facts["restore"]["confirm"] == CONFIRM
        assert live(restorer)
        assert ours(restorer) == {"shop_lifeboat_00000002"}
    finally:
        restorer.cluster.drop("shop_lifeboat_00000002")
        restorer.sql("ALTER DATABASE shop OWNER TO postgres; DROP ROLE mallory")
        del kept


def test_a_finished_restore_leaves_no_warrant_to_drop_anything(restorer, shop, shop_backup):
    restorer.restore(shop_backup, "shop", confirm=CONFIRM, strategy="in_place")
    assert staging_records.StagingRecords(str(restorer.state_dir)).unfinished() == []
    spoilt = dataclasses.replace(shop_backup, spoil=max(shop_backup.contents))
    with pytest.raises(errors.Tampered):
        restorer.restore(spoilt, "shop", target_db="other")
    assert staging_records.StagingRecords(str(restorer.state_dir)).unfinished() == []


def test_two_restores_into_one_target_do_not_meet(restorer, shop, shop_backup):
    with staging_database.manage(restorer.cluster.login) as other:
        other.lock("into shop")
        with pytest.raises(errors.Busy, match="Another restore"):
            restorer.restore(shop_backup, "shop", confirm=CONFIRM)
    assert live(restorer)


def test_failed_indexes_block_the_swap_unless_accepted(restorer, database, shop):
    # Two equal rows and a unique index that was once made invalid: pg_dump writes an index that cannot be built.
    source = database(
        sql="SET search_path = public; CREATE TABLE t (a int, b int);"
        "INSERT INTO t VALUES (1, 1), (1, 2); CREATE UNIQUE INDEX ub ON t (b)"
    )
    backup = restore_fakes.back_up(restorer.cluster, source)
    for number, content in backup.contents.items():
        backup.contents[number] = content.replace(
            b"UNIQUE INDEX ub ON public.t USING btree (b)", b"UNIQUE INDEX ub ON public.t USING btree (a)"
        )
    with pytest.raises(errors.DatabaseError, match="INDEX public ub") as caught:
        restorer.restore(backup, "shop", confirm=CONFIRM)
    assert caught.value.details["failed"] == ["INDEX public ub"]
    assert live(restorer)
    outcome = restorer.restore(backup, "shop", confirm=CONFIRM, accept_failed=("INDEX public ub",))
    assert any("INDEX public ub could not be created" in warning for warning in outcome.warnings)
    assert restorer.sql("SELECT count(*) FROM t", "shop") == [(2,)]


def test_a_constraint_that_reads_another_table_gets_a_second_chance(restorer, database):
    source = database(
        sql="""
        SET search_path = public; CREATE TABLE z_limits (top int); INSERT INTO z_limits VALUES (10);
        CREATE FUNCTION top() RETURNS int LANGUAGE sql STABLE AS 'SELECT max(top) FROM public.z_limits';
        CREATE TABLE a_values (v int CHECK (coalesce(v <= top(), false)));
        INSERT INTO a_values SELECT i % 10 FROM generate_series(1, 3000) i;
        CREATE TABLE b_small (v int CHECK (coalesce(v <= top(), false))); INSERT INTO b_small VALUES (1);
        """
    )
    backup = restore_fakes.back_up(restorer.cluster, source, threshold=50_000)
    assert [member["role"] for member in backup.details["members"]] == ["schema", "table", "rest"]
    restorer.restore(backup, "shop", target_db="again")
    assert restorer.sql("SELECT count(*) FROM a_values", "again") == [(3000,)]
    assert restorer.sql("SELECT count(*) FROM b_small", "again") == [(1,)]


def test_in_place_checks_and_backs_up_before_it_drops(restorer, shop, shop_backup):
    spoilt = dataclasses.replace(shop_backup, spoil=max(shop_backup.contents), reads=[])
    with pytest.raises(errors.Tampered):
        restorer.restore(spoilt, "shop", confirm=CONFIRM, strategy="in_place")
    assert live(restorer)
    assert not restorer.emergencies
    outcome = restorer.restore(shop_backup, "shop", confirm=CONFIRM, strategy="in_place")
    assert outcome.facts["restore"]["emergency_backup_id"] == "backup-emergency"
    assert restorer.emergencies[0].reason == "emergency"
    assert restorer.emergencies[0].source.database == "shop"
    (done,) = restorer.recorded
    assert (done.operation, done.about) == ("backup", {"component": "main/shop", "reason": "emergency"})
    assert restorer.sql("SELECT count(*) FROM orders", "shop") == [(9000,)]
    assert not any(name.startswith("shop_before_") for name in restorer.databases())


def test_in_place_that_fails_later_says_what_the_database_can_be_had_back_from(restorer, shop, shop_backup):
    record = {**shop_backup.details, "proof": {**shop_backup.details["proof"], "extensions": {"citext": "1.6"}}}
    with pytest.raises(errors.ProofMismatch, match="Restore the emergency backup backup-emergency into it"):
        restorer.restore(dataclasses.replace(shop_backup, details=record), "shop", confirm=CONFIRM, strategy="in_place")
    assert "shop" not in restorer.databases()
    assert restorer.restore(shop_backup, "shop").changed


def test_in_place_goes_on_without_a_dump_only_when_told_to(restorer, shop, shop_backup, monkeypatch):
    def broken(_request: t.Any, _world: t.Any) -> t.Any:
        raise errors.DatabaseError("could not read block 7 of live.")

    monkeypatch.setattr(restorer, "_back_up", broken)
    with pytest.raises(errors.DatabaseError, match="emergency_backup: off"):
        restorer.restore(shop_backup, "shop", confirm=CONFIRM, strategy="in_place")
    assert [done.ended.cause for done in restorer.recorded] == ["could not read block 7 of live."]
    assert live(restorer)
    restorer.restore(shop_backup, "shop", confirm=CONFIRM, strategy="in_place", emergency_backup="off")
    assert not live(restorer)


def test_roles_are_created_when_missing_and_never_altered(restorer, database):
    execute = restorer.sql
    execute("CREATE ROLE keeper LOGIN PASSWORD 'old'; CREATE ROLE gone NOLOGIN; GRANT gone TO keeper")
    try:
        source = database(
            sql="SET search_path = public; CREATE TABLE t (a int);"
            "ALTER TABLE t OWNER TO gone; GRANT SELECT ON t TO keeper"
        )
        backup = restore_fakes.back_up(restorer.cluster, source)
        restorer.cluster.drop(source)
        execute("DROP ROLE gone; ALTER ROLE keeper NOLOGIN PASSWORD 'rotated'")
        secret = execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'keeper'")
        restorer.restore(backup, source, target_db="roles_back")
        assert execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'keeper'") == secret
        assert execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'keeper'") == [(False,)]
        assert execute("SELECT pg_has_role('keeper', 'gone', 'MEMBER')") == [(True,)]
        assert execute("SELECT tableowner::text FROM pg_tables WHERE tablename = 't'", "roles_back") == [("gone",)]
    finally:
        restorer.cluster.drop("roles_back")
        execute("DROP ROLE IF EXISTS gone; DROP ROLE keeper")


def test_what_is_said_about_an_index_that_is_built_early_comes_back(restorer, database):
    name = database(
        sql="CREATE TABLE public.a (id int PRIMARY KEY); INSERT INTO public.a SELECT generate_series(1, 5000);"
        "CREATE INDEX a_id ON public.a (id DESC); COMMENT ON INDEX public.a_id IS 'said of an index';"
        "COMMENT ON CONSTRAINT a_pkey ON public.a IS 'said of a key'"
    )
    restorer.restore(restore_fakes.back_up(restorer.cluster, name, threshold=1), name, target_db="said")
    asked = "SELECT obj_description('a_id'::regclass), obj_description(oid) FROM pg_constraint WHERE conname = 'a_pkey'"
    assert restorer.sql(asked, "said") == [("said of an index", "said of a key")]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The owner of the database that a restore would replace attacks whoever only plans that restore."""

from __future__ import annotations

import contextlib
import threading
import typing as t
from pathlib import Path

import psycopg
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    checks,
    staging_database,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    connect,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import emergency
from restoring import validated

OWNER = "hostile_owner"

TRAP = """
CREATE FUNCTION public.act() RETURNS integer LANGUAGE plpgsql AS $act$
BEGIN
    BEGIN
        PERFORM pg_catalog.set_config('role', 'none', false);
    EXCEPTION WHEN insufficient_privilege THEN -- as while an index is made
    END;
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        COPY (SELECT 1) TO PROGRAM 'cat > {trace}';
    END IF;
    RETURN 1;
END $act$;
CREATE FUNCTION public.trap(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT public.act()';
CREATE TABLE public.first (a integer);
CREATE TABLE public.second (a integer);
"""


@pytest.fixture
def hostile(restorer: t.Any) -> t.Iterator[tuple[t.Any, Path]]:
    """Yield a session of the owner of database `shop`, whose functions leave a file where a superuser runs them."""
    trace = Path(restorer.cluster.directory, "trace")
    restorer.cluster.execute(f"CREATE ROLE {OWNER} LOGIN")
    restorer.cluster.create("shop", f"OWNER {OWNER} TEMPLATE template0")
    login = restorer.cluster.as_role(OWNER)
    with contextlib.closing(restorer.cluster.connect("shop")) as opened:
        opened.execute(f"GRANT ALL ON SCHEMA public TO {OWNER}")
    with contextlib.closing(connect(login, "shop")) as session:
        session.execute(TRAP.format(trace=trace))
        yield session, trace
    trace.unlink(missing_ok=True)
    for name in ("shop", "aside", "live"):
        restorer.cluster.drop(name)
    restorer.cluster.execute(f"DROP ROLE {OWNER}")


def test_an_index_of_the_owner_runs_nothing_while_a_restore_is_planned(restorer, hostile, shop_backup):
    session, trace = hostile
    # The planner evaluates constant calls in indexes and statistics of every table that a query names.
    session.execute("CREATE INDEX ON public.first ((public.trap(1)))")
    session.execute("CREATE INDEX ON public.first (a) WHERE public.trap(1) = 1")
    session.execute("CREATE STATISTICS public.odd ON (public.trap(1)), a FROM public.first")
    planned = restorer.restore(shop_backup, "shop", dry_run=True)
    assert not trace.exists()
    assert not planned.facts["restore"]["confirm"]


def test_a_table_that_becomes_a_view_runs_nothing_while_a_restore_is_planned(restorer, hostile, shop_backup):
    session, trace = hostile
    session.execute("BEGIN")
    session.execute("LOCK TABLE public.first IN ACCESS EXCLUSIVE MODE")
    planned: list[t.Any] = []
    planning = threading.Thread(
        target=lambda: planned.append(restorer.restore(shop_backup, "shop", dry_run=True)), daemon=True
    )
    planning.start()
    while planning.is_alive() and not restorer.sql("SELECT 1 FROM pg_locks WHERE NOT granted", "shop"):
        pass
    session.execute("DROP TABLE public.second")
    session.execute("CREATE VIEW public.second AS SELECT 1 AS a WHERE public.act() = 1")
    session.execute("COMMIT")
    planning.join()
    assert not trace.exists()
    assert planned[0].facts["restore"]["target"] == "shop"


def test_a_row_is_what_a_restore_asks_to_be_confirmed(restorer, hostile, shop_backup):
    session, _trace = hostile
    assert not restorer.restore(shop_backup, "shop", dry_run=True).facts["restore"]["confirm"]
    session.execute("INSERT INTO public.second VALUES (1)")
    assert restorer.restore(shop_backup, "shop", dry_run=True).facts["restore"]["confirm"] == "shop@db1"


@pytest.mark.parametrize(
    ("powers", "told"),
    [
        ("SUPERUSER", "is a superuser"),
        ("IN ROLE pg_read_all_data", "may read password hashes"),
        ("IN ROLE pg_write_server_files", "may write files of the server"),
    ],
)
def test_no_check_lets_the_owner_act_with_the_rights_of_who_asks(restorer, hostile, shop_backup, powers, told):
    session, trace = hostile
    session.execute("CREATE INDEX ON public.first ((public.trap(1)))")
    asked = checks.parse([{"name": "count", "query": "SELECT count(*) FROM public.first", "minimum": 0}], [])
    restorer.cluster.execute(f"CREATE ROLE asker LOGIN {powers}")
    try:
        with pytest.raises(errors.UsageError, match=f"role 'asker' {told}.* may only read these tables"):
            validated(shop_backup, checks=asked, login=restorer.cluster.as_role("asker"), target_db="shop")
    finally:
        restorer.cluster.execute("DROP ROLE asker")
    assert not trace.exists()


def test_large_objects_and_rows_in_an_extensions_tables_are_data_too(restorer, hostile, shop_backup):
    session, _trace = hostile
    session.execute("SELECT pg_catalog.lo_from_bytea(0, 'a scan')")
    planned = restorer.restore(shop_backup, "shop", dry_run=True)
    assert planned.facts["restore"]["confirm"] == "shop@db1"
    session.execute("SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata")
    assert not restorer.restore(shop_backup, "shop", dry_run=True).facts["restore"]["confirm"]
    restorer.sql("CREATE EXTENSION lifeboat_probe; INSERT INTO probe_everything VALUES (1, 'mine')", "shop")
    planned = restorer.restore(shop_backup, "shop", dry_run=True)
    assert planned.facts["restore"]["confirm"] == "shop@db1"


def meanwhile(monkeypatch, do: t.Callable[[], object]) -> None:
    """Let something happen while a restore in place reads its backup, after all was decided."""
    monkeypatch.setattr(emergency, "read_to_the_end", lambda _backup: do())


def test_a_database_that_takes_the_name_meanwhile_is_not_dropped(restorer, hostile, shop_backup, monkeypatch):
    restorer.cluster.execute(f"ALTER ROLE {OWNER} CREATEDB")
    restorer.cluster.create("live", f"OWNER {OWNER} TEMPLATE template0")
    restorer.sql("CREATE TABLE precious (a integer)", "live")
    hostile[0].close()

    def rename() -> None:
        with contextlib.closing(connect(restorer.cluster.as_role(OWNER), "postgres")) as other:
            other.execute("ALTER DATABASE shop RENAME TO aside")
            other.execute("ALTER DATABASE live RENAME TO shop")

    meanwhile(monkeypatch, rename)
    with pytest.raises(errors.DatabaseError, match="'shop' is not the one to drop"):
        restorer.restore(shop_backup, "shop", strategy="in_place")
    assert restorer.sql("SELECT count(*) FROM precious", "shop") == [(0,)]


def test_nobody_renames_a_database_that_is_being_dropped(restorer, hostile, monkeypatch):
    restorer.cluster.execute(f"ALTER ROLE {OWNER} CREATEDB")
    hostile[0].close()
    refused: list[str] = []
    looked_up = staging_database.exists

    def and_rename(session: t.Any, name: str) -> int:
        oid = looked_up(session, name)
        with contextlib.closing(connect(restorer.cluster.as_role(OWNER), "postgres")) as other:
            try:
                other.execute("ALTER DATABASE shop RENAME TO aside")
            except psycopg.errors.ObjectInUse as exc:
                refused.append(str(exc))
        return oid

    monkeypatch.setattr(staging_database, "exists", and_rename)
    with staging_database.manage(restorer.cluster.login) as session:
        staging_database.drop(session, "shop", looked_up(session, "shop"))
    assert refused
    assert not {"shop", "aside"} & restorer.databases()


def test_rows_that_come_into_an_empty_target_meanwhile_are_not_dropped(restorer, hostile, shop_backup, monkeypatch):
    session, _trace = hostile
    meanwhile(monkeypatch, lambda: session.execute("INSERT INTO public.second VALUES (1)"))
    with pytest.raises(errors.DatabaseError, match="'shop' was empty when this restore began"):
        restorer.restore(shop_backup, "shop", strategy="in_place")
    assert restorer.sql("SELECT a FROM public.second", "shop") == [(1,)]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The owner of a database attacks whoever backs it up: none of his code may run with the rights of our sessions."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    dump,
    grants,
    members,
    proof,
    server,
    snapshot,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

TRAP = """
CREATE FUNCTION public.act() RETURNS integer LANGUAGE plpgsql AS $act$
BEGIN
    COPY (SELECT 1) TO PROGRAM 'cat > {trace}';
    RETURN 1;
END $act$;
CREATE FUNCTION public.trap(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT public.act()';
CREATE FUNCTION public.trap(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT public.act() = 1';
"""


@pytest.fixture
def pg(cluster: ClusterFactory) -> Cluster:
    return cluster()


@dataclasses.dataclass
class Hostile:
    """A database whose functions leave the file `trace` when a superuser runs them."""

    pg: Cluster
    name: str
    trace: Path

    def owner(self, statement: str) -> None:
        """Do as the owner does; what he runs himself leaves no trace."""
        self.pg.execute(statement, self.name)
        self.trace.unlink(missing_ok=True)


@pytest.fixture
def hostile(pg: Cluster, database: DatabaseFactory) -> Iterator[Hostile]:
    made = Hostile(pg, database(), Path(pg.directory, "trace"))
    made.owner(TRAP.format(trace=made.trace))
    yield made
    made.trace.unlink(missing_ok=True)


def test_no_session_reads_what_a_table_was_exchanged_for(hostile: Hostile) -> None:
    hostile.owner("CREATE VIEW public.orders AS SELECT public.act() AS a")
    with contextlib.closing(hostile.pg.connect(hostile.name)) as session:
        with pytest.raises(DatabaseError, match="restricted"):
            connection.rows(session, "SELECT * FROM public.orders")
        connection.permit_views(session)
        assert not hostile.trace.exists()
        assert connection.rows(session, "SELECT * FROM public.orders") == [(1,)]


def test_a_search_path_of_the_database_lends_us_no_operator(hostile: Hostile) -> None:
    hostile.owner("CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.trap)")
    hostile.owner(f'ALTER DATABASE "{hostile.name}" SET search_path = public, pg_catalog')
    hostile.pg.connect(hostile.name).close()
    assert not hostile.trace.exists()


def test_programs_that_read_are_kept_out_of_views_too(hostile: Hostile) -> None:
    with snapshot.hold(hostile.pg.login, hostile.name, sleep=lambda _seconds: None) as held:
        programs = server.programs(1, directory=hostile.pg.bin)
        schema = members.plan(held.tables)[0]
        _argv, env = dump.command(programs, schema, held, hostile.pg.login, hostile.name, environ=hostile.pg.environ)
    query = "SHOW restrict_nonsystem_relation_kind"
    assert process.run([f"{hostile.pg.bin}/psql", "-XAtc", query], env=env) == b"view,foreign-table\n"


def test_a_session_that_only_reads_writes_nothing(hostile: Hostile) -> None:
    with (
        contextlib.closing(connection.connect(hostile.pg.login, hostile.name, read_only=True)) as session,
        pytest.raises(DatabaseError, match="read-only"),
    ):
        connection.execute(session, "CREATE TABLE public.x (a integer)")


def test_a_server_that_is_too_old_is_named_with_the_release_that_is_not(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = server.inspect

    def older(session: connection.Connection) -> server.ServerInfo:
        return dataclasses.replace(known(session), version_num=150007, version="15.7", restricted=False)

    with contextlib.closing(hostile.pg.connect(hostile.name)) as session:
        assert "unrestricted_server" not in {finding.code for finding in grants.preflight(session)}
        monkeypatch.setattr(grants, "inspect", older)
        found = {finding.code: finding for finding in grants.preflight(session)}
    assert "PostgreSQL 15.7 " in found["unrestricted_server"].cause
    assert "15.8" in found["unrestricted_server"].remedy


def test_a_proof_runs_nothing_of_the_owners(hostile: Hostile) -> None:
    # The planner evaluates constant calls in indexes and statistics of every table that a query names.
    hostile.owner(
        "CREATE TYPE public.liar AS (a integer);"
        "CREATE FUNCTION public.lie(public.liar) RETURNS text LANGUAGE sql AS 'SELECT public.act()::text';"
        "CREATE CAST (public.liar AS text) WITH FUNCTION public.lie(public.liar);"
        "CREATE TABLE public.t (a integer, b public.liar, c public.liar[]);"
        "INSERT INTO public.t VALUES (1, ROW(1), ARRAY[ROW(2)]::public.liar[]);"
        "CREATE INDEX ON public.t ((public.trap(1)));"
        "CREATE INDEX ON public.t (a) WHERE public.trap(1) = 1;"
        "CREATE STATISTICS public.s ON (public.trap(1)), a FROM public.t;"
        "CREATE MATERIALIZED VIEW public.m AS SELECT a FROM public.t;"
        "CREATE INDEX ON public.m ((public.trap(1)))"
    )
    with snapshot.hold(hostile.pg.login, hostile.name, sleep=lambda _seconds: None) as held:
        for level in ("counts", "content"):
            taken = proof.take(hostile.pg.login, hostile.name, held.snapshot_id, level, held.tables)
            assert {entry["name"]: entry.get("rows") for entry in taken["tables"]} == {"t": 1, "m": None}
        held.assure()
    assert not hostile.trace.exists()


def test_a_sequence_that_becomes_a_view_is_not_read(hostile: Hostile) -> None:
    hostile.owner("CREATE SEQUENCE public.counter")
    with contextlib.closing(connection.connect(hostile.pg.login, hostile.name, autocommit=False)) as session:
        connection.execute(session, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert connection.one(session, "SELECT 1") == 1
        hostile.owner(
            "ALTER SEQUENCE public.counter RENAME TO other;"
            "CREATE VIEW public.counter AS SELECT 1::bigint AS last_value, public.act() = 1 AS is_called"
        )
        assert [(state.name, state.is_called) for state in snapshot.read_sequences(session)] == [("counter", False)]
    assert not hostile.trace.exists()

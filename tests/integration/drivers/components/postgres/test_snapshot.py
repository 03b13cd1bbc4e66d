# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The snapshot and its locks: what happens between the export and the locks is never lost in silence."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    dump,
    members,
    proof,
    server,
    snapshot,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    Busy,
    DatabaseError,
    ProcessFailed,
    UsageError,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

TABLES = """
CREATE SCHEMA "odd; 'schema";
CREATE TABLE public.first AS SELECT i AS a, 'text ' || i AS b FROM generate_series(1, 100) i;
CREATE TABLE "odd; 'schema"."second
table" (a integer);
CREATE TABLE public.third (a integer) PARTITION BY RANGE (a);
CREATE TABLE public.third_1 PARTITION OF public.third FOR VALUES FROM (0) TO (10);
CREATE MATERIALIZED VIEW public.seen AS SELECT a FROM public.first;
CREATE SEQUENCE public.counter;
"""


@pytest.fixture
def pg(cluster: ClusterFactory) -> Cluster:
    return cluster()


def once(action: Callable[[], object]) -> Callable[[], None]:
    calls: list[int] = []

    def hook() -> None:
        calls.append(1)
        if len(calls) == 1:
            action()

    return hook


def exported(monkeypatch: pytest.MonkeyPatch, hook: Callable[[], None]) -> None:
    """Have `hook` called between the export of a snapshot and its locks."""
    read = snapshot.read_tables

    def and_read(connection: t.Any) -> tuple[snapshot.Table, ...]:
        hook()
        return read(connection)

    monkeypatch.setattr(snapshot, "read_tables", and_read)


def no_sleep(_seconds: float) -> None:
    """Wait for nothing: what a test waits for has happened already."""


def test_every_table_is_locked_until_the_end(pg: Cluster, database: DatabaseFactory) -> None:
    name = database(sql=TABLES)
    with snapshot.hold(pg.login, name, sleep=no_sleep) as held:
        assert {(table.schema, table.name, table.kind) for table in held.tables} == {
            ("public", "first", "r"),
            ("odd; 'schema", "second\ntable", "r"),
            ("public", "third", "p"),
            ("public", "third_1", "r"),
            ("public", "seen", "m"),
        }
        assert [(state.name, state.is_called) for state in held.sequences] == [("counter", False)]
        with contextlib.closing(pg.connect(name)) as other:
            other.execute("SET lock_timeout = '100ms'")
            for table in ("public.first", 'public.third, "odd; \'schema"."second\ntable"'):
                with pytest.raises(Exception, match="lock timeout"):
                    other.execute(f"TRUNCATE {table}")
        held.assure()
    pg.execute("TRUNCATE public.first", name)


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE public.first",
        "ALTER TABLE public.first ALTER COLUMN b TYPE varchar(50)",
        "VACUUM FULL public.first",
        "DROP TABLE public.first CASCADE",
        "ALTER TABLE public.first RENAME TO elsewhere",
        "BEGIN; ALTER TABLE public.first RENAME TO old; CREATE TABLE public.first (a integer); COMMIT",
        'ALTER SCHEMA "odd; \'schema" RENAME TO tame',
        "DROP SEQUENCE public.counter",
        "ALTER SEQUENCE public.counter RENAME TO number",
        "ALTER TABLE public.first DROP COLUMN b; ALTER TABLE public.first ADD COLUMN b text",
    ],
)
def test_change_between_export_and_lock_means_a_fresh_snapshot(
    pg: Cluster, database: DatabaseFactory, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = database(sql=TABLES)
    pauses: list[float] = []
    exported(monkeypatch, once(lambda: pg.execute(change, name)))
    with snapshot.hold(pg.login, name, sleep=pauses.append) as held:
        truth = dict(
            pg.execute("SELECT oid::bigint, relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'm')", name)
        )
        assert all(truth[table.oid] == table.name for table in held.tables)
        taken = proof.take(pg.login, name, held.snapshot_id, "counts", held.tables, sequences=held.sequences)
        for entry in taken["tables"]:
            if entry["name"] == "first":
                assert entry["rows"] == pg.execute("SELECT count(*) FROM public.first", name)[0][0]
    assert pauses == [snapshot.FIRST_PAUSE]


def test_what_never_settles_ends_in_busy_with_the_table_named(
    pg: Cluster, database: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = database(sql=TABLES)
    monkeypatch.setattr(snapshot, "ATTEMPTS", 3)
    exported(monkeypatch, lambda: pg.execute("TRUNCATE public.first", name) and None)
    pauses: list[float] = []
    with (
        pytest.raises(Busy, match=r"3 attempts: \"public\"\.\"first\" was truncated or rewritten"),
        snapshot.hold(pg.login, name, sleep=pauses.append),
    ):
        pass
    assert pauses == [0.5, 1.0]


def test_table_locked_by_somebody_else_is_waited_for_and_then_busy(
    pg: Cluster, database: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = database(sql=TABLES)
    monkeypatch.setattr(snapshot, "ATTEMPTS", 2)
    with contextlib.closing(pg.connect(name)) as other:
        other.execute("BEGIN; LOCK TABLE public.first IN ACCESS EXCLUSIVE MODE")
        with (
            pytest.raises(Busy, match="lock timeout"),
            snapshot.hold(pg.login, name, sleep=no_sleep, lock_timeout_ms=50),
        ):
            pass
        # The other session ends during the pause.
        with snapshot.hold(
            pg.login, name, sleep=lambda _seconds: other.execute("ROLLBACK") and None, lock_timeout_ms=50
        ):
            pass


def test_queued_alter_is_told_apart_from_a_failed_dump(pg: Cluster, database: DatabaseFactory) -> None:
    name = database(sql=TABLES)
    programs = server.programs(1, directory=pg.bin)
    holding = snapshot.hold(pg.login, name, sleep=no_sleep, lock_timeout_ms=100)
    with holding as held, contextlib.closing(pg.connect(name)) as other:
        queued = threading.Thread(target=lambda: other.execute("ALTER TABLE public.first ADD COLUMN c integer"))
        other.execute("SET lock_timeout = 0")
        queued.start()
        try:
            while not pg.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'", name):
                pass
            rest = members.plan(held.tables)[-1]
            argv, env = dump.command(programs, rest, held, pg.login, name, environ=pg.environ)
            with pytest.raises(ProcessFailed) as caught:
                process.run(argv, env=env)
            assert dump.lock_refused(caught.value)
            assert isinstance(dump.explain(caught.value, name), Busy)
        finally:
            held.connection.execute("ROLLBACK")
            queued.join()


def test_lost_session_is_noticed_at_the_end(pg: Cluster, database: DatabaseFactory) -> None:
    name = database(sql=TABLES)
    with snapshot.hold(pg.login, name, sleep=no_sleep) as held:
        pg.execute(f"SELECT pg_terminate_backend({held.connection.info.backend_pid}, 5000)")
        with pytest.raises(DatabaseError):
            held.assure()


def test_chosen_tables_bring_their_partitions(pg: Cluster, database: DatabaseFactory) -> None:
    name = database(sql=TABLES)
    scope = members.Scope.of(tables=["third"])
    with snapshot.hold(
        pg.login, name, sleep=no_sleep, choose=lambda session, tables: members.select(session, tables, scope)
    ) as held:
        assert {table.name for table in held.tables} == {"third", "third_1"}
        schema = members.plan(held.tables, scope=scope)[0]
        argv, env = dump.command(server.programs(1, directory=pg.bin), schema, held, pg.login, name, environ=pg.environ)
        listed = pg.program("pg_restore", "--list", stdin=process.run(argv, env=env))
    assert b"third_1" in listed
    assert b"first" not in listed


@pytest.mark.parametrize(
    "scope", [members.Scope.of(tables=["public.nothing"]), members.Scope.of(schemas=["nowhere", "public"])]
)
def test_what_does_not_exist_is_refused_by_name(pg: Cluster, database: DatabaseFactory, scope: members.Scope) -> None:
    name = database(sql=TABLES)
    with (
        pytest.raises(UsageError, match=r"nothing|nowhere"),
        snapshot.hold(
            pg.login, name, sleep=no_sleep, choose=lambda session, tables: members.select(session, tables, scope)
        ),
    ):
        pass

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What stands around a database: poolers, standbys, limits, settings that roles and databases carry, neighbours."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shutil
import socket
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    grants,
    proof,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.differences import (
    changed_properties,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.databases.discovery import (
    DiscoveryRequest,
    find_databases,
)
from postgres_fixtures import Cluster, free_port, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import ClusterFactory, DatabaseFactory


@pytest.fixture
def pg(cluster: ClusterFactory) -> Cluster:
    return cluster()


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A server of the test's own, to be spoilt."""
    made = start_cluster(settings={"shared_buffers": "'16MB'"})
    try:
        yield made
    finally:
        stop_cluster(made)


@contextlib.contextmanager
def pooled(pg: Cluster, ignored: str) -> Iterator[connection.Login]:
    """A PgBouncer before the server, which lends a session out for a transaction. Gives the way through it."""
    directory = Path(tempfile.mkdtemp(prefix="lifeboat-test-"))
    port = free_port()
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "ignore_startup_parameters": ignored,
        "pidfile": f"{directory}/pid",
        "logfile": f"{directory}/log",
    }
    lines = [f"* = host={pg.directory} port={pg.port} user=postgres", "[pgbouncer]"]
    lines += [f"{name} = {value}" for name, value in settings.items()]
    (directory / "ini").write_text("\n".join(["[databases]", *lines, ""]))
    shutil.chown(directory, "postgres", "postgres")
    child = subprocess.Popen(
        ["/usr/sbin/pgbouncer", "-q", "-u", "postgres", str(directory / "ini")], stderr=subprocess.DEVNULL
    )
    try:
        while child.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
        yield connection.Login(host="127.0.0.1", port=port, user="postgres")
    finally:
        child.terminate()
        child.wait()
        shutil.rmtree(directory)


@pytest.mark.parametrize("ignored", ["", "options"])
def test_a_pooler_is_refused_and_its_sessions_stay_as_they_were(
    pg: Cluster, database: DatabaseFactory, ignored: str
) -> None:
    name = database(sql="CREATE TABLE public.goods (a integer)")
    with pooled(pg, ignored) as login:
        with pytest.raises(DatabaseError, match=r"A connection pooler answers at 127\.0\.0\.1 port \d+") as caught:
            connection.connect(login, name)
        assert "login_host" in caught.value.remedy
        # What an application finds in the very session that we were lent.
        arguments = ["-h", "127.0.0.1", "-p", str(login.port), "-XAtc"]
        shown = "SELECT current_setting('search_path'), current_setting('statement_timeout')"
        assert pg.program("psql", *arguments, shown, database=name).decode().strip() == '"$user", public|0'
        assert pg.program("psql", *arguments, "SELECT count(*) FROM goods", database=name).strip() == b"0"


def test_a_standby_is_backed_up_like_its_primary(own: Cluster) -> None:
    own.create("shop")
    own.execute(restore_fakes.SHOP, "shop")
    own.execute("CREATE UNLOGGED TABLE public.cache (a integer)", "shop")
    with following(own) as standby:
        backup = restore_fakes.back_up(standby, "shop", threshold=200_000)
    assert backup.details["source"]["in_recovery"]
    counted = {entry["name"]: entry.get("rows") for entry in backup.details["proof"]["tables"]}
    assert counted == {"customers": 5000, "orders": 9000, "totals": None, "cache": None}
    primary = proof.take(own.login, "shop", None, "content", like=backup.details["proof"])
    assert [str(found) for found in proof.compare(backup.details["proof"], primary) if not found.note] == []


@contextlib.contextmanager
def following(primary: Cluster) -> Iterator[Cluster]:
    """A standby of `primary` that has replayed all that there is."""
    directory = tempfile.mkdtemp(prefix="lifeboat-test-")
    shutil.chown(directory, "postgres", "postgres")
    standby = dataclasses.replace(primary, directory=directory, port=free_port())
    run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    data = f"{directory}/data"
    try:
        primary.program("pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        shutil.chown(data, "postgres", "postgres")
        subprocess.run(["chown", "-R", "postgres:postgres", data], check=True)
        with open(f"{data}/postgresql.conf", "a", encoding="utf-8") as file:
            file.write(f"port = {standby.port}\nunix_socket_directories = '{directory}'\nhot_standby = on\n")
        start = [*run, f"{primary.bin}/pg_ctl", "-D", data, "-w", "-l", f"{directory}/log", "start"]
        subprocess.run(start, check=True, cwd=directory, stdout=subprocess.DEVNULL)
        reached = primary.execute("SELECT pg_current_wal_flush_lsn()::text")[0][0]
        while not standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{reached}'")[0][0]:
            pass
        yield standby
    finally:
        stop_cluster(standby)


SPOILT = {
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "1",
    "search_path": "nowhere",
    "row_security": "on",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "TimeZone": "Asia/Kathmandu",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "array_nulls": "off",
    "xmloption": "document",
    "check_function_bodies": "on",
    "default_tablespace": "nowhere",
    "client_encoding": "LATIN1",
    "client_min_messages": "error",
    "role": "pg_monitor",
}
"""What a role or a database may carry, and what its sessions would begin with."""


@pytest.mark.parametrize("carrier", ["role", "database"])
def test_settings_that_a_role_or_a_database_carries_decide_nothing(
    restorer: t.Any, database: DatabaseFactory, carrier: str
) -> None:
    pg = restorer.cluster
    name = database(golden=True)
    superuser = f"spoilt {secrets.token_hex(4)}"
    pg.execute(f'CREATE ROLE "{superuser}" LOGIN SUPERUSER')
    whole = f'ROLE "{superuser}"' if carrier == "role" else f'DATABASE "{name}"'
    try:
        for setting, value in SPOILT.items():
            pg.execute(f"ALTER {whole} SET {setting} = '{value}'")
        spoilt = type(restorer)(_as(pg, superuser), restorer.state_dir)
        backup = restore_fakes.back_up(spoilt.cluster, name, threshold=1)
        outcome = spoilt.restore(backup, name, confirm=f"{name}@db1")
        assert outcome.facts["restore"]["proved"] == "content"
        again = proof.take(spoilt.cluster.login, name, None, "content", like=backup.details["proof"])
        before = backup.details["proof"]
        assert proof.compare(before, again) == []
        assert list(changed_properties(before["properties"], again["properties"])) == []
    finally:
        for (found,) in pg.execute(f"SELECT datname::text FROM pg_database WHERE datname ~ '^{name}'"):
            pg.drop(found)
        pg.execute(f'DROP ROLE "{superuser}"')


class _Spoilt(Cluster):
    """The server as another superuser reaches it."""

    role = ""

    @property
    def login(self) -> connection.Login:
        return self.as_role(self.role)

    def as_role(self, role: str) -> connection.Login:
        return connection.Login(unix_socket=self.directory, port=self.port, user=role)


def _as(pg: Cluster, role: str) -> Cluster:
    made = _Spoilt(**{field.name: getattr(pg, field.name) for field in dataclasses.fields(pg)})
    made.role = role
    return made


@pytest.mark.parametrize(
    ("limit", "named"),
    [("ROLE dumper CONNECTION LIMIT 2", "role dumper"), ("DATABASE shop CONNECTION LIMIT 2", "database shop")],
)
def test_a_limit_of_sessions_is_named_before_the_dump(own: Cluster, limit: str, named: str) -> None:
    own.create("shop")
    own.execute("CREATE ROLE dumper LOGIN IN ROLE pg_read_all_data")
    own.execute(f"ALTER {limit}")
    with contextlib.closing(connection.connect(own.as_role("dumper"), "shop")) as session:
        found = {finding.code: finding for finding in grants.preflight(session, sessions=3)}
        assert "connection_limit" not in {finding.code for finding in grants.preflight(session, sessions=1)}
    assert found["connection_limit"].severity == "error"
    assert f"needs 3 more sessions, and the limit of {named} leaves only 1" in found["connection_limit"].cause


def test_a_half_dropped_database_is_left_out_with_a_warning(own: Cluster) -> None:
    own.create("shop")
    own.create("half")
    own.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'")
    outcome = find_databases(DiscoveryRequest(own.login), restore_fakes.world())
    assert outcome.facts["names"] == ["postgres", "shop"]
    assert ["'half'" in warning and "interrupted" in warning for warning in outcome.warnings] == [True]


def test_a_server_without_a_database_called_postgres(own: Cluster, restorer: t.Any) -> None:
    own.create("shop")
    own.execute(restore_fakes.SHOP, "shop")
    own.execute("DROP DATABASE postgres", "shop")
    assert find_databases(DiscoveryRequest(own.login), restore_fakes.world()).facts["names"] == ["shop"]
    backup = restore_fakes.back_up(own, "shop", threshold=200_000)
    outcome = type(restorer)(own, restorer.state_dir).restore(backup, "shop", confirm="shop@db1")
    assert outcome.facts["restore"]["proved"] == "content"
    assert own.execute("SELECT count(*) FROM public.orders", "shop") == [(9000,)]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Names are names, and every refusal says what to do."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError, UsageError
from postgres_fixtures import MESSAGES, free_port

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

HOSTILE = (
    "host=evil.example dbname=x",
    "dbname=postgres",
    "postgresql://evil.example/x",
    "--file=/tmp/lifeboat-evil",
    "-h",
    "a\nb\\! id",
    'semi;colon\' "quoted" $HOME `id` \\',
    " spaces ",
    "../../etc",
    "62 bytes " + "x" * 54,
)


@pytest.fixture
def pg(cluster: ClusterFactory) -> Cluster:
    return cluster()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_database_name_is_only_a_name(pg: Cluster, database: DatabaseFactory, name: str) -> None:
    database(name=name, sql="CREATE TABLE public.marker (a integer)")
    with contextlib.closing(connection.connect(pg.login, name)) as session:
        assert connection.one(session, "SELECT current_database()") == name
    environment = connection.child_environment(pg.login, name, pg.environ)
    dumped = process.run([os.path.join(pg.bin, "pg_dump"), "--schema-only"], env=environment)
    assert b"marker" in dumped


def test_hostile_name_that_does_not_exist_reaches_no_other_database(pg: Cluster) -> None:
    with pytest.raises(DatabaseError, match=r"The database 'dbname=postgres user=evil' does not exist"):
        connection.connect(pg.login, "dbname=postgres user=evil")


@pytest.mark.parametrize(("name", "said"), [("", "empty"), ("a\0b", "NUL"), ("x" * 64, "63 bytes"), ("é" * 32, "63")])
def test_impossible_names_are_refused_before_connecting(name: str, said: str) -> None:
    login = connection.Login(unix_socket="/nowhere")
    with pytest.raises(UsageError, match=said) as caught:
        connection.connect(login, name)
    assert caught.value.details["field"] == "login_db"


def test_role_that_begins_with_a_hyphen(pg: Cluster) -> None:
    name = "-h evil"
    pg.execute(f'CREATE ROLE "{name}" LOGIN')
    try:
        with contextlib.closing(connection.connect(pg.as_role(name), "postgres")) as session:
            assert connection.one(session, "SELECT current_user::text") == name
        environment = connection.child_environment(pg.as_role(name), "postgres", pg.environ)
        said = process.run([os.path.join(pg.bin, "psql"), "-XAtc", "SELECT current_user"], env=environment)
        assert said.decode().strip() == name
    finally:
        pg.execute(f'DROP ROLE "{name}"')


def test_session_is_free_of_what_role_and_database_set(pg: Cluster, database: DatabaseFactory) -> None:
    name = database()
    for setting in ("search_path = evil", "statement_timeout = 1", "TimeZone = 'Asia/Tokyo'", "bytea_output = escape"):
        pg.execute(f'ALTER DATABASE "{name}" SET {setting}')
    with contextlib.closing(connection.connect(pg.login, name, read_only=True, autocommit=False)) as session:
        shown = {
            key: connection.one(session, f"SHOW {key}")
            for key in ("search_path", "statement_timeout", "TimeZone", "bytea_output", "row_security")
        }
        assert shown == {
            "search_path": "pg_catalog",
            "statement_timeout": "0",
            "TimeZone": "UTC",
            "bytea_output": "hex",
            "row_security": "off",
        }
        with pytest.raises(DatabaseError, match="read-only"):
            connection.execute(session, "CREATE TABLE public.x (a integer)")


def test_callers_libpq_environment_redirects_nothing(
    pg: Cluster, monkeypatch: pytest.MonkeyPatch, database: DatabaseFactory
) -> None:
    name = database()
    evil = {
        "PGHOSTADDR": "127.0.0.99",
        "PGOPTIONS": "-c search_path=evil",
        "PGDATABASE": "evil",
        "PGSSLMODE": "require",
    }
    for key, value in evil.items():
        monkeypatch.setenv(key, value)
    with contextlib.closing(connection.connect(pg.login, name)) as session:
        assert connection.one(session, "SELECT current_database()") == name
    environment = connection.child_environment(pg.login, name, {**os.environ})
    assert "PGHOSTADDR" not in environment
    said = process.run([os.path.join(pg.bin, "psql"), "-XAtc", "SELECT current_database()"], env=environment)
    assert said.decode().strip() == name


def test_password_file_is_used_and_never_shown(pg: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{pg.password}\n")
    path.chmod(0o600)
    login = dataclasses.replace(pg.tcp, password="", password_file=str(path))
    connection.connect(login, "postgres").close()
    assert pg.password not in repr(pg.tcp)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="accessible to users other than its owner"):
        connection.connect(login, "postgres")


def test_refusals_say_what_to_do(pg: Cluster) -> None:
    silent = connection.Login(host="127.0.0.1", port=free_port(), user="postgres")
    no_socket = connection.Login(unix_socket=pg.directory, port=1, user="postgres")
    wrong = dataclasses.replace(pg.tcp, password="wrong-one")
    none = dataclasses.replace(pg.tcp, password="")
    # A role that is missing and one that may not log in are told apart by nothing but the server's words.
    unknown = "The role nobody_here does not exist" if MESSAGES == "C" else "does not allow role nobody_here to connect"
    for login, cause in (
        (silent, "Nothing listens at 127.0.0.1"),
        (no_socket, "No PostgreSQL server listens in"),
        (wrong, "rejected the password of role postgres"),
        (none, "requires a password for role postgres, and none is set"),
        (pg.as_role("nobody_here"), unknown),
        (connection.Login(host="no-such-host.invalid", user="postgres"), "cannot be resolved"),
    ):
        with pytest.raises(DatabaseError) as caught:
            connection.connect(login, "postgres")
        assert cause in caught.value.cause
        assert caught.value.remedy
        assert "wrong-one" not in str(caught.value)


def test_role_without_connect_is_told_the_grant(pg: Cluster, database: DatabaseFactory) -> None:
    name = database()
    pg.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC; CREATE ROLE shut_out LOGIN')
    try:
        with pytest.raises(DatabaseError, match="GRANT CONNECT ON DATABASE"):
            connection.connect(pg.as_role("shut_out"), name)
    finally:
        pg.execute("DROP ROLE shut_out")


def test_server_and_programs_are_told(pg: Cluster) -> None:
    with contextlib.closing(pg.connect()) as session:
        info = server.inspect(session)
    programs = server.programs(info.major, directory=pg.bin)
    assert programs.major == info.major
    assert info.superuser
    assert info.encoding == "UTF8"
    assert not info.in_recovery
    assert info.system_identifier.isdigit()
    with pytest.raises(DatabaseError, match=rf"Only version {programs.version} is installed"):
        server.programs(info.major + 1, directory=pg.bin)
    with pytest.raises(DatabaseError, match="are not installed on this host"):
        server.programs(info.major, directory="/nowhere")


def test_a_server_notices_soon_that_the_machine_of_a_client_is_gone(pg: Cluster) -> None:
    """The locks of a restore last as long as its session does, in the server's eyes."""
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    with contextlib.closing(connection.connect(pg.tcp, "postgres")) as session:
        asked = "SELECT setting::int FROM pg_settings WHERE name = %s"
        idle, interval, count = (connection.one(session, asked, [name]) for name in names)
    assert 0 < idle + interval * count <= 120

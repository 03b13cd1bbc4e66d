# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
Throw-away PostgreSQL clusters: each has its own directory, socket and port, and is gone afterwards.

`LIFEBOAT_TEST_PG_BIN` names another directory of PostgreSQL's programs; otherwise the highest installed major is used.
`LIFEBOAT_TEST_LC_MESSAGES` is the locale of the servers' messages, C without it; glibc finds it in `LOCPATH` too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
    connect,
    quote_identifier,
)

if t.TYPE_CHECKING:
    import psycopg

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "golden.sql"

MESSAGES = os.environ.get("LIFEBOAT_TEST_LC_MESSAGES", "C")
"""The locale of the messages of every server here."""

PROBE_CONTROL = """\
comment = 'an extension with configuration tables, for tests'
default_version = '1.0'
relocatable = true
trusted = true
"""
PROBE_SQL = """\
CREATE TABLE probe_settings (name text PRIMARY KEY, value text, builtin boolean NOT NULL DEFAULT true);
INSERT INTO probe_settings (name, value) VALUES ('shipped', 'by the extension');
CREATE TABLE probe_everything (id integer, note text);
CREATE SEQUENCE probe_counter;
CREATE TABLE probe_private (t text);
CREATE FUNCTION probe_function() RETURNS integer LANGUAGE sql AS 'SELECT 1';
SELECT pg_catalog.pg_extension_config_dump('probe_settings', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('probe_everything', '');
SELECT pg_catalog.pg_extension_config_dump('probe_counter', '');
"""


def bin_directory() -> str:
    """Where the programs of the PostgreSQL under test are."""
    if chosen := os.environ.get("LIFEBOAT_TEST_PG_BIN"):
        return chosen
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[-3]))
    return os.path.dirname(found[-1])


@dataclasses.dataclass
class Cluster:
    """A running server. Superuser is `postgres`, trusted on the socket; TCP wants `password`."""

    directory: str
    bin: str
    port: int
    encoding: str
    password: str

    @property
    def login(self) -> Login:
        return Login(unix_socket=self.directory, port=self.port, user="postgres")

    @property
    def tcp(self) -> Login:
        return Login(host="127.0.0.1", port=self.port, user="postgres", password=self.password)

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": self.directory, "LANG": "C.UTF-8"}

    def as_role(self, role: str) -> Login:
        return dataclasses.replace(self.login, user=role)

    def connect(self, database: str = "postgres") -> psycopg.Connection[t.Any]:
        return connect(self.login, database)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[t.Any, ...]]:
        """Run statements and give the last one's rows."""
        with contextlib.closing(self.connect(database)) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def program(
        self, name: str, *arguments: str | bytes, database: str = "postgres", stdin: bytes | None = None
    ) -> bytes:
        """Run one of PostgreSQL's programs against this server, and give what it prints."""
        environment = {
            **self.environ,
            "PGHOST": self.directory,
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": database,
        }
        done = subprocess.run(
            [os.path.join(self.bin, name), *arguments], env=environment, input=stdin, capture_output=True, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"{name} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def script(self, path: Path, database: str) -> None:
        """Run a file of SQL by psql."""
        self.program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path), database=database)

    def create(self, name: str, options: str = "TEMPLATE template0") -> str:
        self.execute(f"CREATE DATABASE {quote_identifier(name)} {options}")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {quote_identifier(name)} WITH (FORCE)")


def start_cluster(encoding: str = "UTF8", *, bin_dir: str = "", settings: t.Mapping[str, str] | None = None) -> Cluster:
    """Make and start a server. Return it to `stop_cluster` whatever happens."""
    directory = tempfile.mkdtemp(prefix="lifeboat-test-")
    os.chmod(directory, 0o755)  # the socket lies in it
    cluster = Cluster(directory, bin_dir or bin_directory(), free_port(), encoding, secrets.token_hex(8))
    try:
        if os.getuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        _install_probe(cluster.bin)
        _as_server_user(
            cluster,
            "initdb",
            *("-D", f"{directory}/data", "-U", "postgres", "-E", encoding, "--locale=C", "--auth-local=trust"),
            *("--auth-host=scram-sha-256", "--no-sync", "--no-instructions"),
        )
        _configure(cluster, settings or {})
        _as_server_user(cluster, "pg_ctl", "-D", f"{directory}/data", "-w", "-l", f"{directory}/log", "start")
        cluster.execute(f"ALTER ROLE postgres PASSWORD '{cluster.password}'")
    except BaseException:
        stop_cluster(cluster)
        raise
    return cluster


def stop_cluster(cluster: Cluster) -> None:
    """Stop a server and remove all that it left."""
    if os.path.exists(f"{cluster.directory}/data/postmaster.pid"):
        with contextlib.suppress(subprocess.CalledProcessError):
            _as_server_user(cluster, "pg_ctl", "-D", f"{cluster.directory}/data", "-w", "-m", "immediate", "stop")
    shutil.rmtree(cluster.directory, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _configure(cluster: Cluster, settings: t.Mapping[str, str]) -> None:
    values = {
        "port": str(cluster.port),
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": f"'{cluster.directory}'",
        "fsync": "off",
        "shared_buffers": "'32MB'",
        "max_connections": "60",
        "wal_level": "logical",
        "max_prepared_transactions": "5",
        "lc_messages": f"'{MESSAGES}'",
        "autovacuum": "off",
        **settings,
    }
    with open(f"{cluster.directory}/data/postgresql.conf", "a", encoding="utf-8") as file:
        file.writelines(f"{name} = {value}\n" for name, value in values.items())


def _as_server_user(cluster: Cluster, program: str, *arguments: str) -> None:
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    done = subprocess.run(
        [os.path.join(cluster.bin, program), *arguments],
        cwd=cluster.directory,
        # Not LC_ALL, which would win over the server's own lc_messages.
        env={**cluster.environ, "LC_MESSAGES": "C", **_locales()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        check=False,
        **({"user": user, "group": user, "extra_groups": []} if os.getuid() == 0 else {}),
    )
    if done.returncode != 0:
        log = Path(cluster.directory, "log")
        said = done.stderr.decode() if done.stderr else (log.read_text(errors="replace") if log.exists() else "")
        raise subprocess.CalledProcessError(done.returncode, program, stderr=said)


def _locales() -> dict[str, str]:
    return {name: os.environ[name] for name in ("LOCPATH",) if name in os.environ}


def _install_probe(bin_dir: str) -> None:
    """
    Put the extension of the golden database where this PostgreSQL looks for extensions.

    It stays there: another session of tests on this machine may be using it, and nothing uses it unasked.
    """
    share = subprocess.run(
        [os.path.join(bin_dir, "pg_config"), "--sharedir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    # The script first: a server that sees the control file wants the script.
    for name, text in (("lifeboat_probe--1.0.sql", PROBE_SQL), ("lifeboat_probe.control", PROBE_CONTROL)):
        install_file(Path(share, "extension", name), text.encode())


def install_file(path: Path, content: bytes) -> None:
    """Make `path` hold `content`, readable for the server's user; whoever reads it meanwhile sees a whole file."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o644:
            return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


class ClusterFactory(t.Protocol):
    def __call__(self, encoding: str = "UTF8") -> Cluster: ...


class DatabaseFactory(t.Protocol):
    def __call__(self, *, encoding: str = "UTF8", sql: str = "", golden: bool = False, name: str = "") -> str: ...


@pytest.fixture(scope="session")
def cluster() -> t.Iterator[ClusterFactory]:
    """`cluster(encoding)` gives a running server of that encoding, the same one throughout the session."""
    running: dict[str, Cluster] = {}

    def give(encoding: str = "UTF8") -> Cluster:
        if encoding not in running:
            running[encoding] = start_cluster(encoding)
        return running[encoding]

    try:
        yield give
    finally:
        for server in running.values():
            stop_cluster(server)


@pytest.fixture
def database(cluster: ClusterFactory) -> t.Iterator[DatabaseFactory]:
    """`database(sql=...)` makes an empty database, runs the SQL in it, and gives its name; dropped afterwards."""
    made: list[tuple[Cluster, str]] = []

    def make(*, encoding: str = "UTF8", sql: str = "", golden: bool = False, name: str = "") -> str:
        server = cluster(encoding)
        name = name or f"test_{secrets.token_hex(6)}"
        made.append((server, name))
        server.create(name)
        if golden:
            server.script(GOLDEN, name)
        if sql:
            server.execute(sql, name)
        return name

    yield make
    for server, name in made:
        server.drop(name)

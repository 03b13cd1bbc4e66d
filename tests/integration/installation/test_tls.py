# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that asks for client certificates is reached by what the roles are told, and no other is taken for it."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
    child_environment,
    connect,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from installing import part
from postgres_fixtures import Cluster, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installing import Installation


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def _signed(folder: Path, name: str, subject: str, *more: str) -> None:
    """Make a key and a certificate of the authority in `folder`."""
    request = folder / f"{name}.csr"
    _openssl(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        folder / f"{name}.key",
        "-out",
        request,
        "-subj",
        subject,
        *more,
    )
    authority = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial")
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        *authority,
        "-days",
        "2",
        "-copy_extensions",
        "copy",
        "-out",
        folder / f"{name}.crt",
    )
    (folder / f"{name}.key").chmod(0o600)


@dataclasses.dataclass
class Guarded:
    server: Cluster
    login: Login


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A server that lets a role in by a client certificate and by nothing else; its own is for 127.0.0.1 alone."""
    folder = tmp_path / "pki"
    folder.mkdir()
    _openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        folder / "ca.key",
        "-out",
        folder / "ca.crt",
        "-subj",
        "/CN=ca",
    )
    _signed(folder, "server", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1")
    _signed(folder, "client", "/CN=reader")
    server = start_cluster()
    try:
        for name in ("server.key", "server.crt", "ca.crt"):
            shutil.copy(folder / name, f"{server.directory}/data/{name}")
            shutil.chown(f"{server.directory}/data/{name}", "postgres", "postgres")
        with open(f"{server.directory}/data/pg_hba.conf", "w", encoding="utf-8") as file:
            file.write("local all all trust\nhostssl all reader all cert\n")
        for setting in ("ssl = 'on'", "ssl_ca_file = 'ca.crt'"):
            server.execute(f"ALTER SYSTEM SET {setting}")
        server.execute("SELECT pg_reload_conf()")
        server.execute("CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader")
        paths = {"ca_cert": folder / "ca.crt", "ssl_cert": folder / "client.crt", "ssl_key": folder / "client.key"}
        files = {name: str(path) for name, path in paths.items()}
        yield Guarded(server, Login("127.0.0.1", server.port, "reader", ssl_mode="verify-full", **files))
    finally:
        stop_cluster(server)


def test_a_client_certificate_opens_and_another_servers_name_does_not(
    guarded: Guarded, installation: Installation
) -> None:
    login = guarded.login
    connect(login, "postgres").close()
    programs = [f"{guarded.server.bin}/psql", "-XAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]
    assert process.run(programs, env=child_environment(login, "postgres", guarded.server.environ)) == b"t\n"
    with pytest.raises(DatabaseError):
        connect(dataclasses.replace(login, ssl_cert=None, ssl_key=None), "postgres")
    with pytest.raises(DatabaseError):
        connect(dataclasses.replace(login, host="localhost"), "postgres")

    said = installation.play(
        [
            part("databases", "backup"),
            {"name": "Show them", "ansible.builtin.debug": {"msg": "found {{ backup_found.names }}"}},
        ],
        lifeboat_login_user="reader",
        lifeboat_login_host=login.host,
        lifeboat_login_port=login.port,
        lifeboat_login_ssl_mode="verify-full",
        lifeboat_login_ca_cert=login.ca_cert,
        lifeboat_login_ssl_cert=login.ssl_cert,
        lifeboat_login_ssl_key=login.ssl_key,
        lifeboat_python="{{ ansible_playbook_python }}",
    )
    assert "found ['postgres']" in said

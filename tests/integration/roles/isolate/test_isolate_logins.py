# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The logins of a real server: all are turned off but ours, and exactly those are turned on again."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import typing as t
from pathlib import Path

import psycopg
import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    quote_identifier,
)
from environment import unconfigured
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from postgres_fixtures import Cluster, ClusterFactory

ROLE = "lifeboat.recovery.isolate"
HOSTILE = ['quo"te', "'; DROP ROLE app; --", "back\\slash", "line\nbreak", "{{ 7 * 7 }}", "été"]
OFF_ALREADY = "owner_only"


@dataclasses.dataclass
class Server:
    """A server whose logins the role turns off and on."""

    cluster: Cluster
    home: Path

    def play(self, *parts: str, check: bool = False) -> str:
        """Include parts of the role, a part with "elsewhere" before it with a server that does not answer."""
        variables = {
            "lifeboat_application": "shop",
            "lifeboat_store": {"url": "file:///nowhere"},
            "lifeboat_login_unix_socket": self.cluster.directory,
            "lifeboat_login_port": self.cluster.port,
            "ansible_connection": "local",
            "ansible_become": True,
            "ansible_python_interpreter": "/usr/bin/python3",  # postgres uses it too
            "isolate_dir": str(self.home),
            "isolate_directory": {"changed": False},
        }
        tasks: list[dict[str, t.Any]] = [{"ansible.builtin.getent": {"database": "passwd"}}]
        for part in parts:
            nowhere = {"settings_login_unix_socket": "/nowhere"} if part.startswith("elsewhere") else {}
            role = {"name": ROLE, "tasks_from": part.removeprefix("elsewhere "), "rolespec_validate": False}
            tasks.append({"ansible.builtin.include_role": role, "vars": nowhere})
        play = {"hosts": "db1", "gather_facts": False, "tasks": tasks}
        (self.home / "play.yml").write_text(yaml.safe_dump([play]))
        (self.home / "given.json").write_text(json.dumps(variables))
        environ = unconfigured()
        environ |= {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "LC_ALL": "C.UTF-8",
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [
                program,
                "-i",
                "db1,",
                "-e",
                f"@{self.home}/given.json",
                self.home / "play.yml",
                *(["--check", "--diff"] if check else []),
            ],
            env=environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def roles(self) -> list[tuple[t.Any, ...]]:
        """Return all that the server knows of its roles."""
        return self.cluster.execute("SELECT * FROM pg_authid ORDER BY oid")

    def who_can_log_in(self) -> set[str]:
        return {name for (name,) in self.cluster.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")}

    def session_of(self, role: str) -> psycopg.Connection[t.Any]:
        login = self.cluster.as_role(role)
        return psycopg.connect(host=login.unix_socket, port=login.port, user=role, dbname="postgres")


@pytest.fixture
def server(cluster: ClusterFactory, tmp_path: Path) -> t.Iterator[Server]:
    made = Server(cluster(), tmp_path)
    roles = ["app", "lifeboat", *HOSTILE]
    for role in roles:
        made.cluster.execute(f"CREATE ROLE {quote_identifier(role)} LOGIN PASSWORD 'x' CONNECTION LIMIT 7")
    made.cluster.execute(f"CREATE ROLE {OFF_ALREADY} NOLOGIN; CREATE ROLE dba LOGIN SUPERUSER")
    yield made
    for role in (*roles, OFF_ALREADY, "dba"):
        made.cluster.execute(f"DROP ROLE IF EXISTS {quote_identifier(role)}")


def test_logins_are_turned_off_and_exactly_those_on_again(server: Server) -> None:
    before = server.roles()
    sessions = {role: server.session_of(role) for role in ("app", "dba", "postgres", "lifeboat")}
    planned = server.play("logins_off.yml", check=True)
    assert '"name": "app"' in planned
    assert "{{ 7 * 7 }}" in planned
    assert server.roles() == before
    assert sessions["app"].execute("SELECT 1").fetchone() == (1,)

    server.play("logins_off.yml")
    assert server.who_can_log_in() == {"postgres", "lifeboat"}
    for role in ("app", "dba", "postgres"):
        with pytest.raises(psycopg.OperationalError):
            sessions[role].execute("SELECT 1")
    assert sessions["lifeboat"].execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        server.session_of("app")
    kept = server.home / f"logins-{server.cluster.port}.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    listed = kept.read_text()

    # Again; and an undo while the server does not answer, which keeps the list for the next one.
    again = server.play("logins_off.yml", "elsewhere logins_on.yml")
    assert "changed=0 " in again
    assert kept.read_text() == listed

    server.play("logins_on.yml", "logins_on.yml")
    assert server.roles() == before
    assert not kept.exists()
    for session in sessions.values():
        session.close()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real playbooks, really run on this machine, with a database, a store and a history of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit

if t.TYPE_CHECKING:
    from fixtures_postgres import Cluster, ClusterFactory, DatabaseFactory

COLLECTIONS = Path(next(path for path in sys.path if (Path(path) / "ansible_collections").is_dir()))


@dataclasses.dataclass
class Plays:
    """Runs playbooks of the collection on this machine, with a database, a store and a history of its own."""

    home: Path
    server: Cluster
    database: str
    history: str

    def variables(self) -> dict[str, t.Any]:
        home = str(self.home)
        return {
            "lifeboat_application": "shop",
            "lifeboat_cluster": "main",
            "lifeboat_store": {"url": f"file://{home}/store"},
            "lifeboat_config_dir": f"{home}/etc",
            "lifeboat_state_dir": f"{home}/state",
            "lifeboat_key_mode": "single-key",
            "lifeboat_user": "root",
            "lifeboat_python": sys.executable,
            "lifeboat_login_user": "postgres",
            "lifeboat_login_unix_socket": self.server.directory,
            "lifeboat_login_port": self.server.port,
            "lifeboat_databases": [self.database],
            "lifeboat_progress_interval": 0,
            "lifeboat_requested_by": "alice",
            "lifeboat_history": {"login_db": self.history},
        }

    def run(self, name: str, *arguments: str, **changes: t.Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook as `start` does, and give what it said."""
        running = self.start(name, *arguments, **changes)
        out, err = running.communicate()
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    def start(
        self,
        name: str,
        *arguments: str,
        hosts: t.Mapping[str, t.Any] | None = None,
        others: t.Mapping[str, t.Any] | None = None,
        **changes: t.Any,
    ) -> subprocess.Popen[str]:
        """
        Start a playbook. A variable that is None is not set.

        `others` are hosts beside db1, and `hosts` those in its place, by their variables.
        """
        given = {key: value for key, value in {**self.variables(), **changes}.items() if value is not None}
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory = self.home / "hosts.json"
        known = hosts or {"db1": local, **(others or {})}
        inventory.write_text(json.dumps({"databases": {"hosts": known, "vars": given}}))
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PG", "AWS_"))}
        environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ |= {
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_PIPELINING": "1",
        }
        return subprocess.Popen(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                "-i",
                inventory,
                f"lifeboat.recovery.{name}",
                *arguments,
            ],
            env=environ,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rows(self) -> list[tuple[t.Any, ...]]:
        """Return what the table says."""
        query = "SELECT operation, status, requested_by FROM public.backup_logs ORDER BY sequence"
        return self.server.execute(query, self.history)

    def entries(self) -> list[tuple[str, str]]:
        log = audit.AuditLog(str(self.home / "state"))
        assert log.verify() == []
        return [(entry.operation, entry.result) for entry in log.entries()]


@pytest.fixture
def plays(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> Plays:
    for name in ("store", "state", "etc/keys"):
        (tmp_path / name).mkdir(parents=True)
    key = tmp_path / "etc/keys/recovery.key"
    key.write_text(f"{secrets.token_hex(32)}\n")
    key.chmod(0o600)
    shop = database(sql="CREATE TABLE public.t AS SELECT generate_series(1, 100) AS id")
    return Plays(tmp_path, cluster(), shop, database())

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of docs/restore-without-it.md bring a database back, as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import modules
import pytest

if t.TYPE_CHECKING:
    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/restore-without-it.md").read_text(encoding="utf-8")
FETCH, OPEN, LOAD = re.findall(r"^```shell\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
TRUST = ' --trust "$(ls shop/trust/*.json | tail -n 1)"'
CONTENTS = """
CREATE TABLE public.customers (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO public.customers (name) SELECT 'customer ' || n FROM generate_series(1, 100) n;
"""
LOOKS = (
    "SELECT count(*), max(name) FROM public.customers",
    "SELECT conname, contype::text FROM pg_constraint WHERE conrelid = 'public.customers'::regclass ORDER BY 1",
    "SELECT last_value FROM public.customers_id_seq",
)


class Home:
    """A store with a backup of database `shop` in it, and the keys that made it."""

    def __init__(self, directory: Path, server: Cluster) -> None:
        self.directory = directory
        self.server = server
        self.store = {"url": f"file://{directory}/store"}
        for name in ("store", "state", "rescue"):
            (directory / name).mkdir()
        self.root = self._key("recovery")["root"]

    def _key(self, kind: str) -> dict[str, t.Any]:
        return modules.run("recovery_key", {"type": kind, "path": str(self.directory / f"{kind}.key")})

    def seal(self) -> dict[str, t.Any]:
        """Let a host sign by its own key, and give the options that it has then."""
        signers = [{"public": self._key("signer")["public"], "scope": ["db1.example.com/*"]}]
        common = {"application": "shop", "recovery_key_file": str(self.directory / "recovery.key")}
        signed = modules.run("recovery_trust", {**common, "state": "signed", "signers": signers})
        published = {"application": "shop", "state": "published", "store": self.store, "roots": [self.root]}
        assert modules.run("recovery_trust", {**published, "envelope": signed["envelope"]})["changed"]
        return {"signer_file": str(self.directory / "signer.key"), "roots": [self.root]}

    def back_up(self, keys: dict[str, t.Any]) -> str:
        options = {
            "application": "shop",
            "cluster": "db1.example.com",
            "login_db": "shop",
            "login_unix_socket": self.server.login.unix_socket,
            "login_port": self.server.port,
            "login_user": "postgres",
            "store": self.store,
            "keys": keys,
            "state_dir": str(self.directory / "state"),
        }
        result = modules.run("pg_backup", options)
        return str(result["backup"]["backup_id"])

    def run(self, commands: str) -> None:
        """Run commands where there is nothing but the page's files, PostgreSQL's programs and a Python."""
        environ = {
            **self.server.environ,
            "PATH": f"{self.server.bin}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "PGHOST": self.server.directory,
            "PGPORT": str(self.server.port),
            "PGUSER": "postgres",
        }
        shell = ["bash", "-euo", "pipefail", "-c", commands]
        done = subprocess.run(
            shell, cwd=self.directory / "rescue", env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed-host", "single-key"])
def test_the_commands_of_the_page_bring_a_database_back(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, *, sealed: bool
) -> None:
    server = cluster()
    database(name="shop", sql=CONTENTS)
    before = [server.execute(look, "shop") for look in LOOKS]
    home = Home(tmp_path, server)
    backup_id = home.back_up(home.seal() if sealed else {"recovery_key_file": str(tmp_path / "recovery.key")})
    server.drop("shop")
    shutil.copytree(tmp_path / "store" / "shop", tmp_path / "rescue" / "shop")
    for path in (tmp_path / "recovery.key", ROOT / "recovery-kit" / "lifeboat_decrypt.py"):
        shutil.copy2(path, tmp_path / "rescue")

    assert "aws s3 cp" in FETCH
    assert TRUST in OPEN
    opening = OPEN if sealed else OPEN.replace(TRUST, "")
    home.run(re.sub(r"^id=.*$", f"id={backup_id}", opening, count=1, flags=re.MULTILINE))
    home.run(re.sub(r"0002 0003 0004", "0002", LOAD, count=1))

    assert [server.execute(look, "shop") for look in LOOKS] == before

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The shipped plan for an intruder, on this machine and a real server, without the steps that need other machines.

The data come back as they were before, and a damaged backup is replaced by another one only by name.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import sys
import time
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.local_keys import KeySettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue

if t.TYPE_CHECKING:
    from playing import Plays

SHIPPED = Path(__file__).resolve().parents[4] / "roles/recover/files/plans/ransomware.yml"
STEPS = ["restore", "rotate", "read_only", "check", "read_write", "notify"]
"""Those that need no other machine, in the order of the plan; the others are tried on hosts of their own."""

ROWS = "SELECT count(*) FROM public.t WHERE id > 0"
ROTATE = """
- name: Change what the intruder knows
  ansible.builtin.copy:
    content: "{{ recover_step.id }}\\n"
    dest: "{{ home }}/rotated"
    mode: "0600"
"""


@dataclasses.dataclass
class Attacked:
    """A shop whose database was encrypted between two backups."""

    plays: Plays
    clean: str
    latest: str
    since: str

    def run(self, code: int, *arguments: str, **given: t.Any) -> str:
        """Run the plan, and return what was printed. Its exit status must be this."""
        own = {
            "home": str(self.plays.home),
            "lifeboat_services": [self._service()],
            "lifeboat_recovery_key_file": f"{self.plays.home}/etc/keys/recovery.key",
            "lifeboat_recovery_state_dir": f"{self.plays.home}/controller",
            "lifeboat_recovery_report_dest": f"{self.plays.home}/reports",
            "lifeboat_rotate": "rotate.yml",
            "lifeboat_postgres_user": "root",
            "lifeboat_service_within": "2s",
        }
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        web = {"application": {"hosts": {"web1": local}, "vars": {**self.plays.variables(), **own}}}
        (self.plays.home / "web.json").write_text(json.dumps(web))
        told = json.dumps({"lifeboat_plan": "ransomware", **given})
        done = self.plays.run(
            "recover", "-i", f"{self.plays.home}/web.json", "-e", told, *arguments, lifeboat_history=None, **own
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rows(self) -> int:
        ((count,),) = self.plays.server.execute(ROWS, self.plays.database)
        return int(count)

    def _service(self) -> dict[str, t.Any]:
        server, database = self.plays.server, self.plays.database
        return {
            "name": "shop",
            "hosts": "application",
            "manager": "tasks",
            "tasks": f"{self.plays.home}/service.yml",
            "checks": [
                {
                    "name": "orders can be written",
                    "write": {
                        "database": database,
                        "query": "INSERT INTO public.t VALUES (0)",
                        "login_unix_socket": str(server.directory),
                        "login_port": server.port,
                        "login_user": "app",
                        "login_password_file": f"{self.plays.home}/app.password",
                    },
                }
            ],
            "read_only": {"databases": [{"host": "db1", "name": database}]},
        }


def _recovered(plays: Plays) -> catalogue.Repository:
    keys = KeySettings(recovery_key_file=f"{plays.home}/etc/keys/recovery.key")
    settings = catalogue.RepositorySettings("shop", StoreSettings(f"file://{plays.home}/store"), keys)
    return catalogue.open_repository(settings, _world())


def _world() -> World:
    return World(now=lambda: datetime.now(UTC), sleep=time.sleep, environ={}, dry_run=False)


def _newest(plays: Plays) -> catalogue.Backup:
    return max(_recovered(plays).backups(), key=lambda backup: backup.manifest.started)


@pytest.fixture
def attacked(plays: Plays) -> t.Iterator[Attacked]:
    home = plays.home
    password = "sesame-open-sesame-4215"
    (home / "app.password").write_text(password)
    (home / "app.password").chmod(0o600)
    plays.server.execute(f"CREATE ROLE app LOGIN PASSWORD '{password}'; CREATE ROLE root LOGIN SUPERUSER")
    plays.server.execute("GRANT SELECT, INSERT ON public.t TO app", plays.database)
    (home / "recovery").mkdir()
    (home / "recovery/rotate.yml").write_text(ROTATE)
    (home / "service.yml").write_text("- name: Nothing is to be done\n  ansible.builtin.meta: noop\n")
    plan = yaml.safe_load(SHIPPED.read_text())
    assert [step["id"] for step in plan["steps"] if step["id"] in STEPS] == STEPS
    plan["steps"] = [step for step in plan["steps"] if step["id"] in STEPS]
    (home / "recovery/ransomware.yml").write_text(yaml.safe_dump(plan))

    assert plays.run("backup", lifeboat_history=None).returncode == 0
    clean = _newest(plays)
    assert marking.record_restore_test(clean, "by the test", _world()) == (True, "")
    time.sleep(1.1)  # ids and times of backups are whole seconds
    since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    plays.server.execute("UPDATE public.t SET id = -id", plays.database)
    assert plays.run("backup", lifeboat_history=None).returncode == 0
    yield Attacked(plays, clean.manifest.backup_id, _newest(plays).manifest.backup_id, since)
    for (name,) in plays.server.execute(f"SELECT datname FROM pg_database WHERE datname LIKE '{plays.database}%'"):
        plays.server.drop(name)
    plays.server.execute("DROP ROLE app; DROP ROLE root")


def test_the_data_from_before_come_back_and_stay_closed_while_they_can_be_written(attacked: Attacked) -> None:
    plays = attacked.plays
    assert "The plan ransomware needs lifeboat_infected_since." in attacked.run(4)
    (plays.home / "recovery/rotate.yml").rename(plays.home / "recovery/rotate.off")
    said = attacked.run(2, lifeboat_infected_since=attacked.since)
    assert "there is no file" in said
    assert "Examine the hosts" not in said
    (plays.home / "recovery/rotate.off").rename(plays.home / "recovery/rotate.yml")

    said = attacked.run(2, lifeboat_infected_since=attacked.since)
    assert "Nothing was changed." in said
    (token,) = set(re.findall(r"lifeboat_confirm=(ransomware-[0-9a-f]{8})", said))
    given = {"lifeboat_infected_since": attacked.since, "lifeboat_confirm": token}

    # A session that may set it back writes all the same, so the databases are not called read-only.
    plays.server.execute("ALTER ROLE app SET default_transaction_read_only = off")
    said = attacked.run(2, **given)
    assert "stopped in step read_only." in said
    assert "orders can be written failed" in said
    assert attacked.rows() == 100
    assert (plays.home / "rotated").read_text() == "rotate\n"


def test_a_damaged_recovery_point_is_left_for_another_only_by_name(attacked: Attacked) -> None:
    plays = attacked.plays
    assert plays.run("backup", lifeboat_history=None).returncode == 0
    newest = _newest(plays).manifest.backup_id
    for path in (plays.home / f"store/shop/data/{newest}").iterdir():
        path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    given = {"lifeboat_plan": "default"}

    said = attacked.run(2, **given)
    assert "stopped in step restore." in said
    assert f"set backup (lifeboat_restore_from) to {attacked.latest}." in " ".join(said.split())
    assert attacked.rows() == 0

    given["lifeboat_restore_from"] = attacked.clean
    said = attacked.run(2, **given)
    assert "Nothing was changed." in said
    (token,) = set(re.findall(r"lifeboat_confirm=(default-[0-9a-f]{8})", said))
    said = attacked.run(0, **given, lifeboat_confirm=token)
    assert "is finished." in said
    assert attacked.rows() == 100
    journal = next((plays.home / "controller/recoveries").glob("*/*.jsonl"))
    assert '"kind":"repin"' in _payloads(journal)


def _payloads(journal: Path) -> str:
    return "".join(base64.b64decode(json.loads(line)["payload"]).decode() for line in journal.read_text().splitlines())

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role writes down what the command needs, and both come to the same findings."""

from __future__ import annotations

import dataclasses
import getpass
import json
import os
import subprocess
import sys
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import cli
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from postgres_fixtures import ClusterFactory, DatabaseFactory

COLLECTIONS = next(path for path in sys.path if os.path.isdir(os.path.join(path, "ansible_collections")))
SQL = "CREATE TABLE public.notes AS SELECT i AS id FROM generate_series(1, 500) i"

PLAY = [
    {
        "name": "Write the settings, and examine",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Write the settings",
                "ansible.builtin.include_role": {"name": "lifeboat.recovery.host", "tasks_from": "settings"},
            },
            {"name": "Know the variables", "ansible.builtin.include_role": {"name": "lifeboat.recovery.preflight"}},
            {"name": "Examine", "ansible.builtin.include_role": {"name": "lifeboat.recovery.doctor"}},
            {
                "name": "Examine strictly",
                "vars": {"doctor_fail_on": "warning"},
                "ansible.builtin.include_role": {"name": "lifeboat.recovery.doctor"},
            },
        ],
    }
]


def variables(place: fault_fixtures.Fixture) -> dict[str, t.Any]:
    (place.home / "config" / "keys").mkdir(parents=True, mode=0o700)
    fault_fixtures.write_secret(place.home / "config" / "keys" / "recovery.key", place.key.hex())
    login = place.server.login
    return {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "lifeboat_python": sys.executable,
        "lifeboat_application": fault_fixtures.APPLICATION,
        "lifeboat_cluster": fault_fixtures.CLUSTER,
        "lifeboat_store": {"url": place.store.url},
        "lifeboat_key_mode": "single-key",
        "lifeboat_user": getpass.getuser(),
        "lifeboat_config_dir": str(place.home / "config"),
        "lifeboat_state_dir": str(place.home / "state"),
        "lifeboat_scratch_dir": str(place.home / "scratch"),
        "lifeboat_databases": [place.database],
        "lifeboat_login_unix_socket": login.unix_socket,
        "lifeboat_login_port": login.port,
        "lifeboat_login_user": login.user,
        "lifeboat_doctor_limits": {"backup_age": "1h"},
        # What a vault or a controller's file holds has no place on the host.
        "lifeboat_store_credentials": {"secret_access_key": "planted-secret"},
    }


def play(place: fault_fixtures.Fixture, given: dict[str, t.Any]) -> subprocess.CompletedProcess[str]:
    (place.home / "play.json").write_text(json.dumps(PLAY))
    (place.home / "variables.json").write_text(json.dumps(given))
    environ = {
        **place.environ,
        "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
        "ANSIBLE_HOME": str(place.home / "ansible"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_NOCOLOR": "1",
    }
    argv = [sys.executable, "-m", "ansible", "playbook", "play.json", "--extra-vars", "@variables.json"]
    return subprocess.run(
        argv, env=environ, cwd=place.home, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_role_and_program_agree(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SQL), tmp_path)
    given = variables(place)
    # The credentials are for a cloud; with a directory their file is only looked at.
    fault_fixtures.write_secret(place.home / "config" / "keys" / "store.credentials", "[default]\n")

    place.back_up()
    done = play(place, given)
    # The backup was never restored for a test: a warning, which only the second examination does not bear.
    assert done.returncode == 2, done.stdout[-4000:] + done.stderr
    assert done.stdout.count("1 database checked: no newest backup") == 2
    assert done.stdout.count("TASK [lifeboat.recovery.doctor : Fail on a bad result]") == 2
    assert done.stdout.count("fatal: ") == 1

    config = str(place.home / "config")
    document = (place.home / "config" / "host.json").read_text()
    assert "planted-secret" not in document
    assert (place.home / "config" / "host.json").stat().st_mode & 0o777 == 0o640

    assert cli.main(["health", "--json", "--config-dir", config], place.environ) == 1
    told = json.loads(capsys.readouterr().out)
    for check in told["checks"]:
        assert f" {check['name']}: " in done.stdout, check
    assert cli.main(["config", "--json", "--config-dir", config], {"AWS_SECRET_ACCESS_KEY": "planted-too"}) == 0
    shown = capsys.readouterr().out
    settings = {each["name"]: (each["value"], each["source"]) for each in json.loads(shown)}
    assert settings["lifeboat_doctor_limits"] == ({"backup_age": "1h"}, "inventory")
    assert settings["lifeboat_compression"] == ("zstd:3", "default")
    assert settings["store.url"] == (dataclasses.asdict(place.store)["url"], f"{config}/host.json")
    assert settings["AWS_SECRET_ACCESS_KEY"] == ("********", "environment")
    assert "planted" not in shown

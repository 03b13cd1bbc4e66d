# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What looks like a template in a variable, such as an array in a query, is told to a host's own jobs as it is."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.schedule import run
from examples.example_fixtures import Ansible

ROLES = Path(__file__).resolve().parents[4] / "roles"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
ODD = ["'{{1,2},{3,4}}'::int[][]", "{% if", "{# no comment", '"\\ 🛟 \x7f', "2026-11-20", "yes", " a\nb"]
TOLD: dict[str, t.Any] = {
    "lifeboat_application": "shop",
    "lifeboat_checks": [{"name": "{{ name }}", "query": query, "expect": {"{{ key }}": None}} for query in ODD],
    "lifeboat_jobs": 3,
    "lifeboat_store": {"url": "file:///srv/{{ where }}"},
}
READ = {"ansible.builtin.debug": {"msg": f"{{{{ [{', '.join(TOLD)}] }}}}"}}


def said(output: str) -> list[t.Any]:
    """Return what the one task of a play said."""
    text = output.partition("ok: [db1] => ")[2].partition("\n\nPLAY RECAP")[0]
    return t.cast("list[t.Any]", json.loads(text)["msg"])


def test_the_inventory_of_a_host_says_what_the_controllers_said(tmp_path: Path) -> None:
    """A value from a vault is written in the clear: a host has no password of it."""
    ansible = Ansible(tmp_path)
    (tmp_path / "password").write_text("s3cret")
    vaulted = ansible.run(
        "ansible-vault", "encrypt_string", "--vault-password-file", "password", "-n", "lifeboat_login_user", "pat"
    )
    given = {name: run._untrusted(value) for name, value in TOLD.items()}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"databases": {"hosts": {"db1": {**LOCAL, **given}}}}))
    written = {"src": str(ROLES / "schedule/templates/inventory.yml.j2"), "dest": str(tmp_path / "told.yml")}
    files = [
        str(ROLES / role / part / "main.yml") for role in ("settings", "schedule") for part in ("defaults", "vars")
    ]
    play = {
        "hosts": "db1",
        "gather_facts": False,
        "vars_files": [*files, "vault.yml"],
        "tasks": [{"ansible.builtin.template": written}],
    }
    (tmp_path / "vault.yml").write_text(vaulted.stdout)
    (tmp_path / "plays.yml").write_text(json.dumps([play]))
    done = ansible.run("ansible-playbook", "-i", inventory, "plays.yml", "--vault-password-file", "password")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lifeboat_login_user: pat\n" in (tmp_path / "told.yml").read_text(encoding="utf-8")

    done = ansible.play([tmp_path / "told.yml"], [{"hosts": "db1", "gather_facts": False, "tasks": [READ]}])

    assert said(done.stdout) == list(TOLD.values()), done.stderr


def test_a_job_is_told_its_own_variables_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps(run._untrusted(TOLD)))
    (tmp_path / "plays.yml").write_text(json.dumps([{"hosts": "db1", "gather_facts": False, "tasks": [READ]}]))
    done = Ansible(tmp_path).run("ansible-playbook", "-i", "db1,", "plays.yml", "-c", "local", "-e", "@job.json")
    assert said(done.stdout) == list(TOLD.values()), done.stderr

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role host writes down for the host's own tools is what the roles go by."""

from __future__ import annotations

import json
import re
import typing as t

import pytest
import role_variables
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.login import Login
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor.local import request_of
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.host import settings

if t.TYPE_CHECKING:
    from pathlib import Path

GIVEN = {
    "lifeboat_application": "shop",
    "lifeboat_store": {"url": "s3://example-backups/postgresql"},
    "lifeboat_key_mode": "single-key",
    "lifeboat_validator": False,
}
NOT_WRITTEN = {
    "lifeboat_fail_on": "the command says by its status what it found",
    "lifeboat_python": "the command has its own interpreter",
}


def document(**given: t.Any) -> dict[str, t.Any]:
    (text,) = role_variables.evaluated("host_document | to_nice_json", roles=("host",), **GIVEN | given)
    return t.cast("dict[str, t.Any]", json.loads(text))


def health(place: Path, document: dict[str, t.Any]) -> t.Any:
    """Return what `lifeboat health` is asked on a host with these settings."""
    (place / "host.json").write_text(json.dumps(document))
    return request_of(settings.read(str(place)), str(place), {})


def test_the_command_knows_all_that_role_doctor_goes_by() -> None:
    shown = yaml.safe_load((role_variables.ROLES / "host/vars/main.yml").read_text(encoding="utf-8"))["host_shown"]
    by_role = role_variables.Reading().play(role_variables.ROLES / "doctor/tasks/main.yml")
    written = role_variables.Reading().variable("host_document") | set(shown)
    assert by_role - written == set(NOT_WRITTEN), "write it down in roles/host/vars/main.yml, or say here why not"


def test_the_command_has_the_limits_and_the_checks_of_role_doctor(tmp_path: Path) -> None:
    given = {
        "lifeboat_alert_backup_age": "26h",
        "lifeboat_doctor_limits": {"restore_tested_age": "8d"},
        "lifeboat_doctor_checks": ["store", "backup_age"],
    }
    asked = health(tmp_path, document(**given))
    assert (asked.limits.backup_age, asked.limits.restore_tested_age) == (26 * 3600, 8 * 86400)
    assert asked.only == ("store", "backup_age")


LOGINS: tuple[tuple[dict[str, t.Any], Login], ...] = (
    ({}, Login(user="lifeboat", unix_socket="/var/run/postgresql")),
    (
        {
            "lifeboat_login_host": "db.example.com",
            "lifeboat_login_port": "5433",
            "lifeboat_login_user": "reader",
            "lifeboat_login_password_file": "/etc/lifeboat/password",
            "lifeboat_login_ssl_mode": "verify-full",
            "lifeboat_login_ca_cert": "/etc/lifeboat/ca.pem",
        },
        Login(
            host="db.example.com",
            port=5433,
            user="reader",
            password_file="/etc/lifeboat/password",
            ssl_mode="verify-full",
            ca_cert="/etc/lifeboat/ca.pem",
        ),
    ),
)


@pytest.mark.parametrize(("given", "login"), LOGINS)
def test_the_command_reaches_the_server_as_the_roles_do(tmp_path: Path, given: dict[str, t.Any], login: Login) -> None:
    assert health(tmp_path, document(**given)).login == login


def test_a_validator_without_a_database_has_no_server_to_reach(tmp_path: Path) -> None:
    given = {"lifeboat_validator": True, "lifeboat_manage_database_role": False}
    assert health(tmp_path, document(**given)).login is None


@pytest.mark.parametrize(("validator", "directory"), [(True, "/srv/scratch"), (False, None)])
def test_only_a_validator_needs_space_for_scratch_clusters(
    tmp_path: Path, validator: bool, directory: str | None
) -> None:
    given = {"lifeboat_scratch_dir": "/srv/scratch", "lifeboat_validator": validator}
    assert health(tmp_path, document(**given)).scratch_dir == directory


def test_the_defaults_that_the_command_shows_are_those_of_the_roles() -> None:
    shown = document()["variables"]
    taken = {
        role: re.findall(r"^(\w+): \"\{\{ (lifeboat_\w+) \|", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in role_variables.ROLES.glob("*/defaults/main.yml")
        if (role := path.parent.parent.name)
    }
    pairs = [
        (own, name) for each in taken.values() for own, name in each if name in set(shown) - {"lifeboat_scratch_dir"}
    ]
    values = role_variables.evaluated(*(own for own, _name in pairs), roles=tuple(taken), **GIVEN)
    assert {name: value for (_own, name), value in zip(pairs, values, strict=True)} == {
        name: shown[name] for _own, name in pairs
    }
    assert {"lifeboat_compression", "lifeboat_proof", "lifeboat_home"} <= {name for _own, name in pairs}

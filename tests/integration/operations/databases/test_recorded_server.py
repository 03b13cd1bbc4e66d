# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup records of a real server, with all rights and with few, and that it can be read back."""

from __future__ import annotations

import dataclasses
import json
import secrets
import tempfile
import typing as t
from pathlib import Path

import asked
import postgres_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    NotFound,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.databases.recorded_server import (
    RecordedServerRequest,
    read_server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor.check import ExamineRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "canary-of-a-secret"
SETTINGS = {
    "timezone": "'Asia/Kathmandu'",
    "statement_timeout": "'1h'",
    "work_mem": "'5MB'",
    "archive_command": f"'curl --user me:{SECRET} %p'",
    "primary_conninfo": f"'host=db0 password={SECRET}'",
    "app.api_token": f"'{SECRET}'",
    "app.color": "'blue'",
    "shared_preload_libraries": "'$libdir/auto_explain'",
}
RULES = f"""
host "all,of it",shop +readers 10.11.0.0/16 scram-sha-256
host all all 0.0.0.0/0 trust
host all all 10.12.0.0/16 ldap ldapserver=x ldapbasedn="dc=x" ldapbinddn="cn=y" ldapbindpasswd={SECRET}
"""
PLANTED = """
ALTER DATABASE {0} SET work_mem = '3MB'; ALTER DATABASE {0} SET timezone = 'America/Lima';
ALTER DATABASE {0} SET log_min_duration_statement = 77; ALTER DATABASE {0} SET app.color = 'red';
"""
GRANTS = """
CREATE ROLE {0} LOGIN BYPASSRLS; GRANT pg_read_all_data, pg_read_all_settings TO {0};
GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules(), pg_catalog.pg_show_all_file_settings() TO {0};
GRANT SELECT ON pg_catalog.pg_hba_file_rules, pg_catalog.pg_file_settings TO {0}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres_fixtures.Cluster]:
    """A server with settings and rules of its own, whose database has settings that its owner chose."""
    started = postgres_fixtures.start_cluster(settings=SETTINGS)
    try:
        with open(f"{started.directory}/data/pg_hba.conf", "a", encoding="utf-8") as file:
            file.write(RULES)
        for name in ("postgres", "shop", "notes"):
            if name != "postgres":
                started.create(name)
            started.execute("CREATE TABLE public.things AS SELECT 1 AS id", name)
        started.execute(PLANTED.format("shop"))
        started.execute("CREATE EXTENSION pg_trgm", "shop")
        started.execute("CREATE EXTENSION citext", "notes")
        started.execute(GRANTS.format("granted"))
        started.execute("CREATE ROLE weak LOGIN BYPASSRLS IN ROLE pg_read_all_data")
        yield started
    finally:
        postgres_fixtures.stop_cluster(started)


@pytest.fixture
def place(server: postgres_fixtures.Cluster, tmp_path: Path) -> fault_fixtures.Fixture:
    return fault_fixtures.make(server, "shop", tmp_path)


def back_up(place: fault_fixtures.Fixture, role: str, database: str = "shop") -> tuple[dict[str, t.Any], t.Any]:
    """Back up as `role`. Return what was recorded of the server, and the outcome."""
    own = dataclasses.replace(place, database=database)
    request = own.request(proof="counts")
    source = dataclasses.replace(request.source, login=place.server.as_role(role))
    outcome = fault_fixtures.backup.back_up(dataclasses.replace(request, source=source), place.world())
    made = own.find(outcome.facts["backup"]["backup_id"])
    recorded = made.record("globals")
    assert SECRET not in json.dumps(recorded["server"])
    return recorded["server"], outcome


def read(place: fault_fixtures.Fixture, **values: t.Any) -> dict[str, t.Any]:
    request = RecordedServerRequest(place.settings, fault_fixtures.CLUSTER, **values)
    return dict(read_server(request, place.world()).facts)


@pytest.mark.parametrize("role", ["postgres", "granted"])
def test_the_servers_own_settings_are_recorded_and_no_owners(place: fault_fixtures.Fixture, role: str) -> None:
    recorded, outcome = back_up(place, role)
    settings = recorded["settings"]
    wanted = {"timezone": "Asia/Kathmandu", "statement_timeout": "1h", "work_mem": "5MB", "app.color": "blue"}
    assert {name: settings[name] for name in wanted} == wanted
    assert settings["shared_preload_libraries"] == "auto_explain"
    assert settings["max_connections"] == "60"
    assert "log_min_duration_statement" not in settings
    assert {"archive_command", "primary_conninfo", "app.api_token", "port"} <= set(recorded["left_out"])
    assert not {"data_directory", "config_file", "archive_command"} & set(settings)
    assert recorded["missing"] == []
    assert not any("replacement" in warning for warning in outcome.warnings)
    ((version, number),) = place.server.execute(
        "SELECT current_setting('server_version'), current_setting('server_version_num')"
    )
    assert f"{recorded['version']} ({recorded['package']})".removesuffix(" ()") == version
    assert recorded["major"] == int(number) // 10000
    assert recorded["checksums"] is (place.server.execute("SHOW data_checksums") == [("on",)])
    assert (recorded["encoding"], recorded["collate"], recorded["shared_buffers"]) == ("UTF8", "C", 32 << 20)
    (rule,) = [rule for rule in recorded["hba"] if rule["address"] == "10.11.0.0"]
    assert (rule["databases"], rule["users"]) == (["all,of it", "shop"], ["+readers"])


def test_a_role_without_the_rights_backs_up_and_says_what_is_missing(place: fault_fixtures.Fixture) -> None:
    recorded, outcome = back_up(place, "weak")
    assert recorded["missing"] == ["settings", "configuration files", "access rules"]
    assert recorded["hba"] == []
    assert recorded["settings"]["max_connections"] == "60"
    assert recorded["settings"]["work_mem"] == "5MB"
    assert sum("settings, configuration files, access rules cannot be read" in one for one in outcome.warnings) == 1
    assert any("does not record settings" in one for one in read(place)["left_out"])


def test_a_role_that_may_enter_its_own_database_alone_backs_it_up(place: fault_fixtures.Fixture) -> None:
    name = f"alone_{secrets.token_hex(4)}"
    place.server.execute(f"CREATE ROLE {name} LOGIN; REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    place.server.execute(f"GRANT CONNECT ON DATABASE shop TO {name}; GRANT SELECT ON public.things TO {name}", "shop")
    try:
        recorded, _outcome = back_up(place, name)
    finally:
        place.server.execute("GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC")
        place.server.execute(f"DROP OWNED BY {name}; DROP ROLE {name}", "shop")
    assert recorded["settings"]["max_connections"] == "60"
    assert recorded["extensions"]["pg_trgm"]


def test_it_is_read_back_for_a_server_that_takes_its_place(place: fault_fixtures.Fixture) -> None:
    back_up(place, "granted", "notes")
    _recorded, outcome = back_up(place, "granted")
    found = read(place)
    server = found["server"]
    assert list(found["backups"]) == ["notes", "shop"]
    assert {"citext", "pg_trgm", "plpgsql"} <= set(server["extensions"])
    assert server["libraries"] == ["auto_explain"]
    assert server["settings"]["timezone"] == "Asia/Kathmandu"
    assert 'host "all,of it","shop" +"readers" 10.11.0.0 255.255.0.0 scram-sha-256' in server["hba"]
    said = " ".join(found["left_out"])
    assert "These settings stay with the old server: app.api_token, archive_command" in said
    assert "(host all all 0.0.0.0 trust) is left out: it lets everybody" in said
    assert "(host all all 10.12.0.0 ldap) is left out: it needs a password" in said
    assert SECRET not in json.dumps(found)
    own = read(place, database="shop", backup=outcome.facts["backup"]["backup_id"])
    assert set(own["backups"]) == {"shop"}
    assert "citext" not in own["server"]["extensions"]
    # A server of the same kind takes all of it.
    settings = {name: "'" + value.replace("'", "''") + "'" for name, value in server["settings"].items()}
    again = postgres_fixtures.start_cluster(settings={**settings, "fsync": "off"})
    try:
        with open(f"{again.directory}/data/pg_hba.conf", "a", encoding="utf-8") as file:
            file.write("\n".join(server["hba"]) + "\n")
        assert again.execute("SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL") == []
        assert again.execute("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'") == [("Asia/Kathmandu",)]
        columns = "type, database, user_name, address, netmask, auth_method, options"
        rules = f"SELECT {columns} FROM pg_hba_file_rules WHERE address = '10.11.0.0'"
        assert again.execute(rules) == place.server.execute(rules)
    finally:
        postgres_fixtures.stop_cluster(again)


def test_the_database_in_which_the_rights_are_granted_restores(place: fault_fixtures.Fixture) -> None:
    """Its dump has these grants, of functions that belong to the system."""
    back_up(place, "granted", "postgres")
    with tempfile.TemporaryDirectory(prefix="lifeboat-scratch-") as scratch:  # the path of a socket is short
        Path(scratch).chmod(0o755)  # the scratch cluster's user passes through
        request = asked.validation(
            place.settings, fault_fixtures.CLUSTER, "postgres", scratch_dir=f"{scratch}/clusters"
        )
        assert validation.validate(request, place.world()).facts["validation"]["passed"]
    target = "postgres_copy"
    asked_for = asked.restore(
        place.settings, place.server.login, fault_fixtures.CLUSTER, "postgres", target_db=target, emergency_backup="off"
    )
    try:
        assert restore.restore(asked_for, place.world()).changed
        granted = "SELECT has_function_privilege('granted', 'pg_catalog.pg_hba_file_rules()', 'EXECUTE')"
        assert place.server.execute(granted, target) == [(True,)]
    finally:
        place.server.drop(target)


def test_what_is_not_there_is_said(place: fault_fixtures.Fixture) -> None:
    with pytest.raises(NotFound, match="no backup of a database of main"):
        read(place)
    with pytest.raises(UsageError, match="of one database"):
        read(place, backup="backup-20260101T000000Z-0123456789abcdef")


@pytest.mark.parametrize(("role", "result"), [("granted", "ok"), ("weak", "warning")])
def test_the_doctor_knows_beforehand(place: fault_fixtures.Fixture, role: str, result: str) -> None:
    request = ExamineRequest(
        place.settings,
        fault_fixtures.CLUSTER,
        login=place.server.as_role(role),
        databases=("shop",),
        only=("server_record",),
        fail_on="never",
    )
    (check,) = doctor.examine(request, place.world()).facts["checks"]
    assert (check["name"], check["result"]) == ("server_record", result)

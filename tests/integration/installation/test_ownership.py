# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody else made is refused before anything is touched, and what one application has, another leaves alone."""

from __future__ import annotations

import dataclasses
import json
import secrets
import typing as t

import pytest
from installing import COLLECTIONS, changed, part

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installing import Installation
    from postgres_fixtures import Cluster, ClusterFactory

ROLES = COLLECTIONS / "ansible_collections/lifeboat/recovery/roles"


@pytest.fixture
def roles(cluster: ClusterFactory) -> Iterator[Roles]:
    made = Roles(cluster(), f"lifeboat_{secrets.token_hex(4)}")
    yield made
    for name in (made.name, made.adopted):
        if made.mark(name):
            made.server.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@dataclasses.dataclass
class Roles:
    """Names of database roles on a server; users of these names are not there, and nobody makes them here."""

    server: Cluster
    name: str

    @property
    def adopted(self) -> str:
        return f"{self.name}_adopted"

    @property
    def variables(self) -> dict[str, t.Any]:
        return {
            "lifeboat_login_user": self.name,
            "lifeboat_login_unix_socket": self.server.directory,
            "lifeboat_login_port": self.server.port,
            "lifeboat_user": self.name,
        }

    def mark(self, name: str) -> list[t.Any]:
        query = f"SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '{name}'"
        return [mark for (mark,) in self.server.execute(query)]

    def replicates(self) -> bool:
        query = f"""SELECT rolreplication AND pg_has_role(oid, 'pg_monitor', 'USAGE')
            AND has_function_privilege(oid, 'pg_ident_file_mappings()', 'EXECUTE') FROM pg_roles
            WHERE rolname = '{self.name}'"""
        return bool(self.server.execute(query)[0][0])


def content(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_what_somebody_else_made_is_refused_by_name(installation: Installation, roles: Roles) -> None:
    roles.server.execute(f"CREATE ROLE {roles.name} SUPERUSER")
    for name in ("db1", "db4"):
        (installation.host(name) / "home/somebody").write_text("else")
    (installation.host() / "bin/lifeboat").write_text("#!/bin/sh\n")
    settings = {"variables": {"lifeboat_application": "crm"}}
    (installation.host("db2") / "etc/host.json").write_text(json.dumps(settings))
    another = 'from _engine.cli import main\nmain(config_dir="/etc/crm")\n'
    (installation.host("db3") / "bin/lifeboat").write_text(another)
    before = content(installation.home)
    said = installation.play(
        [part("ownership")],
        status=2,
        hosts={
            "db1": {"lifeboat_user": "root"},
            "db2": {},
            "db3": {"lifeboat_adopt": True},
            "db4": {"lifeboat_adopt": True},
        },
        **roles.variables,
    )
    host = installation.host()
    role = f"the database role {roles.name}, a superuser"
    for foreign in (f"{host}/home,", f"{host}/bin/lifeboat,", "the user root,", role, "lifeboat_adopt: true"):
        assert foreign in said
    assert f"{installation.host('db2')}/etc on db2 belongs to application crm" in said
    assert f"{installation.host('db3')}/bin/lifeboat on db3 is the command of another application" in said
    assert "db4 : ok" in said
    assert said.count("failed=1") == 3
    assert content(installation.home) - {"hosts.json", "play.json"} >= before
    assert content(host) == {path.removeprefix("db1/") for path in before if path.startswith("db1/")}


@pytest.mark.long
def test_a_role_knows_whose_it_is_and_goes_with_the_last_one(installation: Installation, roles: Roles) -> None:
    roles.server.execute(f"CREATE ROLE {roles.adopted} BYPASSRLS; GRANT pg_read_all_data TO {roles.adopted}")
    hosts = {"db1": {}, "db2": {"lifeboat_login_user": roles.adopted, "lifeboat_adopt": True}}
    others = {"lifeboat_application": "crm"}
    make = [part("ownership"), part("database_role")]
    assert changed(installation.play(make, "--check", hosts=hosts, **roles.variables)) == 1
    assert roles.mark(roles.name) == []
    done = installation.play(
        [*make, *make, *(task | {"vars": others} for task in make)], hosts=hosts, **roles.variables
    )
    # Once by each of two applications; the adopted role gets the rights that it lacked.
    assert (changed(done), changed(done, "db2")) == (2, 3)
    assert roles.mark(roles.name) == ["lifeboat.recovery for crm shop"]
    assert roles.mark(roles.adopted) == ["lifeboat.recovery (adopted) for crm shop"]

    leave = [part("uninstall_check"), part("uninstall")]
    said = installation.play(leave, hosts=hosts, **roles.variables)
    assert f"The database role {roles.name} is kept: applications crm use it." in said
    assert roles.mark(roles.name) == ["lifeboat.recovery for crm"]
    planned = changed(installation.play(leave, "--check", hosts=hosts, **roles.variables, **others))
    assert roles.mark(roles.name) == ["lifeboat.recovery for crm"]
    said = installation.play(leave * 2, hosts=hosts, **roles.variables, **others)
    assert changed(said) == planned > 0
    assert f"The database role {roles.adopted} is kept: this collection did not make it." in said
    assert (roles.mark(roles.name), roles.mark(roles.adopted)) == ([], [None])


def test_rights_for_physical_backups_come_when_they_are_asked_for_and_go_with_the_role(
    installation: Installation, roles: Roles
) -> None:
    make, told = [part("ownership"), part("database_role")], {"lifeboat_physical": True}
    installation.play(make, **roles.variables)
    assert changed(installation.play(make, "--check", **roles.variables, **told)) == 1
    assert roles.replicates() is False
    assert changed(installation.play([*make, *make], **roles.variables, **told)) == 1
    assert roles.replicates() is True
    # What was given stays.
    assert changed(installation.play(make, **roles.variables)) == 0
    assert roles.replicates() is True
    installation.play([part("uninstall_check"), part("uninstall")], **roles.variables)
    assert roles.mark(roles.name) == []


def test_keys_go_only_when_they_are_named(installation: Installation) -> None:
    for name in ("signer.json", "digest.json", "store.credentials", "notify-ops.url"):
        (installation.host() / "etc/keys" / name).write_text("secret")
    (installation.host("db3") / "etc/keys/digest.json").write_text("secret")
    said = installation.play(
        [part("uninstall_check"), part("uninstall")],
        status=2,
        hosts={
            "db1": {"lifeboat_remove_keys": ["signer.json"]},
            "db2": {"lifeboat_remove_keys": ["../host.json"]},
            "db3": {"lifeboat_remove_keys": ["digest.json"]},
        },
        lifeboat_manage_database_role=False,
        lifeboat_user="nobody-at-all",
    )
    assert f"Keys are kept in {installation.host()}/etc/keys: digest.json." in said
    assert content(installation.host() / "etc") == {"keys", "keys/digest.json"}
    assert f"must contain names of files in {installation.host('db2')}/etc/keys" in said
    assert not (installation.host("db3") / "etc").exists()


def test_an_application_without_jobs_leaves_those_of_another_alone(installation: Installation) -> None:
    units = installation.home / "units"
    units.mkdir()
    (units / "root-job-nightly.service").write_text("[Service]\nExecStart=/usr/local/bin/another-run nightly\n")
    (units / "root-job-nightly.timer").write_text("[Timer]\nOnCalendar=daily\n")
    given = {"lifeboat_schedule": [], "lifeboat_application": "crm", "schedule_units": str(units)}
    installation.play([part("main", "schedule")], "-e", json.dumps(given))
    assert content(units) == {"root-job-nightly.service", "root-job-nightly.timer"}


def test_the_logs_of_a_job_leave_with_it(installation: Installation) -> None:
    host = installation.host()
    for name in ("nightly.log", "nightly.log.1", "nightly.log.2.gz", "nightly-other.log", "nightly.txt"):
        (host / "log" / name).write_text("line")
    places = {"log_dir": str(host / "log")}
    (host / "etc/schedule.json").write_text(json.dumps({"places": places, "jobs": [{"name": "nightly"}]}))
    tasks = [part("uninstall", "schedule")]
    planned = changed(installation.play(tasks, "--check"))
    assert planned > 0
    assert len(content(host / "log")) == 5
    assert changed(installation.play(tasks * 2)) == planned
    assert content(host / "log") == {"nightly-other.log", "nightly.txt"}


def test_a_validator_keeps_the_addresses_of_those_whom_it_validates(installation: Installation) -> None:
    """The validation wrote them there, and would again: neither may undo what the other does."""
    keys = installation.host("db2") / "etc/keys"
    for name in ("notify-ops.url", "ping-validate.url", "notify-gone.url"):
        (keys / name).write_text("https://example.com\n")
    told = [{"name": "ops", "kind": "webhook", "url": "https://example.com"}]
    pings = {"validate": {"url": "https://example.com"}}
    installation.play(
        [part("install", "notify")],
        "--limit=db2",
        hosts={"db1": {"lifeboat_notify": told, "lifeboat_pings": pings, "lifeboat_validators": ["db2"]}, "db2": {}},
    )
    assert content(keys) == {"notify-ops.url", "ping-validate.url"}


def test_whoever_guards_a_bucket_names_the_authority_where_he_is(installation: Installation) -> None:
    said = installation.play(
        [
            {
                "name": "Read",
                "ansible.builtin.include_vars": f"{ROLES}/{role}/{place}/main.yml",
            }
            for role in ("settings", "retention")
            for place in ("defaults", "vars")
        ]
        + [{"name": "Show", "ansible.builtin.debug": {"msg": "{{ retention_bucket_store.ca_cert }}"}}],
        lifeboat_store_ca_cert="/home/me/store.crt",
        lifeboat_bucket_ca_cert="/home/me/store.crt",
    )
    assert '"msg": "/home/me/store.crt"' in said

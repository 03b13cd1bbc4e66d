# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every inventory of inventories/example works as it stands, but for its addresses: all of it, and with real parts."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import re
import typing as t

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import checks
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import units
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import planner
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import (
    policy as retention_policy,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.planner import Candidate
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.schedule import cron
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.schedule import jobs as schedule_jobs
from example_fixtures import Ansible, Done, Fixture, Receiver, fixture_of, hollow_roles, writing_schedule
from example_systems import EXAMPLES, NAMES, RUN, System

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_fixtures import ClusterFactory

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
BEGIN = datetime.datetime(2025, 5, 20, 12, tzinfo=datetime.UTC)

# What the jobs on a host need not be told: what makes the schedule, watches from outside, or belongs to the controller.
# Of the store's credentials and certificates they know the files, by lifeboat_store.
NOT_CARRIED = {
    "lifeboat_mark_scopes",
    "lifeboat_recipients",
    "lifeboat_recovery_key_file",
    "lifeboat_schedule",
    "lifeboat_schedule_zone",
    "lifeboat_scheduler",
    "lifeboat_store_ca_cert",
    "lifeboat_store_credentials",
    "lifeboat_validators",
}


def test_these_are_all_examples_and_each_says_how_it_is_used() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {"shop", *NAMES}
    for name in ("shop", *NAMES):
        said = (EXAMPLES / name / "hosts.yml").read_text(encoding="utf-8")
        assert set(re.findall(r"-i (\S+)", said)) == {f"inventories/example/{name}"}


@pytest.mark.parametrize("name", ["shop", *NAMES])
def test_no_secret_is_in_an_example(name: str) -> None:
    """Secrets are references to a vault, whose defaults are none."""
    for path in (EXAMPLES / name).rglob("*.yml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            secret = re.match(r"\s*(access_key_id|secret_access_key|session_token|url): (.*)", line)
            if secret and not re.match(r"(s3|file)://", secret[2]):
                assert re.match(r'"\{\{ vault_\w+ \| default\(', secret[2]), f"{path.name}: {line}"


@dataclasses.dataclass
class Ran:
    """What is left of the run of an example."""

    system: System
    said: dict[str, t.Any]
    host: str
    fixture: Fixture
    ansible: Ansible
    done: Done

    @property
    def output(self) -> str:
        return self.done.stdout + self.done.stderr

    @property
    def text(self) -> str:
        """What was said, however it was wrapped."""
        return " ".join(self.done.stdout.split())

    @property
    def variables(self) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self.said["_meta"]["hostvars"][self.host])

    @property
    def backup_id(self) -> str:
        [manifest] = (self.fixture.place / "store").glob("*/manifests/*/*/*.json")
        return manifest.stem


@pytest.fixture(scope="module")
def runs(
    cluster: ClusterFactory, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Ran]]:
    """Run each example once, two at a time."""
    server = cluster()

    def run(system: System) -> Ran:
        ansible = Ansible(tmp_path_factory.mktemp(system.name))
        said = ansible.inventory(system.inventory)
        [host] = said["databases"]["hosts"]
        fixture = places.enter_context(fixture_of(system, said, server, receiver))
        for name in filter(None, (system.database, system.history)):
            places.callback(server.drop, name)
            server.create(name)
        server.execute(f"SET search_path = public;{system.sql}", system.database)
        entries = hollow_roles(ansible.home / "roles")
        writing_schedule(ansible.home / "roles")
        plays = [*_validation_of_arguments(entries), *_plays(system, said, host, fixture)]
        return Ran(system, said, host, fixture, ansible, ansible.play([system.inventory, fixture.overrides], plays))

    with contextlib.ExitStack() as places, concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield {ran.system.name: ran for ran in pool.map(run, RUN)}


@pytest.fixture(params=[system.name for system in RUN])
def ran(request: pytest.FixtureRequest, runs: dict[str, Ran]) -> Ran:
    return runs[request.param]


NEEDED = {
    "application": "lifeboat_services",
    "awx": "lifeboat_awx_inventory",
    "backup_logs": "lifeboat_history",
    "dns_switch": "lifeboat_dns",
}
"""Roles that an inventory is not for without this variable."""


def _validation_of_arguments(entries: t.Mapping[str, list[str]]) -> list[dict[str, t.Any]]:
    """Let every role check what an inventory gives it, and the preflight what it gives to any host."""
    return [
        {"name": "Check the names", "hosts": "all", "gather_facts": False, "roles": ["lifeboat.recovery.preflight"]},
        {
            "name": "Check the options of all roles",
            "hosts": "databases[0]",
            "gather_facts": False,
            "tasks": [
                {
                    "name": f"Check {role} {entry}",
                    "ansible.builtin.import_role": {"name": role, "tasks_from": entry},
                    "vars": {"lifeboat_database": "some"} if role in {"rescue", "restore"} else {},
                    "when": f"{NEEDED[role]} is defined" if role in NEEDED else True,
                }
                for role, names in entries.items()
                for entry in names
            ],
        },
    ]


def _plays(system: System, said: t.Mapping[str, t.Any], host: str, fixture: Fixture) -> list[dict[str, t.Any]]:
    plays: list[dict[str, t.Any]] = [
        _preparation(system, said),
        {"import_playbook": "lifeboat.recovery.backup"},
        {"import_playbook": "lifeboat.recovery.list"},
        _writing(system, said),
    ]
    if system.proved:
        plays.append(_proof(said, host, fixture))
    return plays


def _proof(said: t.Mapping[str, t.Any], host: str, fixture: Fixture) -> dict[str, t.Any]:
    """Restore the backup for a test, say what retention would do, and tell of it, as the playbooks do."""
    [validator] = said.get("validators", {"hosts": [host]})["hosts"]
    own = fixture.host(validator)
    # On hosts of their own, the directories are the same on each.
    places = {"lifeboat_config_dir": f"{own}/etc", "lifeboat_state_dir": f"{own}/state"}

    def role(name: str, **more: t.Any) -> dict[str, t.Any]:
        return {"name": name, "ansible.builtin.include_role": {"name": f"lifeboat.recovery.{name}"}, **more}

    return {
        "name": "Prove and decide",
        "hosts": "databases:pruners" if "pruners" in said else "databases",
        "gather_facts": False,
        "become": True,
        "vars": {"ansible_pipelining": True},
        "tasks": [
            role("validate", vars=places, when=f"inventory_hostname == '{host}'"),
            {
                "name": "Report results",
                "when": f"inventory_hostname == '{host}'",
                "ansible.builtin.debug": {
                    "msg": "{{ ['db'] | lifeboat.recovery.overview('validate', [validate_result], ['']) }}"
                },
            },
            role("retention", when="'pruners' not in groups or inventory_hostname in groups['pruners']"),
            role("notify", vars=places, when=f"inventory_hostname == '{host}'"),
        ],
    }


def _hosts(system: System, said: t.Mapping[str, t.Any]) -> str:
    """Return the hosts that take part: those that prove and prune do so in the examples that are `proved`."""
    return ":".join(sorted({"databases", "validators", "pruners"} & set(said))) if system.proved else "databases"


def _preparation(system: System, said: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Do what playbook install does, but for packages, users of the machine, the database role and the runtime."""

    def part(name: str, **more: t.Any) -> dict[str, t.Any]:
        role = {"name": "lifeboat.recovery.host", "tasks_from": name}
        return {"name": name, "ansible.builtin.include_role": role, **more}

    return {
        "name": "Prepare the hosts",
        "hosts": _hosts(system, said),
        "gather_facts": False,
        "become": True,
        "vars": {"ansible_pipelining": True},
        "tasks": [
            part("store.yml"),
            part("keys_{{ lifeboat_key_mode | default('sealed-host') | replace('-', '_') }}.yml"),
            part("validator.yml", when="lifeboat_validator | default(lifeboat_key_mode | default('') == 'single-key')"),
        ],
    }


def _writing(system: System, said: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Write what starts the jobs into each host's directory."""
    own = "{{ lifeboat_state_dir }}/.."
    return {
        "name": "Write the schedule",
        "hosts": _hosts(system, said),
        "gather_facts": False,
        "become": True,
        "vars": {"ansible_pipelining": True},
        "tasks": [
            {
                "name": "Write the schedule",
                "ansible.builtin.include_role": {"name": "writing_schedule"},
                "vars": {
                    "schedule_cron_file": f"{own}/cron",
                    "schedule_logrotate_file": f"{own}/logrotate",
                    "schedule_units": f"{own}/units",
                },
            }
        ],
    }


def test_the_roles_take_what_the_first_example_says(tmp_path: Path) -> None:
    """The others are seen to be taken when they run."""
    ansible = Ansible(tmp_path)
    done = ansible.play([EXAMPLES / "shop"], _validation_of_arguments(hollow_roles(tmp_path / "roles")))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_value_in_an_example_would_be_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"all": {"hosts": {"db1.example.com": {"lifeboat_scheduler": "at", "lifeboat_proof": "some"}}}}')
    ansible = Ansible(tmp_path)
    done = ansible.play([EXAMPLES / "shop", wrong], _validation_of_arguments(hollow_roles(tmp_path / "roles")))
    assert done.returncode != 0
    assert "value of backup_proof must be one of: none, counts, content, got: some" in done.stdout + done.stderr


def test_the_policy_leaves_what_one_counts_by_hand(ran: Ran) -> None:
    scheduler = ran.variables.get("lifeboat_scheduler", "cron")
    zone = units.parse_zone(ran.variables.get("lifeboat_schedule_zone", "UTC"), "zone")
    candidates = []
    for job in schedule_jobs.parse(ran.variables["lifeboat_schedule"], "lifeboat", "lifeboat_schedule"):
        at = BEGIN
        while job.kind == "backup" and (at := cron.following(job.cron, at, zone, scheduler)) <= NOW:
            candidates.append(Candidate("main/db", f"{job.name}-{at:%Y%m%dT%H%M%SZ}", at, at, restore_tested=True))
    policy = retention_policy.parse(ran.variables["lifeboat_retention"], "lifeboat_retention")
    kept = planner.plan(candidates, policy, NOW, force=True).of("keep")
    assert len(kept) == ran.system.kept
    assert kept[-1].candidate.finished > NOW - datetime.timedelta(hours=12)


def test_an_example_runs_without_a_failure_and_without_a_warning(ran: Ran) -> None:
    assert ran.done.returncode == 0, ran.output
    of_this_machine = re.compile(r".*(lacks security fixes|has known vulnerabilities).*")
    assert "WARNING" not in of_this_machine.sub("", ran.output), ran.output


def test_the_backup_is_listed(ran: Ran) -> None:
    heading = rf"/ {ran.system.database}: 1 backup, [0-9.]+ \w+, the newest [^\"]{{1,20}} old"
    row = rf"[^\"]{{1,120}} full, manual, proof \w+ {ran.backup_id}"
    assert re.search(rf'{heading}", "{row}"', ran.text), ran.output


def test_the_checks_hold_in_a_database_as_it_should_be(ran: Ran) -> None:
    tables, queries = ran.variables["lifeboat_critical_tables"], ran.variables.get("lifeboat_checks", [])
    with contextlib.closing(ran.fixture.server.connect(ran.system.database)) as connection:
        for check in checks.parse(queries, tables, ran.system.database):
            result = checks.run(connection, check, timeout=10)
            assert result["passed"], result


def test_the_backup_restores_and_retention_deletes_nothing_unasked(ran: Ran) -> None:
    if ran.system.proved:
        tables = ran.system.sql.count("CREATE TABLE")
        asked = [*ran.variables["lifeboat_critical_tables"], *ran.variables.get("lifeboat_checks", [])]
        wanted = rf"restores +{10 * tables} +\w+ +{len(asked)} passed .*?{ran.backup_id}"
        assert re.search(wanted, ran.text), ran.output
        assert re.search(rf"keep {ran.backup_id} ", ran.text), ran.output
        assert "Nothing was deleted: set lifeboat_retention_apply=true to delete." in ran.text


def test_the_receivers_hear_what_they_listen_to(ran: Ran, receiver: Receiver) -> None:
    heard = {}
    for name, bodies in receiver.heard.items():
        events = [body["event"] if isinstance(body, dict) else "ping" for body in bodies]
        # That the preparation made keys is told to some of them too.
        if told := tuple(event for event in events if event not in {"key_changed", "trust_changed"}):
            heard[name] = told
    own = f"{ran.system.name}-"
    assert {name.removeprefix(own): told for name, told in heard.items() if name.startswith(own)} == ran.system.told


def test_the_audit_log_the_table_and_the_metrics_tell_of_it(ran: Ran) -> None:
    log = audit.AuditLog(str(ran.fixture.host(ran.host) / "state"))
    assert log.verify() == []
    assert ("backup", "ok", "alice") in [(entry.operation, entry.result, entry.user) for entry in log.entries()]
    metrics = ran.fixture.host(ran.host) / f"state/metrics/{ran.variables['lifeboat_application']}.prom"
    assert f'database="{ran.system.database}"}} 1' in metrics.read_text(encoding="utf-8")
    if ran.system.history:
        query = "SELECT operation, status FROM public.backup_logs ORDER BY sequence"
        rows = ran.fixture.server.execute(query, ran.system.history)
        assert rows[0] == ("backup", "completed")


def test_the_schedule_of_each_host_is_written(ran: Ran) -> None:
    written = {}
    for host in ran.said["_meta"]["hostvars"]:
        if (ran.fixture.host(host) / "etc/schedule.json").exists():
            jobs = schedule_jobs.read(str(ran.fixture.host(host) / "etc"))
            written[host] = {job.name for job in jobs.jobs}
            assert jobs.zone == ran.variables.get("lifeboat_schedule_zone", "")
    all_jobs = {
        job["name"]: job["job"]
        for said in ran.said["_meta"]["hostvars"].values()
        for job in said.get("lifeboat_schedule", [])
    }
    elsewhere = set() if ran.system.proved or "validators" not in ran.said else {"validate"}
    assert set().union(*written.values()) == {name for name, kind in all_jobs.items() if kind not in elsewhere}
    own = ran.fixture.host(ran.host)
    if ran.variables.get("lifeboat_scheduler") == "systemd":
        timers = {path.stem.split("-job-")[1] for path in (own / "units").glob("*.timer")}
        assert timers == written[ran.host]
        zone = ran.variables["lifeboat_schedule_zone"]
        assert all(zone in path.read_text(encoding="utf-8") for path in (own / "units").glob("*.timer"))
        assert not (own / "cron").exists()
    else:
        lines = (own / "cron").read_text(encoding="utf-8").splitlines()
        assert {line.split()[-1] for line in lines if re.match(r"[0-9*@]", line)} == written[ran.host]


def test_the_jobs_are_told_what_the_inventory_says(ran: Ran) -> None:
    text = (ran.fixture.host(ran.host) / "etc/inventory.yml").read_text(encoding="utf-8")
    written = yaml.safe_load(text.replace("!unsafe", ""))
    told = written["all"]["hosts"][ran.host]
    missing = {name for name in ran.variables if name.startswith("lifeboat_")} - set(told) - NOT_CARRIED
    assert not missing
    assert told["lifeboat_databases"] == ran.variables["lifeboat_databases"]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A job on a host gets every variable that its playbook reads, but for those that are here with a reason.

What a playbook reads is followed from the playbook itself, through roles, tasks and templates.
"""

from __future__ import annotations

import re
import typing as t

import pytest
import role_variables
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.verbs import JOBS
from role_variables import ROOT

ONE_RUN = "it is said for one run"
ADMINISTRATOR = (
    "whoever may change a bucket guards it by hand: a job must neither have that right nor fail for lack of it"
)
FILE_IS_THERE = "the file that role host wrote stands in lifeboat_store"
NOT_CARRIED = {
    "lifeboat_accept_shrink": ONE_RUN,
    "lifeboat_bucket": ADMINISTRATOR,
    "lifeboat_bucket_ca_cert": ADMINISTRATOR,
    "lifeboat_bucket_credentials_file": ADMINISTRATOR,
    "lifeboat_hosts": "the job names its group",
    "lifeboat_max_age": ONE_RUN,
    "lifeboat_progress_interval": "the launcher sets it",
    "lifeboat_reason": ONE_RUN,
    "lifeboat_requested_by": ONE_RUN,
    "lifeboat_restore_from": ONE_RUN,
    "lifeboat_retention_force": ONE_RUN,
    "lifeboat_store_ca_cert": FILE_IS_THERE,
    "lifeboat_store_credentials": FILE_IS_THERE,
    "lifeboat_ticket": ONE_RUN,
    "lifeboat_validators": "the work is here",
}

OF_THIS_MACHINE = "it is about the machine that does the work"
ITS_LOG = "the log of the work, and who hears of it, is the validator's"
OWN_HISTORY = "the table is filled from the validator's log"
NOT_OF_OTHERS = {
    **dict.fromkeys(("config_dir", "home", "python", "scratch_dir", "state_dir", "user"), OF_THIS_MACHINE),
    **dict.fromkeys(("jobs", "key_mode"), OF_THIS_MACHINE),
    **dict.fromkeys(("notify", "notify_attempts", "notify_ca_cert", "notify_lookback", "notify_remind_after"), ITS_LOG),
    **dict.fromkeys(("contacts", "notify_summarise_above", "notify_timeout", "pings"), ITS_LOG),
    **dict.fromkeys(("history", "login_ca_cert", "login_host", "login_password_file", "login_port"), OWN_HISTORY),
    **dict.fromkeys(("login_ssl_cert", "login_ssl_key", "login_ssl_mode", "login_unix_socket"), OWN_HISTORY),
    **dict.fromkeys(("login_user", "retention"), OWN_HISTORY),
    "monitoring": "the metrics of another host are its own",
}


def _schedule() -> dict[str, t.Any]:
    return yaml.safe_load((ROOT / "roles/schedule/vars/main.yml").read_text(encoding="utf-8"))


def _known() -> set[str]:
    return set(yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["preflight_known"])


def _carried() -> set[str]:
    schedule = _schedule()
    return set(schedule["schedule_carried"]) | set(re.findall(r"\{'(\w+)'", schedule["schedule_own_variables"]))


def _read_by(kind: str, *without: str) -> set[str]:
    reading = role_variables.Reading({"run_job": kind}, frozenset(without))
    return reading.play(ROOT / f"playbooks/{kind}.yml")


PLAYED = [kind for kind, job in JOBS.items() if not job.light]


@pytest.mark.parametrize("kind", PLAYED)
def test_a_job_gets_what_its_playbook_reads(kind: str) -> None:
    missing = _read_by(kind) - _carried() - set(NOT_CARRIED)
    assert not missing, f"carry it in roles/schedule/vars/main.yml, or say here why not: {sorted(missing)}"


def test_a_validation_of_another_host_gets_what_is_that_hosts() -> None:
    """Role monitoring does not run there."""
    schedule = _schedule()
    assert "'lifeboat_monitoring'" in schedule["schedule_not_of_others"]
    read = _read_by("validate", "monitoring") - set(NOT_CARRIED)
    excused = {f"lifeboat_{name}" for name in NOT_OF_OTHERS}
    assert read - set(schedule["schedule_carried_of_others"]) == excused, "carry it, or say here why not"


def test_every_reason_is_needed() -> None:
    read = set().union(*(_read_by(kind) for kind in PLAYED))
    assert set(NOT_CARRIED) <= read
    assert not set(NOT_CARRIED) & _carried()


def test_nothing_is_carried_that_the_preflight_refuses() -> None:
    assert _carried() <= _known()
    assert set(_schedule()["schedule_carried_of_others"]) <= _carried()


def test_the_options_of_jobs_are_variables_and_their_playbooks_are_there() -> None:
    for kind, job in JOBS.items():
        assert {variable for variable, _check in job.options.values()} <= _known()
        assert job.light or (ROOT / f"playbooks/{kind}.yml").is_file()


@pytest.mark.parametrize(
    ("given", "crons"),
    [
        ({}, []),
        ({"lifeboat_wal": True}, ["*/5 * * * *"]),
        ({"lifeboat_wal": True, "lifeboat_schedule": []}, ["*/5 * * * *"]),
        ({"lifeboat_wal": True, "lifeboat_heartbeat": "1h"}, ["0 * * * *"]),
        ({"lifeboat_wal": True, "lifeboat_heartbeat": "15m"}, ["*/15 * * * *"]),
        ({"lifeboat_wal": True, "lifeboat_heartbeat": 0}, []),
        ({"lifeboat_wal": True, "lifeboat_schedule": [{"job": "heartbeat", "cron": "* * * * *"}]}, ["* * * * *"]),
        ({"lifeboat_wal": True, "lifeboat_manage_database_role": False, "lifeboat_validator": True}, []),
    ],
)
def test_a_server_whose_log_is_archived_beats(given: dict[str, t.Any], crons: list[str]) -> None:
    found, impossible = role_variables.evaluated(
        "schedule_jobs", "schedule_impossible", roles=("settings", "schedule"), lifeboat_application="shop", **given
    )
    assert [job["cron"] for job in found if job["job"] == "heartbeat"] == crons
    assert ("heartbeat" in impossible) is not bool(crons)


VALIDATOR = {
    "lifeboat_application": "shop",
    "lifeboat_store": {"url": "s3://example-backups/postgresql"},
    "lifeboat_store_credentials": {"access_key_id": "AKIA", "secret_access_key": "planted-secret"},
    "lifeboat_store_ca_cert": "/home/alice/ca.pem",
    "lifeboat_key_mode": "sealed-host",
    "lifeboat_validator": True,
    "lifeboat_opening_key_file": "/home/alice/opening.key",
    "lifeboat_recovery_key_file": "/home/alice/recovery.key",
    "lifeboat_doctor_limits": {"restore_tested_age": "8d"},
    "lifeboat_fail_on": "warning",
    "lifeboat_accept_failed": ["of the validator"],
    "lifeboat_validate_timeout": "1h",
}
VALIDATED = {
    "inventory_hostname": "db2",
    "lifeboat_application": "shop",
    "lifeboat_store": {"url": "s3://others/postgresql"},
    "lifeboat_validators": ["db1"],
    "lifeboat_accept_failed": ["FUNCTION f()"],
    "lifeboat_check_timeout": "5m",
    "lifeboat_anomalies": {"least_history": 9},
    "lifeboat_jobs": 7,
}


def _inventory(**given: t.Any) -> dict[str, t.Any]:
    """Return what role schedule writes for the jobs of host db1, by host."""
    others = {"db2": VALIDATED, "db3": {**VALIDATED, "inventory_hostname": "db3", "lifeboat_validators": ["other"]}}
    template = role_variables.ROLES / "schedule/templates/inventory.yml.j2"
    known = {"groups": {"all": ["db1", *others]}, "hostvars": others}
    text = role_variables.written(template, roles=("schedule",), **known, **given)
    return t.cast("dict[str, t.Any]", DataLoader().load(text)["all"]["hosts"])


def test_a_scheduled_examination_has_the_limits_of_one_by_hand() -> None:
    own = _inventory(**VALIDATOR)["db1"]
    assert own["lifeboat_doctor_limits"] == {"restore_tested_age": "8d"}
    assert own["lifeboat_fail_on"] == "warning"


def test_a_scheduled_job_has_the_keys_and_the_store_of_one_by_hand_and_no_secret() -> None:
    given = _inventory(**VALIDATOR)["db1"]
    used = ("settings_host_keys", "settings_opening_keys", "settings_host_store")
    assert role_variables.evaluated(*used, **given) == role_variables.evaluated(*used, **VALIDATOR)
    assert given["lifeboat_opening_key_file"] == "/etc/lifeboat/keys/opening.json"
    assert "planted-secret" not in str(given)
    assert "/home/alice" not in str(given)


def test_a_host_that_opens_nothing_gets_no_opening_key() -> None:
    assert "lifeboat_opening_key_file" not in _inventory(**VALIDATOR | {"lifeboat_validator": False})["db1"]


def test_a_scheduled_validation_of_another_host_goes_by_that_hosts_variables() -> None:
    hosts = _inventory(**VALIDATOR)
    assert set(hosts) == {"db1", "db2"}
    carried = hosts["db2"]
    assert carried["lifeboat_accept_failed"] == ["FUNCTION f()"]
    assert carried["lifeboat_check_timeout"] == "5m"
    assert carried["lifeboat_anomalies"] == {"least_history": 9}
    assert "lifeboat_validate_timeout" not in carried, "by hand the validator's own would not count either"
    assert "lifeboat_jobs" not in carried
    assert carried["lifeboat_store"] == {
        "url": "s3://others/postgresql",
        "credentials_file": "/etc/lifeboat/keys/store.credentials",
        "ca_cert": "/etc/lifeboat/store-ca.pem",
    }


@pytest.mark.parametrize("wanted", [False, True])
def test_the_files_of_a_server_are_backed_up_by_a_job_only_where_its_role_has_the_rights(wanted: bool) -> None:
    given = {"lifeboat_application": "shop", "lifeboat_store": {"url": "file:///srv"}, "lifeboat_physical": wanted}
    [found] = role_variables.evaluated("schedule_impossible", roles=("settings", "schedule"), **given)
    assert ("physical" in found) is not wanted

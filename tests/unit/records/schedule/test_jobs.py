# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people may write as jobs, the file that says what should have run, and the check before anything is written."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import NotFound, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.schedule.check import (
    ScheduleRequest,
    check_schedule,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.schedule import jobs as schedule_jobs

NIGHTLY = {"name": "nightly", "job": "backup", "cron": "0 2 * * *"}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def check(jobs: list[dict[str, t.Any]], **changed: t.Any) -> dict[str, t.Any]:
    given_options = {
        "jobs": tuple(jobs),
        "scheduler": "systemd",
        "zone": "Europe/Amsterdam",
        "catch_up": None,
        "user": "lifeboat",
        "home": "/opt/lifeboat",
        "state_dir": "/var/lib/lifeboat",
        "log_dir": "/var/log/lifeboat",
        "wait": "90m",
    } | changed
    world = World(now=lambda: NOW, sleep=lambda _seconds: None, environ={})
    outcome = check_schedule(ScheduleRequest(**given_options), world)
    assert not outcome.changed
    return outcome.facts


def test_a_job_says_when_it_comes_who_runs_it_and_with_what() -> None:
    validation = {"name": "weekly", "job": "validate", "cron": "0 5 * * sun", "databases": ["shop"]}
    facts = check([NIGHTLY | {"max_age": "3h"}, validation])
    assert facts["jobs"][0] == {
        "name": "nightly",
        "job": "backup",
        "playbook": "lifeboat.recovery.backup",
        "user": "lifeboat",
        "cron": "0 2 * * *",
        "on_calendar": ("*-*-* 02:00:00 Europe/Amsterdam",),
        "next": "2026-11-22T01:00:00Z",
        "variables": {"lifeboat_hosts": "databases", "lifeboat_reason": "scheduled", "lifeboat_max_age": "3h"},
    }
    assert facts["jobs"][1]["user"] == "root"
    assert facts["jobs"][1]["variables"] == {"lifeboat_hosts": "validated", "lifeboat_databases": ["shop"]}


def test_what_was_written_is_read_back(tmp_path: t.Any) -> None:
    facts = check([NIGHTLY, {"job": "verify", "cron": "@weekly", "sample": "20"}])
    (tmp_path / "schedule.json").write_text(json.dumps(facts["document"]))
    read = schedule_jobs.read(str(tmp_path))
    assert read.document() == facts["document"]
    assert read.places.wait == 5400
    assert [job.name for job in read.jobs] == ["nightly", "verify"]
    assert read.job("verify").variables["lifeboat_verify_sample"] == 20
    local = read.local_zone()
    assert read.previous(read.job("nightly"), NOW, local) == datetime(2026, 11, 21, 1, tzinfo=UTC)
    assert read.following(read.job("verify"), NOW, local) == datetime(2026, 11, 21, 23, tzinfo=UTC)
    with pytest.raises(UsageError, match="nightly, verify"):
        read.job("hourly")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": "lifeboat-schedule/9"}', '{"format": "lifeboat-schedule/1", "jobs": [{}]}']
)
def test_another_file_is_refused(tmp_path: t.Any, content: str) -> None:
    (tmp_path / "schedule.json").write_text(content)
    with pytest.raises(UsageError, match=r"schedule\.json"):
        schedule_jobs.read(str(tmp_path))


def test_no_file_is_no_schedule(tmp_path: t.Any) -> None:
    with pytest.raises(NotFound):
        schedule_jobs.read(str(tmp_path))


@pytest.mark.parametrize(
    ("job", "field", "named"),
    [
        (
            {"job": "restore", "cron": "@daily"},
            "job",
            "backup, doctor, heartbeat, metrics, physical, retention, validate, verify",
        ),
        ({"cron": "@daily"}, "job", "None"),
        ({"job": "backup"}, "cron", "in quotes"),
        ({"job": "backup", "cron": 5}, "cron", "in quotes"),
        ({"job": "backup", "cron": "0 25 * * *"}, "cron", "the hour is 0 to 23"),
        ({"job": "backup", "cron": "@daily", "name": "Nightly"}, "name", "lower-case letters"),
        ({"job": "backup", "cron": "@daily", "name": "x; rm"}, "name", "lower-case letters"),
        ({"job": "backup", "cron": "@daily", "sample": 5}, "sample", "is a backup job"),
        ({"job": "backup", "cron": "@daily", "max_age": "soon"}, "max_age", "not a duration"),
        ({"job": "backup", "cron": "@daily", "reason": "whim"}, "reason", "pre_deployment"),
        ({"job": "backup", "cron": "@daily", "databases": []}, "databases", "a list of names"),
        ({"job": "backup", "cron": "@daily", "parallel": True}, "parallel", "from 1 to 64"),
        ({"job": "backup", "cron": "@daily", "min_bytes": "much"}, "min_bytes", "not a size"),
        ({"job": "verify", "cron": "@daily", "sample": 101}, "sample", "from 1 to 100"),
        ({"job": "retention", "cron": "@daily", "policy": "gfs"}, "policy", "lifeboat_retention"),
        ({"job": "retention", "cron": "@daily", "apply": "maybe"}, "apply", "true or false"),
        ({"job": "verify", "cron": "@daily", "level": "deep"}, "level", "intact, opens"),
    ],
)
def test_a_job_that_cannot_work_is_refused_with_its_key(job: dict[str, t.Any], field: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        check([NIGHTLY, job])
    assert caught.value.details["field"] == f"lifeboat_schedule[1].{field}"
    assert f"lifeboat_schedule[1].{field}" in str(caught.value)
    assert named in str(caught.value)


def test_two_jobs_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two jobs named 'nightly'"):
        check([NIGHTLY, NIGHTLY])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"scheduler": "cron"}, "lifeboat_schedule_zone"),
        ({"scheduler": "cron", "zone": "", "catch_up": True}, "lifeboat_schedule_catch_up"),
    ],
)
def test_what_cron_cannot_do_is_refused_with_the_way_out(changed: dict[str, t.Any], field: str) -> None:
    with pytest.raises(UsageError, match="Set lifeboat_scheduler to systemd") as caught:
        check([NIGHTLY], **changed)
    assert caught.value.details["field"] == field


def test_catching_up_is_what_systemd_does_by_itself() -> None:
    assert check([NIGHTLY])["document"]["catch_up"] is True
    assert check([NIGHTLY], catch_up=False)["document"]["catch_up"] is False
    assert check([NIGHTLY], scheduler="cron", zone="")["document"]["catch_up"] is False


@pytest.mark.parametrize(("changed", "field"), [({"zone": "Europe/Atlantis"}, "zone"), ({"wait": "long"}, "wait")])
def test_other_settings_are_checked_too(changed: dict[str, t.Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        check([NIGHTLY], **changed)
    assert caught.value.details["field"] == f"lifeboat_schedule_{field}"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Doctor, metrics and page say the same of the jobs that did not run."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import sample_host
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import progress, status
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor

if t.TYPE_CHECKING:
    from sample_host import SampleHost

NIGHTLY = sample_host.NIGHTLY["jobs"][0]


def jobs(*crons: tuple[str, str], kind: str = "backup") -> dict[str, t.Any]:
    every = [{**NIGHTLY, "name": name, "job": kind, "cron": cron} for name, cron in crons]
    return {**sample_host.NIGHTLY, "jobs": every}


def late(sample: SampleHost) -> set[str]:
    """Return the jobs that did not run, once doctor and page agree."""
    request = doctor.ExamineRequest(
        sample.settings, cluster="main", config_dir=str(sample.home / "config"), only=("schedule",), fail_on="never"
    )
    checks = doctor.make_checks(request, sample.world(dry_run=True))
    said = {check.facts["job"] for check in checks if check.result != "ok"}
    assert {job["name"] for job in sample.watch().facts["status"]["jobs"] if job["late"]} == said
    return said


@pytest.mark.parametrize("kind", ["backup", "verify"])
def test_one_job_does_not_stand_for_another_of_its_kind(sample: SampleHost, kind: str) -> None:
    sample.schedule(jobs(("nightly-rest", "0 3 * * *"), ("hourly-shop", "0 * * * *"), kind=kind))
    operation = {"backup": "backup", "verify": "verification"}[kind]
    sample.log(operation, hours=0.9, job="hourly-shop")
    assert late(sample) == {"nightly-rest"}
    name = f'application="shop",job_name="nightly-rest",operation="{operation}"'
    assert sample.values()[f"lifeboat_schedule_last_run_timestamp_seconds{{{name}}}"] == 0
    sample.log(operation, hours=0.8)  # by hand, or by a user who inherits nothing
    assert late(sample) == set()


def test_a_job_has_time_before_it_is_late(sample: SampleHost) -> None:
    sample.schedule(jobs(("nightly", "30 7 * * *")))
    assert late(sample) == set()
    sample.schedule(jobs(("nightly", "30 6 * * *")))
    assert late(sample) == {"nightly"}


def test_a_job_that_runs_is_not_late(sample: SampleHost) -> None:
    sample.schedule()
    assert late(sample) == {"nightly"}
    directory = status.STATUS.folder(str(sample.home / "state"))
    Path(directory).mkdir()
    with progress.Progress(directory, "backup", "main/shop", lambda: sample.now).running():
        assert late(sample) == set()
    assert late(sample) == {"nightly"}


def test_what_an_account_of_the_future_says_is_no_run(sample: SampleHost) -> None:
    sample.schedule()
    sample.log("backup", hours=-24 * 30)
    assert late(sample) == {"nightly"}

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Extensions that a server must preload: validation gives them what they need, and a restore says what it cannot do."""

from __future__ import annotations

import os
import tempfile
import typing as t

import asked
import postgres_fixtures
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import checks
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from restoring import Restorer

JOBS = """
CREATE EXTENSION pg_cron;
CREATE EXTENSION pgaudit;
CREATE TABLE public.ticks (at timestamptz);
SELECT cron.schedule('tick', '* * * * *', 'INSERT INTO public.ticks VALUES (now())');
"""


@pytest.fixture(scope="module")
def preloading() -> t.Iterator[postgres_fixtures.Cluster]:
    """A server that preloads two extensions, and something that belongs to none."""
    settings = {"shared_preload_libraries": "'auto_explain, pg_cron, $libdir/pgaudit'", "cron.database_name": "'jobs'"}
    server = postgres_fixtures.start_cluster(settings=settings)
    try:
        yield server
    finally:
        postgres_fixtures.stop_cluster(server)


@pytest.fixture(scope="module")
def jobs(preloading: postgres_fixtures.Cluster) -> restore_fakes.Backup:
    preloading.create("jobs")
    preloading.execute(JOBS, "jobs")
    return restore_fakes.back_up(preloading, "jobs")


def prove(backup: restore_fakes.Backup, **values: t.Any) -> t.Any:
    with tempfile.TemporaryDirectory(prefix="lb-") as place:
        settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None, "place": ""})())
        request = asked.validation(settings, "main", "jobs", scratch_dir=place, **values)
        world = restore_fakes.world(environ={"PATH": os.environ["PATH"]})
        return validation.validate_chain(request, world, [t.cast("t.Any", backup)]).facts["validation"]


WORKERS = "SELECT string_agg(backend_type, ' ') FROM pg_stat_activity WHERE backend_type ~ 'worker|launcher|cron'"


def test_the_backup_records_what_its_extensions_need(jobs):
    assert jobs.details["preload"] == ["pg_cron", "pgaudit"]


def test_validation_preloads_them_and_starts_no_job(jobs):
    asked = checks.parse(
        [
            {"name": "job", "query": "SELECT jobname FROM cron.job", "expect": "tick"},
            {"name": "idle", "query": f"SELECT coalesce(({WORKERS}), 'nobody')", "expect": "nobody"},
        ],
        [],
    )
    result = prove(jobs, checks=asked)
    assert result["passed"]
    assert [check["passed"] for check in result["checks"]] == [True, True]


def test_a_backup_by_a_role_that_may_not_read_the_setting_validates_too(preloading, jobs):
    preloading.execute("CREATE ROLE reader LOGIN BYPASSRLS IN ROLE pg_read_all_data")
    preloading.execute("GRANT CONNECT ON DATABASE jobs TO reader")
    backup = restore_fakes.back_up(preloading, "jobs", role="reader")
    assert "preload" not in backup.details
    assert prove(backup)["passed"]


def test_a_swap_that_cannot_work_is_refused_first(preloading, jobs, tmp_path):
    """pg_cron is made in one database only, and a swap fills one of another name."""
    restorer = Restorer(preloading, tmp_path)
    for target in ("jobs", "copy"):
        with pytest.raises(errors.DatabaseError, match="pg_cron, which is allowed only in 'jobs'") as caught:
            restorer.restore(jobs, "jobs", target_db=target, dry_run=True)
        wanted = "strategy: in_place" if target == "jobs" else "cron.database_name"
        assert wanted in str(caught.value)


def test_in_place_works(preloading, jobs, tmp_path):
    restorer = Restorer(preloading, tmp_path)
    preloading.execute("DELETE FROM cron.job", "jobs")
    token = "jobs@db1"
    outcome = restorer.restore(jobs, "jobs", strategy="in_place", confirm=token, emergency_backup="off")
    assert outcome.changed
    assert preloading.execute("SELECT jobname::text FROM cron.job", "jobs") == [("tick",)]


def test_a_server_that_preloads_nothing_is_told_of_first(restorer, jobs):
    with pytest.raises(errors.DatabaseError, match=r"pg_cron.* shared_preload_libraries"):
        restorer.restore(jobs, "jobs", target_db="elsewhere", dry_run=True)

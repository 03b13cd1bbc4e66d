# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job on a host is told everything that its roles read, but for what is meant for one run and for secrets."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.verbs import JOBS

ROOT = Path(__file__).resolve().parents[4]
NAME = re.compile(r"\blifeboat_[a-z_]+\b")
# The roles that run in jobs, and the task files of theirs that only an installation runs.
ROLES = ("settings", "backup", "verify", "validate", "retention", "post_run", "backup_logs", "notify", "monitoring")
INSTALLATION = {"setup.yml", "server.yml", "install.yml"}

FOR_ONE_RUN = {
    "lifeboat_ticket",
    "lifeboat_accept_shrink",
    "lifeboat_restore_from",
    "lifeboat_max_age",
    "lifeboat_reason",
    "lifeboat_requested_by",
    "lifeboat_retention_force",
}
# Named in the inventory that the role writes, without what is secret in them.
MARKED = {"lifeboat_store_credentials", "lifeboat_store_ca_cert"}
# The local run is on the validator itself; rules and dashboards are installed, and not by a job. Keys that a restore
# borrows, and what an installation makes, are of no job.
OF_THE_CONTROLLER = {
    "lifeboat_launcher",
    "lifeboat_opening_key_file",
    "lifeboat_postgres_user",
    "lifeboat_recovery_key_file",
    "lifeboat_system_python",
    "lifeboat_validators",
    "lifeboat_dashboard",
    "lifeboat_prometheus_rules_dir",
    "lifeboat_prometheus_service",
}
# Whoever may change a bucket guards it by hand: a job on a host must neither have that right nor fail for lack of it.
OF_THE_ADMINISTRATOR = {"lifeboat_bucket", "lifeboat_bucket_ca_cert", "lifeboat_bucket_credentials_file"}
NOT_TOLD = FOR_ONE_RUN | MARKED | OF_THE_CONTROLLER | OF_THE_ADMINISTRATOR


def _role_variables() -> dict[str, list[str]]:
    return yaml.safe_load((ROOT / "roles/schedule/vars/main.yml").read_text(encoding="utf-8"))


def _read_by_jobs() -> set[str]:
    found: set[str] = set()
    for role in ROLES:
        for part in ("defaults", "vars", "tasks"):
            for source in (ROOT / "roles" / role / part).glob("*.yml"):
                if source.name not in INSTALLATION:
                    # What stands in a comment or in a message is no reading.
                    lines = [
                        line for line in source.read_text(encoding="utf-8").splitlines() if "{{" in line or "{%" in line
                    ]
                    found |= set(NAME.findall("\n".join(lines)))
    return found


def test_a_job_is_told_what_its_roles_read() -> None:
    missing = _read_by_jobs() - set(_role_variables()["schedule_carried"]) - NOT_TOLD
    assert not missing, f"say in roles/schedule/vars/main.yml or here what becomes of {sorted(missing)}"


def test_nothing_is_told_that_the_preflight_refuses_or_that_is_not_meant_to_stay() -> None:
    known = set(yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["preflight_known"])
    told = set(_role_variables()["schedule_carried"])
    assert told <= known
    assert not told & NOT_TOLD
    assert set(_role_variables()["schedule_carried_of_others"]) <= told


def test_the_options_of_jobs_are_variables_and_their_playbooks_are_there() -> None:
    known = set(yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["preflight_known"])
    for kind, job in JOBS.items():
        assert {variable for variable, _check in job.options.values()} <= known
        assert (ROOT / f"playbooks/{kind}.yml").is_file()

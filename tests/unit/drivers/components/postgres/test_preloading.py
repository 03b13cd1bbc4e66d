# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scratch cluster is set up for what the backup asks for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import preloading
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.server import (
    Programs,
)

if t.TYPE_CHECKING:
    from pathlib import Path

SESSIONS = 40


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """A server that has two libraries."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").mkdir()
    for name in ("pg_cron", "plpgsql"):
        (tmp_path / "lib" / f"{name}.so").touch()
    return Programs(str(tmp_path / "bin"), 150018, "15.18")


def settings(programs: Programs, **recorded: t.Any) -> dict[str, str]:
    detail = {"tables": [], "proof": {"level": "none"}, **recorded}
    return preloading.scratch_settings(detail, programs, database="validation", sessions=SESSIONS)


@pytest.mark.parametrize("relations", [0, 300, 4000, 20_000, 200_000])
def test_every_relation_can_be_locked_at_once(programs, relations):
    room = int(settings(programs, relations=relations)["max_locks_per_transaction"]) * SESSIONS
    assert room > relations
    assert room < 2 * relations + 64 * SESSIONS + SESSIONS


def test_a_backup_that_does_not_count_its_relations_is_estimated(programs):
    found = settings(programs, tables=[{"name": str(number)} for number in range(5000)])
    assert int(found["max_locks_per_transaction"]) * SESSIONS > 4 * 5000


def test_only_what_is_installed_is_preloaded_and_gets_no_process(programs):
    found = settings(programs, preload=["citus", "pg_cron"])
    assert found["shared_preload_libraries"] == "pg_cron"
    assert found["max_worker_processes"] == "0"
    assert found["cron.database_name"] == "validation"
    assert settings(programs, preload=["citus"]).keys() == {"max_locks_per_transaction"}


def test_a_backup_that_does_not_say_gets_what_bears_an_extensions_name(programs):
    found = settings(programs, proof={"level": "counts", "extensions": {"pg_cron": "1.4", "postgis": "3"}})
    assert found["shared_preload_libraries"] == "pg_cron"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What pg_dump says on standard error, and what it means."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.errors import (
    Busy,
    DatabaseError,
    ProcessFailed,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.postgres import dump

SUBSCRIPTIONS = "pg_dump: warning: subscriptions not dumped because current user is not a superuser"
COLLATION = (
    'WARNING:  database "app" has a collation version mismatch\n'
    "DETAIL:  The database was created using collation version 2.31, but the operating system provides version 2.36.\n"
    "HINT:  Rebuild all objects in this database that use the default collation."
)
CYCLE = (
    "pg_dump: warning: there are circular foreign-key constraints among these tables:\n"
    "pg_dump: detail: hen\npg_dump: detail: egg\n"
    "pg_dump: hint: You might not be able to restore the dump."
)


def test_silence_is_fine() -> None:
    assert dump.unaccepted_warnings("") == []


@pytest.mark.parametrize("stderr", [SUBSCRIPTIONS, f"{COLLATION}\n{SUBSCRIPTIONS}", f"{SUBSCRIPTIONS}\n{COLLATION}"])
def test_any_warning_counts_once_and_the_collation_does_not(stderr: str) -> None:
    assert dump.unaccepted_warnings(stderr) == ["subscriptions not dumped because current user is not a superuser"]


def test_details_and_hints_are_no_warnings_of_their_own() -> None:
    assert len(dump.unaccepted_warnings(CYCLE)) == 1
    assert dump.unaccepted_warnings(CYCLE, ["circular foreign-key"]) == []


def test_text_that_nobody_announced_counts_too() -> None:
    assert dump.unaccepted_warnings("Segmentation fault") == ["Segmentation fault"]


def test_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        dump.unaccepted_warnings(SUBSCRIPTIONS, ["("])
    assert caught.value.details["field"] == "accept_warnings"


def failed(stderr: str) -> ProcessFailed:
    return ProcessFailed("pg_dump ended with status 1.", program="pg_dump", exit_status=1, stderr=stderr)


def test_lock_timeout_is_busy_and_other_failures_name_a_remedy() -> None:
    waited = (
        "pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout\n"
        "pg_dump: detail: Query was: LOCK TABLE public.a IN ACCESS SHARE MODE"
    )
    assert dump.lock_refused(failed(waited))
    assert isinstance(dump.explain(failed(waited), "app"), Busy)
    denied = "pg_dump: error: query failed: ERROR:  permission denied for table closed"
    assert not dump.lock_refused(failed(denied))
    error = dump.explain(failed(denied), "app")
    assert isinstance(error, DatabaseError)
    assert "permission denied for table closed" in error.cause
    assert "pg_read_all_data" in error.remedy

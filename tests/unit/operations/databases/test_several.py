# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""While several databases are backed up, what is shown of all is made of what each of them says."""

from __future__ import annotations

import datetime
import json
import os

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.source import (
    DatabaseSource,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import status
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.children import End, Piece
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.progress import Progress
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup.request import BackupRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.databases import several
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.catalogue import (
    RepositorySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)

MIB = 1 << 20
SIZES = {"a": 10 * MIB, "b": 20 * MIB, "c": 30 * MIB, "d": 40 * MIB}


class Clock:
    """Goes on by two seconds whenever it is looked at: no write is too early."""

    def __init__(self):
        self.at = datetime.datetime(2026, 11, 20, 10, tzinfo=datetime.UTC)

    def __call__(self):
        self.at += datetime.timedelta(seconds=2)
        return self.at


@pytest.fixture
def run(tmp_path):
    (tmp_path / "status").mkdir()
    settings = RepositorySettings("shop", StoreSettings("file:///nowhere"), KeySettings(), str(tmp_path))
    source = DatabaseSource(Login(), "main", "")
    request = several.SeveralRequest(BackupRequest(settings, source), source, tuple(SIZES))
    recorded = []
    world = World(now=Clock(), sleep=lambda _seconds: None, environ={}, record=recorded.append)
    found = several._Run(request, world, SIZES)
    found.progress.plan(SIZES)
    found.recorded = recorded
    return found


def shown(tmp_path):
    return status.read(str(tmp_path / "status" / "backup-main.json"))


def ended(name, **how):
    return End(Piece(name, 1, lambda: None), 3.0, **how)


def made(name, size):
    facts = {
        "backup": {"backup_id": "b-1", "plain_size": size, "size": 1, "rows": None, "seconds": 2.0, "suspicions": []}
    }
    return ended(name, answer={"outcome": {"changed": True, "facts": facts, "warnings": []}})


def test_those_that_wait_are_expected_to_be_as_the_others_turned_out(run, tmp_path):
    run.ended(made("a", 5 * MIB))
    running = Progress(str(tmp_path / "status"), "backup", "main/b", Clock())
    running.plan({"0001": 10 * MIB})
    running.member("0001").note(2 * MIB)

    run.report({"b": os.getpid()})

    found = {member.name: (member.state, member.done, member.expected) for member in shown(tmp_path).members}
    assert found == {
        "a": ("done", 5 * MIB, 5 * MIB),
        "b": ("running", 2 * MIB, 10 * MIB),
        "c": ("waiting", 0, 15 * MIB),
        "d": ("waiting", 0, 20 * MIB),
    }
    assert status.line(shown(tmp_path)).startswith("backup of main: 1 of 4 databases, 7.0 MiB of about 50.0 MiB, ")


def test_the_status_that_an_earlier_run_left_is_not_counted(run, tmp_path):
    earlier = {"format": "lifeboat-status/1", "operation": "backup", "subject": "main/b", "phase": "dump"}
    earlier |= {"started": "2026-11-19T10:00:00Z", "updated": "2026-11-19T10:00:09Z", "pid": os.getpid() + 1}
    earlier |= {"members": [], "done": 7, "expected": 9, "result": None}
    (tmp_path / "status" / "backup-main%2Fb.json").write_text(json.dumps(earlier))

    run.report({"b": os.getpid()})

    assert shown(tmp_path).done == 0


def test_each_end_is_recorded_and_told_by_what_it_was(run):
    run.ended(made("a", MIB))
    run.ended(ended("b", killed="SIGKILL"))
    run.ended(ended("c", asked="SIGTERM"))
    run.ended(ended("d", raised="KeyError", traceback="Traceback: KeyError"))

    assert [(done.operation, done.about["database"], done.seconds) for done in run.recorded] == [
        ("backup", name, 3.0) for name in SIZES
    ]
    killed, asked, raised = (done.ended for done in run.recorded[1:])
    assert killed.cause == "The backup of 'b' was killed by SIGKILL."
    assert killed.remedy.startswith("Run again, with fewer jobs if the kernel log shows an out-of-memory kill")
    assert str(asked) == "SIGTERM ended this run. Unfinished work was rolled back."
    assert raised.cause == "An unexpected error, KeyError; the output of the run shows it."
    outcome = run.outcome(9.0, ())
    assert outcome.changed
    assert outcome.traceback == "Traceback: KeyError"
    assert str(outcome.error).startswith("3 of 4 databases were not backed up. b: The backup of 'b' was killed")
    assert [failure["error"] for failure in outcome.facts["failures"]] == ["ProcessFailed", "Ended", "KeyError"]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run ends: it leaves the recovery to others, or it closes it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from recovery_fixtures import STEPS, controller

if t.TYPE_CHECKING:
    from recovery_fixtures import Controller
    from sample_host import SampleHost


def test_what_is_left_is_taken_from_nobody(sample: SampleHost, here: Controller) -> None:
    first = here.open()
    here.wait("dns", "Open for writing?")
    told = here.leave("waiting").facts
    assert told["summary"] == f"Recover {first['id']} of plan data_loss waits before step dns."
    assert told["recovery"]["result"] == "waiting"
    there = controller(sample, "there")
    assert there.open(recovery_id=first["id"])["resumed"]


def test_only_what_is_done_is_closed_as_ok(here: Controller) -> None:
    here.open()
    here.done("provision", "restore")
    with pytest.raises(UsageError, match="cannot be closed as ok: step dns is not done"):
        here.close()
    here.end("dns", "skipped", reason="drill")
    assert here.close().facts["recovery"]["finished"]
    assert [attempt.number for attempt in here.journal().state.attempts] == [1, 1, 1]


def test_a_failure_is_said(here: Controller) -> None:
    here.open()
    here.done(*STEPS[:1])
    assert here.close("failed").facts["recovery"]["result"] == "failed"
    with pytest.raises(UsageError, match="result"):
        here.leave("ok")

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run ends: it leaves the recovery to others, or it closes it."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Done, Outcome
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.recover import stepping
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import Told
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from recovery_fixtures import STEPS, controller

if t.TYPE_CHECKING:
    from recovery_fixtures import Controller
    from sample_host import SampleHost


def test_what_is_left_is_taken_from_nobody(sample: SampleHost, here: Controller) -> None:
    first = here.open()
    here.wait("dns", "Open for writing?")
    told = here.leave("waiting").facts
    assert told["summary"] == f"Recovery {first['id']} of plan data_loss waits before step dns (Open for writing?)."
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


def test_an_end_that_the_store_missed_follows_when_the_next_recovery_is_opened(
    sample: SampleHost, here: Controller
) -> None:
    here.open()
    here.done(*STEPS)
    store = sample.home / "store"
    store.rename(sample.home / "away")
    told = here.close().warnings
    assert "is only on this host" in told[0]
    assert "stay pinned" in told[1]
    (sample.home / "away").rename(store)
    there = controller(sample, "there")
    there.recovery_id = here.recovery_id
    assert not there.read()["finished"]
    assert here.opened().facts["recovery"]["finished"]
    assert there.read()["finished"]
    said = catalogue.open_repository(sample.settings, sample.world()).marks(kinds=("pinned",))
    assert not any(marks.pinned for marks in said.values())


def test_what_others_are_to_be_told_is_recorded_without_what_hosts_said(here: Controller) -> None:
    done: list[Done] = []
    here.world = dataclasses.replace(here.world, record=done.append)
    here.open()
    here.begin("provision")
    here.end("provision", "failed", hosts={"db1": "secret"})
    here.leave("failed")
    here.open()
    here.wait("dns")
    here.leave("waiting")
    here.open()
    here.leave("incomplete")
    assert [each.about["state"] for each in done] == ["open", "leave", "open", "waiting", "open"]
    failed, waits = done[1].ended, done[3].ended
    assert isinstance(failed, RecoveryError)
    assert failed.cause == f"Recovery {here.recovery_id} of plan data_loss stopped in step provision."
    assert (failed.details["mode"], failed.details["plan"]) == ("recover", "data_loss")
    assert isinstance(waits, Outcome)
    assert "has been disturbed since" in waits.facts["status_page"]
    assert "secret" not in repr(done[1])


def test_receivers_that_were_told_are_recorded(here: Controller) -> None:
    here.open()
    request = stepping.StepRequest(here.settings, here.recovery_id, here.run, channels=("team", "night-shift"))
    assert stepping.tell(request, here.world).changed
    assert here.journal().events[-1].what == Told(("team", "night-shift"))
    assert not stepping.tell(request, dataclasses.replace(here.world, dry_run=True)).changed


def test_a_failure_is_said(here: Controller) -> None:
    here.open()
    here.done(*STEPS[:1])
    assert here.close("failed").facts["recovery"]["result"] == "failed"
    with pytest.raises(UsageError, match="result"):
        here.leave("ok")


def test_a_drill_is_closed_as_ok_when_nothing_is_left(sample: SampleHost, here: Controller) -> None:
    here.open(mode="drill")
    here.done(*STEPS)
    with pytest.raises(UsageError, match="its hosts are not torn down"):
        here.close()
    told = here.tear_down(db1="/etc/lifeboat/keys").facts["recovery"]
    assert told["torn_down"] == {"db1": "/etc/lifeboat/keys"}
    with pytest.raises(UsageError, match="its hosts are not torn down"):
        here.close()
    assert here.tear_down().facts["recovery"]["torn_down"] == {}
    assert here.close().facts["recovery"]["result"] == "ok"


def test_a_recovery_has_no_hosts_to_tear_down(here: Controller) -> None:
    here.open()
    with pytest.raises(UsageError, match="is no drill: its hosts stay as they are"):
        here.tear_down()


def test_what_a_drill_validated_is_restore_tested(sample: SampleHost, here: Controller) -> None:
    (component,) = here.open(mode="drill")["points"]
    here.begin("restore")
    here.end("restore", facts={"canaries": 10, "canaries_found": 9, "restore_tested": component})
    assert here.read()["canaries"] == {"planted": 10, "found": 9}
    assert here.close("failed").warnings == ()
    (said,) = catalogue.open_repository(sample.settings, sample.world()).marks(kinds=("restore_tested",)).values()
    assert [mark.reason for mark in said.of("restore_tested")] == [f"Validated by {here.recovery_id}"]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backup a recovery begins with: the newest against which nothing is known, or the one that somebody names."""

from __future__ import annotations

import dataclasses
import datetime
import secrets
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.local_keys import KeySettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    NotFound,
    Tampered,
    UsageError,
)
from recovery_fixtures import STEPS, controller

if t.TYPE_CHECKING:
    from recovery_fixtures import Controller
    from sample_host import SampleHost


def point(here: Controller, **values: t.Any) -> dict[str, t.Any]:
    found: dict[str, t.Any] = here.open(recovery_id="new", **values)["points"]["main/shop"]
    here.leave()
    return found


def test_restore_tested_or_not_the_newest_counts(sample: SampleHost, here: Controller) -> None:
    older = sample.back_up(hours=3)
    sample.validated(older)
    newest = sample.back_up(hours=2)
    assert (point(here)["backup_id"], point(here)["restore_tested"]) == (newest, False)
    named = point(here, points={"main/shop": older})
    assert (named["backup_id"], named["restore_tested"]) == (older, True)


def test_a_store_without_backups_is_said(sample: SampleHost) -> None:
    outcome = controller(sample).opened()
    assert outcome.facts["recovery"]["points"] == {}
    assert "contains no backup of shop" in outcome.warnings[0]


@pytest.mark.parametrize("known", [True, False])
def test_a_key_of_something_else_is_named_as_that(sample: SampleHost, here: Controller, *, known: bool) -> None:
    """On the controller that always recovers, and on one that somebody has just set up."""
    there = here if known else controller(sample, "elsewhere")
    other = KeySettings(recovery_key_hex=secrets.token_hex(32))
    there.settings = dataclasses.replace(there.settings, keys=other)
    with pytest.raises((KeyRefused, Tampered), match=r"signed by the (root|key) at hand") as caught:
        there.open()
    assert "the key of shop" in str(caught.value)
    assert there.settings.state_dir is not None
    assert not list(Path(there.settings.state_dir).glob("recoveries/*/*"))


def test_what_was_never_backed_up_as_a_whole_stops_no_recovery(sample: SampleHost, here: Controller) -> None:
    sample.back_up("parts", scope="partial")
    outcome = here.opened()
    assert set(outcome.facts["recovery"]["points"]) == {"main/shop"}
    assert "main/parts has no recovery point: there is no backup of the whole." in outcome.warnings


def test_one_whose_last_restore_test_failed_does_not(sample: SampleHost, here: Controller) -> None:
    older = sample.back_up(hours=3)
    newest = sample.back_up(hours=2)
    sample.log("validation", "failed", hours=1, backup_id=newest, error="ProofMismatch", mode="scratch")
    outcome = here.opened()
    assert outcome.facts["recovery"]["points"]["main/shop"]["backup_id"] == older
    assert f"{newest} of main/shop is newer than the recovery point. Its last restore test failed." in outcome.warnings


def test_a_suspicious_one_does_not(sample: SampleHost, here: Controller) -> None:
    clean = [sample.back_up(hours=40 - hours, data=100 << 20) for hours in range(8)][-1]
    strange = sample.back_up(hours=2, data=1 << 20)
    outcome = here.opened()
    assert outcome.facts["recovery"]["points"]["main/shop"]["backup_id"] == clean
    assert any(strange in warning and "It is suspicious" in warning for warning in outcome.warnings)
    here.open(recovery_id=outcome.facts["recovery"]["id"])
    here.leave()
    assert point(here, points={"main/shop": strange})["backup_id"] == strange


def test_after_an_infection_only_a_tested_one_from_before_does(sample: SampleHost, here: Controller) -> None:
    tested = sample.back_up(hours=10)
    sample.validated(tested)
    sample.back_up(hours=9)
    after = sample.back_up(hours=2)
    sample.validated(after)
    since = sample.now - datetime.timedelta(hours=8)
    assert point(here, infected_since=since)["backup_id"] == tested
    with pytest.raises(UsageError, match="No backup of main/shop may be chosen by itself; the newest is backup-"):
        here.opened(recovery_id="new", infected_since=sample.now - datetime.timedelta(hours=11))


def test_an_infection_that_is_found_out_later_is_not_restored_in_silence(sample: SampleHost, here: Controller) -> None:
    tested = sample.back_up(hours=10)
    sample.validated(tested)
    newest = sample.back_up(hours=2)
    here.open()
    here.leave()
    since = sample.now - datetime.timedelta(hours=8)
    with pytest.raises(UsageError, match=f"{newest}, from which .* is not from before infected_since"):
        here.opened(infected_since=since)
    found = here.open(infected_since=since, points={"main/shop": tested})
    assert found["points"]["main/shop"]["backup_id"] == tested


def test_a_person_decides_where_a_newer_one_cannot_be_had(sample: SampleHost, here: Controller) -> None:
    older = sample.back_up(hours=3)
    newest = sample.back_up(hours=2)
    (sample.home / "store" / "shop" / "manifests" / "main" / "shop" / f"{newest}.json").unlink()
    with pytest.raises(UsageError, match=f"{older} is not the newest backup of main/shop; {newest} came later"):
        here.opened()
    assert point(here, points={"main/shop": older})["backup_id"] == older


def test_a_selector_is_what_a_restore_takes(sample: SampleHost, here: Controller) -> None:
    older = sample.back_up(hours=3)
    sample.back_up(hours=2)
    before = (sample.now - datetime.timedelta(hours=2.5)).isoformat()
    assert point(here, points={"main/shop": f"latest before {before}"})["backup_id"] == older
    with pytest.raises(UsageError, match="'newest' is not a backup"):
        here.opened(recovery_id="new", points={"main/shop": "newest"})
    with pytest.raises(NotFound):
        here.opened(recovery_id="new", points={"main/other": "backup-20261130T000000Z-0000000000000000"})


def test_a_recovery_changes_its_point_only_when_another_is_named(sample: SampleHost, here: Controller) -> None:
    older = sample.back_up(hours=3)
    first = here.open()["points"]["main/shop"]["backup_id"]
    here.leave()
    sample.back_up(hours=1)
    assert here.open(points={"main/shop": "latest"})["points"]["main/shop"]["backup_id"] == first
    here.leave()
    other = sample.back_up(hours=0.5)
    assert here.open(points={"main/shop": other})["points"]["main/shop"]["backup_id"] == other != older
    here.leave()
    assert here.open()["points"]["main/shop"]["backup_id"] == other
    here.done(*STEPS)
    here.close()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever damages or hides the newest manifest does not decide which backup `latest` is without being told of."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    database_target,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    NotFound,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.request import RestoreRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    marks,
    newer,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sample_host import SampleHost

SHOP = "main/shop"


def file(sample: SampleHost, identity: str, part: str = "manifests") -> Path:
    """Return the manifest of a backup, or one of its files."""
    return next(path for path in (sample.home / "store").rglob("*") if part in path.parts and identity in str(path))


def cut(sample: SampleHost, identity: str) -> None:
    path = file(sample, identity)
    path.write_bytes(path.read_bytes()[:-20])


def hide(sample: SampleHost, identity: str) -> None:
    file(sample, identity).unlink()


def empty(sample: SampleHost, identity: str) -> None:
    shutil.rmtree(file(sample, identity, "data"))


def replace(sample: SampleHost, identity: str) -> None:
    """Put the manifest of the other backup in its place."""
    other = next(path for path in file(sample, identity).parent.iterdir() if identity not in path.name)
    file(sample, identity).write_bytes(other.read_bytes())


def without_receipts(sample: SampleHost) -> catalogue.RepositorySettings:
    """Return the settings of a host that made none of the backups, as the one of a disaster is."""
    return dataclasses.replace(sample.settings, state_dir=None)


def choose(sample: SampleHost, selector: str = "latest", settings: catalogue.RepositorySettings | None = None) -> t.Any:
    opened = catalogue.open_repository(settings or sample.settings, sample.world())
    return newer.choose(opened, SHOP, selector, sample.now)


@pytest.mark.parametrize("damage", [cut, hide, empty, replace])
def test_latest_tells_of_a_newer_one_that_cannot_be_had(
    sample: SampleHost, damage: Callable[[SampleHost, str], None]
) -> None:
    old, lost = sample.back_up(hours=30), sample.back_up(hours=5)
    assert choose(sample).passed == ()
    damage(sample, lost)
    chosen = choose(sample)
    assert chosen.backup.manifest.backup_id == old
    assert chosen.certain
    assert chosen.notes[0].startswith(f"{old} is not the newest backup of {SHOP}; {lost} came later.")
    assert choose(sample, old).passed == ()
    before = (sample.now.replace(microsecond=0)).isoformat()
    assert choose(sample, f"latest before {before}").certain


def test_what_is_not_later_or_not_meant_is_not_told(sample: SampleHost) -> None:
    damaged = sample.back_up(hours=40)
    sample.back_up(hours=30)
    other = sample.back_up("orders", hours=6)
    emergency = sample.back_up(hours=4, reason="emergency")
    part = sample.back_up(hours=3, scope="partial")
    later = sample.back_up(hours=2)
    for identity in (damaged, other):
        cut(sample, identity)
    for identity in (emergency, part):
        hide(sample, identity)
    assert choose(sample).passed == ()
    cut(sample, later)
    moment = sample.now.replace(hour=1).isoformat()
    assert choose(sample, f"latest before {moment}").passed == ()


def test_a_mark_speaks_of_a_backup_that_is_gone_and_an_expired_one_does_not(sample: SampleHost) -> None:
    old, lost = sample.back_up(hours=30), sample.back_up(hours=5)
    settings = without_receipts(sample)
    opened = catalogue.open_repository(settings, sample.world())
    backup = opened.read(SHOP, lost)
    marks.write(
        opened.store, opened.trusted_keys, marks.make(backup, "restore_tested", "", at=sample.now, token="1" * 16)
    )
    hide(sample, lost)
    chosen = choose(sample, settings=settings)
    assert (chosen.backup.manifest.backup_id, chosen.certain) == (old, True)
    marks.write(opened.store, opened.trusted_keys, marks.make(backup, "expired", "", at=sample.now, token="2" * 16))
    assert choose(sample, settings=settings).passed == ()
    assert choose(sample).passed == ()


def test_a_hidden_manifest_leaves_its_records(sample: SampleHost) -> None:
    """On the host of a disaster there is no receipt: the records that lie there without a manifest must do."""
    sample.back_up(hours=30)
    lost = sample.back_up(hours=5)
    hide(sample, lost)
    chosen = choose(sample, settings=without_receipts(sample))
    # This record does not say whose it is, so that nobody can be certain.
    assert [passed.backup_id for passed in chosen.passed] == [lost]
    assert "may not be the newest" in chosen.notes[0]


def test_a_restore_of_such_a_latest_is_refused_before_anything_is_asked(sample: SampleHost) -> None:
    old, lost = sample.back_up(hours=30), sample.back_up(hours=5)
    cut(sample, lost)
    target = database_target.DatabaseTarget(Login(host="nowhere.example"), "main", "shop", "nowhere")
    request = RestoreRequest(sample.settings, target)
    with pytest.raises(UsageError, match=r"is not the newest.*lifeboat_restore_from") as caught:
        restore.restore(request, sample.world())
    assert old in str(caught.value)
    assert caught.value.details["passed_over"] == [lost]


@pytest.mark.parametrize("remembers", [True, False])
def test_a_listing_that_leaves_the_newest_out_once_does_not_decide(sample: SampleHost, remembers: bool) -> None:
    """Only the listing by which the latest is chosen lies; whatever is asked after it tells the truth."""
    sample.back_up(hours=30)
    newest = sample.back_up(hours=5)
    opened = catalogue.open_repository(sample.settings if remembers else without_receipts(sample), sample.world())
    lies, plain = [1], opened.store.list

    def shown(prefix: str) -> t.Any:
        hidden = newest if "manifests" in prefix and lies and lies.pop() else "none"
        return (info for info in plain(prefix) if hidden not in info.name)

    opened.store.list = shown  # type: ignore[method-assign]
    chosen = newer.choose(opened, SHOP, "latest", sample.now)
    assert [passed.backup_id for passed in chosen.passed] == [newest]
    assert chosen.certain


def test_an_earlier_one_of_the_same_second_is_not_newer(sample: SampleHost) -> None:
    earlier, later = sample.back_up(hours=5), sample.back_up(hours=5)
    chosen = choose(sample)
    assert (chosen.backup.manifest.backup_id, chosen.passed) == (later, ())
    assert earlier.rpartition("-")[0] == later.rpartition("-")[0]


@pytest.mark.parametrize("damage", [cut, hide])
def test_an_earlier_one_of_the_same_second_that_is_lost_is_not_newer(
    sample: SampleHost, damage: Callable[[SampleHost, str], None]
) -> None:
    sample.now = sample.now.replace(microsecond=900_000)
    lost = sample.back_up(hours=5 + 0.5 / 3600, token="f" * 16)
    later = sample.back_up(hours=5, token="0" * 16)
    damage(sample, lost)
    chosen = choose(sample)
    assert (chosen.backup.manifest.backup_id, chosen.passed) == (later, ())
    assert listing.list_backups(listing.ListRequest(sample.settings), sample.world()).facts["passed_over"] == {}
    # By its id alone, which tells the second, nobody can say it.
    assert [one.backup_id for one in choose(sample, settings=without_receipts(sample)).passed] == [lost]


@pytest.mark.parametrize("damage", [cut, hide])
def test_one_that_began_before_a_time_and_ended_after_it_is_not_meant(
    sample: SampleHost, damage: Callable[[SampleHost, str], None]
) -> None:
    old, running = sample.back_up(hours=30), sample.back_up(hours=5, seconds=7200)
    moment = (sample.now - datetime.timedelta(hours=6)).isoformat()
    assert choose(sample, f"latest before {moment}").passed == ()
    damage(sample, running)
    chosen = choose(sample, f"latest before {moment}")
    assert (chosen.backup.manifest.backup_id, chosen.passed) == (old, ())
    request = listing.ListRequest(sample.settings, as_of=sample.now - datetime.timedelta(hours=6))
    facts = listing.list_backups(request, sample.world()).facts
    assert (facts["latest"][SHOP]["backup_id"], facts["passed_over"]) == (old, {})


@pytest.mark.parametrize(("after", "meant"), [(0, 0), (1, 1)])
def test_a_restore_and_the_list_mean_the_same_by_a_time(sample: SampleHost, after: int, meant: int) -> None:
    """A backup that ended at that very moment is not from before it."""
    made = [sample.back_up(hours=30), sample.back_up(hours=5)]
    moment = sample.now - datetime.timedelta(hours=5) + datetime.timedelta(microseconds=after)
    chosen = choose(sample, f"latest before {moment.isoformat()}").backup.manifest.backup_id
    facts = listing.list_backups(listing.ListRequest(sample.settings, as_of=moment), sample.world()).facts
    assert facts["latest"][SHOP]["backup_id"] == chosen == made[meant]


def test_where_none_can_be_used_the_reason_is_told(sample: SampleHost) -> None:
    cut(sample, sample.back_up(hours=5))
    with pytest.raises(NotFound, match=r"1 exist but cannot be used; the first: .*"):
        choose(sample)


def test_listing_verifying_marking_and_watching_tell_of_it(sample: SampleHost) -> None:
    old, lost = sample.back_up(hours=30), sample.back_up(hours=5)
    hide(sample, lost)
    listed = listing.list_backups(listing.ListRequest(sample.settings), sample.world())
    assert listed.facts["latest"][SHOP]["backup_id"] == old
    assert [one["backup_id"] for one in listed.facts["passed_over"][SHOP]] == [lost]
    said = f"{old} is not the newest backup of {SHOP}; {lost} came later."
    assert any(warning.startswith(said) for warning in listed.warnings)
    assert any(line.startswith(f"PROBLEM  {said}") for line in listed.facts["table"])
    with pytest.raises(Tampered, match=said):
        verification.verify(
            verification.VerifyRequest(sample.settings, cluster="main", database="shop", backup="latest"),
            sample.world(),
        )
    marked = marking.mark(marking.MarkRequest(sample.settings, "main", "shop", "latest"), sample.world())
    assert marked.warnings[0].startswith(said)
    assert sample.values()['lifeboat_store_problems{application="shop",kind="latest"}'] == 1
    assert said in sample.html()


def test_a_listing_as_of_a_time_tells_of_what_came_before_it(sample: SampleHost) -> None:
    sample.back_up(hours=30)
    lost = sample.back_up(hours=5)
    cut(sample, lost)
    request = listing.ListRequest(sample.settings, as_of=sample.now.replace(hour=1))
    assert listing.list_backups(request, sample.world()).facts["passed_over"] == {}
    request = listing.ListRequest(sample.settings, as_of=sample.now.replace(hour=6))
    assert listing.list_backups(request, sample.world()).facts["passed_over"].keys() == {SHOP}

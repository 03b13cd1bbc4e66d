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

    from shelf import Shelf

SHOP = "main/shop"


def file(shelf: Shelf, identity: str, part: str = "manifests") -> Path:
    """Return the manifest of a backup, or one of its files."""
    return next(path for path in (shelf.home / "store").rglob("*") if part in path.parts and identity in str(path))


def cut(shelf: Shelf, identity: str) -> None:
    path = file(shelf, identity)
    path.write_bytes(path.read_bytes()[:-20])


def hide(shelf: Shelf, identity: str) -> None:
    file(shelf, identity).unlink()


def empty(shelf: Shelf, identity: str) -> None:
    shutil.rmtree(file(shelf, identity, "data"))


def replace(shelf: Shelf, identity: str) -> None:
    """Put the manifest of the other backup in its place."""
    other = next(path for path in file(shelf, identity).parent.iterdir() if identity not in path.name)
    file(shelf, identity).write_bytes(other.read_bytes())


def without_receipts(shelf: Shelf) -> catalogue.RepositorySettings:
    """Return the settings of a host that made none of the backups, as the one of a disaster is."""
    return dataclasses.replace(shelf.settings, state_dir=None)


def choose(shelf: Shelf, selector: str = "latest", settings: catalogue.RepositorySettings | None = None) -> t.Any:
    opened = catalogue.open_repository(settings or shelf.settings, shelf.world())
    return newer.choose(opened, SHOP, selector, shelf.now)


@pytest.mark.parametrize("damage", [cut, hide, empty, replace])
def test_latest_tells_of_a_newer_one_that_cannot_be_had(shelf: Shelf, damage: Callable[[Shelf, str], None]) -> None:
    old, lost = shelf.back_up(hours=30), shelf.back_up(hours=5)
    assert choose(shelf).passed == ()
    damage(shelf, lost)
    chosen = choose(shelf)
    assert chosen.backup.manifest.backup_id == old
    assert chosen.certain
    assert chosen.notes[0].startswith(f"{old} is not the newest backup of {SHOP}; {lost} came later.")
    assert choose(shelf, old).passed == ()
    before = (shelf.now.replace(microsecond=0)).isoformat()
    assert choose(shelf, f"latest before {before}").certain


def test_what_is_not_later_or_not_meant_is_not_told(shelf: Shelf) -> None:
    damaged = shelf.back_up(hours=40)
    shelf.back_up(hours=30)
    other = shelf.back_up("orders", hours=6)
    emergency = shelf.back_up(hours=4, reason="emergency")
    part = shelf.back_up(hours=3, scope="partial")
    later = shelf.back_up(hours=2)
    for identity in (damaged, other):
        cut(shelf, identity)
    for identity in (emergency, part):
        hide(shelf, identity)
    assert choose(shelf).passed == ()
    cut(shelf, later)
    moment = shelf.now.replace(hour=1).isoformat()
    assert choose(shelf, f"latest before {moment}").passed == ()


def test_a_mark_speaks_of_a_backup_that_is_gone_and_an_expired_one_does_not(shelf: Shelf) -> None:
    old, lost = shelf.back_up(hours=30), shelf.back_up(hours=5)
    settings = without_receipts(shelf)
    opened = catalogue.open_repository(settings, shelf.world())
    backup = opened.read(SHOP, lost)
    marks.write(
        opened.store, opened.trusted_keys, marks.make(backup, "restore_tested", "", at=shelf.now, token="1" * 16)
    )
    hide(shelf, lost)
    chosen = choose(shelf, settings=settings)
    assert (chosen.backup.manifest.backup_id, chosen.certain) == (old, True)
    marks.write(opened.store, opened.trusted_keys, marks.make(backup, "expired", "", at=shelf.now, token="2" * 16))
    assert choose(shelf, settings=settings).passed == ()
    assert choose(shelf).passed == ()


def test_a_hidden_manifest_leaves_its_records(shelf: Shelf) -> None:
    """On the host of a disaster there is no receipt: the records that lie there without a manifest must do."""
    shelf.back_up(hours=30)
    lost = shelf.back_up(hours=5)
    hide(shelf, lost)
    chosen = choose(shelf, settings=without_receipts(shelf))
    # This record does not say whose it is, so that nobody can be certain.
    assert [passed.backup_id for passed in chosen.passed] == [lost]
    assert "may not be the newest" in chosen.notes[0]


def test_a_restore_of_such_a_latest_is_refused_before_anything_is_asked(shelf: Shelf) -> None:
    old, lost = shelf.back_up(hours=30), shelf.back_up(hours=5)
    cut(shelf, lost)
    target = database_target.DatabaseTarget(Login(host="nowhere.example"), "main", "shop", "nowhere")
    request = RestoreRequest(shelf.settings, target)
    with pytest.raises(UsageError, match=r"is not the newest.*lifeboat_restore_from") as caught:
        restore.restore(request, shelf.world())
    assert old in str(caught.value)
    assert caught.value.details["passed_over"] == [lost]


@pytest.mark.parametrize("remembers", [True, False])
def test_a_listing_that_leaves_the_newest_out_once_does_not_decide(shelf: Shelf, remembers: bool) -> None:
    """Only the listing by which the latest is chosen lies; whatever is asked after it tells the truth."""
    shelf.back_up(hours=30)
    newest = shelf.back_up(hours=5)
    opened = catalogue.open_repository(shelf.settings if remembers else without_receipts(shelf), shelf.world())
    lies, plain = [1], opened.store.list

    def shown(prefix: str) -> t.Any:
        hidden = newest if "manifests" in prefix and lies and lies.pop() else "none"
        return (info for info in plain(prefix) if hidden not in info.name)

    opened.store.list = shown  # type: ignore[method-assign]
    chosen = newer.choose(opened, SHOP, "latest", shelf.now)
    assert [passed.backup_id for passed in chosen.passed] == [newest]
    assert chosen.certain


def test_an_earlier_one_of_the_same_second_is_not_newer(shelf: Shelf) -> None:
    earlier, later = shelf.back_up(hours=5), shelf.back_up(hours=5)
    chosen = choose(shelf)
    assert (chosen.backup.manifest.backup_id, chosen.passed) == (later, ())
    assert earlier.rpartition("-")[0] == later.rpartition("-")[0]


@pytest.mark.parametrize("damage", [cut, hide])
def test_an_earlier_one_of_the_same_second_that_is_lost_is_not_newer(
    shelf: Shelf, damage: Callable[[Shelf, str], None]
) -> None:
    shelf.now = shelf.now.replace(microsecond=900_000)
    lost = shelf.back_up(hours=5 + 0.5 / 3600, token="f" * 16)
    later = shelf.back_up(hours=5, token="0" * 16)
    damage(shelf, lost)
    chosen = choose(shelf)
    assert (chosen.backup.manifest.backup_id, chosen.passed) == (later, ())
    assert listing.list_backups(listing.ListRequest(shelf.settings), shelf.world()).facts["passed_over"] == {}
    # By its id alone, which tells the second, nobody can say it.
    assert [one.backup_id for one in choose(shelf, settings=without_receipts(shelf)).passed] == [lost]


@pytest.mark.parametrize("damage", [cut, hide])
def test_one_that_began_before_a_time_and_ended_after_it_is_not_meant(
    shelf: Shelf, damage: Callable[[Shelf, str], None]
) -> None:
    old, running = shelf.back_up(hours=30), shelf.back_up(hours=5, seconds=7200)
    moment = (shelf.now - datetime.timedelta(hours=6)).isoformat()
    assert choose(shelf, f"latest before {moment}").passed == ()
    damage(shelf, running)
    chosen = choose(shelf, f"latest before {moment}")
    assert (chosen.backup.manifest.backup_id, chosen.passed) == (old, ())
    request = listing.ListRequest(shelf.settings, as_of=shelf.now - datetime.timedelta(hours=6))
    facts = listing.list_backups(request, shelf.world()).facts
    assert (facts["latest"][SHOP]["backup_id"], facts["passed_over"]) == (old, {})


@pytest.mark.parametrize(("after", "meant"), [(0, 0), (1, 1)])
def test_a_restore_and_the_list_mean_the_same_by_a_time(shelf: Shelf, after: int, meant: int) -> None:
    """A backup that ended at that very moment is not from before it."""
    made = [shelf.back_up(hours=30), shelf.back_up(hours=5)]
    moment = shelf.now - datetime.timedelta(hours=5) + datetime.timedelta(microseconds=after)
    chosen = choose(shelf, f"latest before {moment.isoformat()}").backup.manifest.backup_id
    facts = listing.list_backups(listing.ListRequest(shelf.settings, as_of=moment), shelf.world()).facts
    assert facts["latest"][SHOP]["backup_id"] == chosen == made[meant]


def test_where_none_can_be_used_the_reason_is_told(shelf: Shelf) -> None:
    cut(shelf, shelf.back_up(hours=5))
    with pytest.raises(NotFound, match=r"1 are there and cannot be used; the first: .*"):
        choose(shelf)


def test_listing_verifying_marking_and_watching_tell_of_it(shelf: Shelf) -> None:
    old, lost = shelf.back_up(hours=30), shelf.back_up(hours=5)
    hide(shelf, lost)
    listed = listing.list_backups(listing.ListRequest(shelf.settings), shelf.world())
    assert listed.facts["latest"][SHOP]["backup_id"] == old
    assert [one["backup_id"] for one in listed.facts["passed_over"][SHOP]] == [lost]
    said = f"{old} is not the newest backup of {SHOP}; {lost} came later."
    assert any(warning.startswith(said) for warning in listed.warnings)
    assert any(line.startswith(f"ANOMALY  {said}") for line in listed.facts["table"])
    with pytest.raises(Tampered, match=said):
        verification.verify(
            verification.VerifyRequest(shelf.settings, cluster="main", database="shop", backup="latest"), shelf.world()
        )
    marked = marking.mark(marking.MarkRequest(shelf.settings, "main", "shop", "latest"), shelf.world())
    assert marked.warnings[0].startswith(said)
    assert shelf.values()['lifeboat_store_anomalies{application="shop",kind="latest"}'] == 1
    assert said in shelf.html()


def test_a_listing_as_of_a_time_tells_of_what_came_before_it(shelf: Shelf) -> None:
    shelf.back_up(hours=30)
    lost = shelf.back_up(hours=5)
    cut(shelf, lost)
    request = listing.ListRequest(shelf.settings, as_of=shelf.now.replace(hour=1))
    assert listing.list_backups(request, shelf.world()).facts["passed_over"] == {}
    request = listing.ListRequest(shelf.settings, as_of=shelf.now.replace(hour=6))
    assert listing.list_backups(request, shelf.world()).facts["passed_over"].keys() == {SHOP}

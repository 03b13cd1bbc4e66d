# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store that shows less than it holds: nothing is destroyed, and nobody is told that there are no backups."""

from __future__ import annotations

import contextlib
import os

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    RecoveryError,
    StoreError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.monitor import collecting
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import Receipt

POLICY = {"keep_within": "30d", "min_keep": 1}
LEFT = "backup-20200101T000000Z-0123456789abcdef"


def symlinked(sample_store):
    (sample_store.root / "shop/manifests").rename(sample_store.home / "elsewhere")
    (sample_store.root / "shop/manifests").symlink_to(sample_store.home / "elsewhere")


def symlinked_cluster(sample_store):
    (sample_store.root / "shop/manifests/main").rename(sample_store.home / "elsewhere")
    (sample_store.root / "shop/manifests/main").symlink_to(sample_store.home / "elsewhere")


def symlinked_database(sample_store):
    (sample_store.root / "shop/manifests/main/shop").rename(sample_store.home / "elsewhere")
    (sample_store.root / "shop/manifests/main/shop").symlink_to(sample_store.home / "elsewhere")


def linked_files(sample_store):
    for path in (sample_store.root / "shop/manifests/main/shop").iterdir():
        path.rename(sample_store.home / path.name)
        path.symlink_to(sample_store.home / path.name)


def renamed(sample_store):
    (sample_store.root / "shop/manifests").rename(sample_store.root / "shop/manifests.old")


def renamed_database(sample_store):
    (sample_store.root / "shop/manifests/main/shop").rename(sample_store.home / "elsewhere")


def a_file(sample_store):
    renamed(sample_store)
    (sample_store.root / "shop/manifests").write_bytes(b"")


def a_file_for_a_cluster(sample_store):
    (sample_store.root / "shop/manifests/main").rename(sample_store.home / "elsewhere")
    (sample_store.root / "shop/manifests/main").write_bytes(b"")


def a_pipe(sample_store):
    renamed(sample_store)
    os.mkfifo(sample_store.root / "shop/manifests")


LOSSES = [
    symlinked,
    symlinked_cluster,
    symlinked_database,
    linked_files,
    renamed,
    renamed_database,
    a_file,
    a_file_for_a_cluster,
    a_pipe,
]


def members(sample_store):
    """Return the files of all backups, as the file system has them."""
    return sorted(
        str(path) for part in ("data", "details") for path in (sample_store.root / "shop" / part).rglob("*.lbx")
    )


@pytest.fixture
def filled(sample_store):
    for days in (2, 3, 4, 5, 31, 32):
        sample_store.make(days)
    return sample_store


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
def test_what_hides_all_manifests_destroys_nothing_and_is_an_error(filled, lose, force):
    before = members(filled)
    lose(filled)
    for dry_run in (True, False):
        with pytest.raises(StoreError) as caught:
            prune.prune(filled.request(POLICY, force=force), filled.world(dry_run=dry_run))
        assert caught.value.remedy
        assert str(filled.root) in caught.value.cause
    assert members(filled) == before


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
def test_nobody_is_told_that_there_are_no_backups(filled, lose):
    lose(filled)
    with pytest.raises(StoreError):
        listing.list_backups(listing.ListRequest(filled.settings), filled.world())
    with pytest.raises(StoreError):
        listing.list_backups(listing.ListRequest(filled.settings, "main", "shop"), filled.world())
    with pytest.raises(StoreError) as caught:
        filled.opened().find("main/shop", "latest")
    assert "contains no backup" not in caught.value.cause
    status, warnings = collecting.collect(collecting.Sources(filled.settings), filled.world())
    assert status.unreadable
    assert warnings


def test_a_cluster_that_is_hidden_is_an_error_beside_one_that_is_not(filled):
    """The other cluster's backups must not make the listing look believable for the one that was asked for."""
    filled.make(2, component="other/shop")
    renamed_database(filled)
    for cluster in ("main", None):
        with pytest.raises(RecoveryError) as caught:
            prune.prune(filled.request(POLICY, force=False, cluster=cluster), filled.world())
        assert "6" in caught.value.cause
    found = listing.list_backups(listing.ListRequest(filled.settings), filled.world())
    hidden = [problem for problem in found.facts["problems"] if problem["kind"] == "hidden"]
    assert len(hidden) == 6
    assert all(any(one["name"] in warning for warning in found.warnings) for one in hidden)


@pytest.mark.parametrize("force", [False, True])
def test_half_of_the_manifests_missing_destroys_nothing_of_them(filled, force):
    lost = sorted((filled.root / "shop/manifests/main/shop").iterdir())[::2]
    for path in lost:
        path.rename(filled.home / path.name)
    before = members(filled)
    with pytest.raises(UsageError, match="3 of 6") if not force else contextlib.nullcontext():
        prune.prune(filled.request(POLICY, force=force), filled.world())
    kept = members(filled)
    assert [path for path in before if any(one.stem in path for one in lost)] == [
        path for path in kept if any(one.stem in path for one in lost)
    ]
    assert force or kept == before
    for path in lost:
        (filled.home / path.name).rename(path)
    assert set(filled.listed()) >= {path.stem for path in lost}


def test_a_complete_backup_that_nothing_lists_is_hidden_and_said_so_with_advice(sample_store):
    for days in range(10):
        sample_store.make(days)
    hidden = sample_store.make(9.5)
    sample_store.store.delete(repository.manifest("shop", "main/shop", hidden))
    done = prune.prune(sample_store.request(POLICY, force=False), sample_store.world())
    assert not done.changed
    [line] = [line for line in done.facts["table"] if hidden in line]
    assert line.startswith("hidden")
    assert done.facts["hidden"] == [hidden]
    [warning] = [warning for warning in done.warnings if hidden in warning]
    assert "manifest" in warning
    assert [path for path in members(sample_store) if hidden in path]


@pytest.mark.parametrize("kind", ["pinned", "hold", "restore_tested"])
def test_files_with_a_mark_are_hidden_too(sample_store, kind):
    for days in range(10):
        sample_store.make(days)
    sample_store.store.put(f"shop/data/{LEFT}/0001.lbx", [b"12345"])
    sample_store.age(f"shop/data/{LEFT}/0001.lbx", 10)
    sample_store.store.put_new(repository.mark("shop", LEFT, kind, "a" * 16), b"{}")
    sample_store.age(repository.mark("shop", LEFT, kind, "a" * 16), 10)
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert done.facts["garbage"] == 0
    assert done.facts["hidden"] == [LEFT]
    assert sample_store.store.head(f"shop/data/{LEFT}/0001.lbx")


def leave(sample_store, count):
    for number in range(count):
        name = f"shop/data/backup-20200101T000000Z-{number:016x}/0001.lbx"
        sample_store.store.put(name, [b"12345"])
        sample_store.age(name, 10)


def test_more_leftovers_than_the_share_are_collected_only_with_force(sample_store):
    for days in range(6):
        sample_store.make(days)
    leave(sample_store, 4)
    for dry_run in (True, False):
        done = prune.prune(sample_store.request(POLICY, force=False), sample_store.world(dry_run=dry_run))
        assert (done.facts["garbage"], done.changed) == (0, False)
        assert any("force" in warning for warning in done.warnings)
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["garbage"] == 4


def test_leftovers_within_the_share_go(sample_store):
    for days in range(7):
        sample_store.make(days)
    leave(sample_store, 3)
    assert prune.prune(sample_store.request(POLICY, force=False), sample_store.world()).facts["garbage"] == 3


class Lying:
    """Leaves out of its listings what `hides` says, and answers about single objects truthfully."""

    def __init__(self, store, hides):
        self._store = store
        self._hides = hides

    def list(self, prefix):
        return (info for info in self._store.list(prefix) if not self._hides(info.name))

    def __getattr__(self, name):
        return getattr(self._store, name)


def through(sample_store, monkeypatch, hides):
    store = Lying(sample_store.store, hides)
    monkeypatch.setattr(catalogue.factory, "open_store", lambda *given, **named: store)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("shown", ["details", "manifests"])
def test_a_second_question_about_each_leftover_catches_a_listing_that_lies(sample_store, monkeypatch, shown, dry_run):
    """Also where details and manifest are both left out, which makes it look as if an upload had never ended."""
    for days in range(10):
        sample_store.make(days)
    old = sample_store.make(9.5)
    if shown == "manifests":
        sample_store.store.delete(repository.detail("shop", old, "detail"))
    else:
        sample_store.store.delete(repository.manifest("shop", "main/shop", old))
    through(sample_store, monkeypatch, lambda name: old in name and "/data/" not in name)
    before = members(sample_store)
    with pytest.raises(StoreError, match=old):
        prune.prune(sample_store.request(POLICY), sample_store.world(dry_run=dry_run))
    assert members(sample_store) == before


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("shown", [[], ["0002.lbx"]])
def test_a_listing_that_leaves_out_members_makes_no_backup_damaged(sample_store, monkeypatch, shown, force):
    """Damaged backups fill no slot and go after a week, so a short listing would cost good ones."""
    old = [sample_store.make(days) for days in range(1, 13)][9:]
    through(sample_store, monkeypatch, lambda name: "/data/" in name and old[0] in name and name[-8:] not in shown)
    before = members(sample_store)
    for dry_run in (True, False):
        with pytest.raises(StoreError, match=old[0]):
            prune.prune(sample_store.request(POLICY, force=force), sample_store.world(dry_run=dry_run))
    assert members(sample_store) == before


def test_a_backup_whose_members_are_gone_is_let_go(sample_store):
    old = [sample_store.make(days) for days in range(1, 13)][9]
    sample_store.store.delete(repository.member("shop", old, 1))
    assert prune.prune(sample_store.request(POLICY, force=False), sample_store.world()).facts["deleted_backups"] == [
        old
    ]


def test_a_manifest_that_shows_once_and_not_again_ends_the_run(sample_store, monkeypatch):
    sample_store.make(1)
    old = sample_store.make(40)
    seen = []

    def hides(name):
        if old in name and "/manifests/" in name:
            seen.append(name)
        return old in name and "/manifests/" in name and len(seen) > 1

    before = members(sample_store)
    through(sample_store, monkeypatch, hides)
    with pytest.raises(StoreError, match="shows"):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert members(sample_store) == before


def test_what_expired_is_collected_only_when_its_manifest_is_really_gone(sample_store, monkeypatch):
    for days in range(4):
        sample_store.make(days)
    old = sample_store.make(40)
    name = repository.manifest("shop", "main/shop", old)
    kept = b"".join(sample_store.store.get(name))
    prune.prune(sample_store.request(POLICY), sample_store.world())
    for member in ("0001.lbx", "0002.lbx"):
        sample_store.store.put(f"shop/data/{old}/{member}", [b"x" * 100])
        sample_store.age(f"shop/data/{old}/{member}", 40)
    sample_store.store.put_new(name, kept)
    through(sample_store, monkeypatch, lambda each: each == name)
    with pytest.raises(StoreError, match=old):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert sample_store.store.head(f"shop/data/{old}/0001.lbx")


def test_receipts_of_what_is_not_there_make_the_listing_suspicious(sample_store):
    for days in range(3):
        sample_store.make(days)
    old = sample_store.make(40)
    for number in range(4):
        sample_store.opened().receipts.add(
            Receipt("shop", "main/shop", f"{LEFT[:-1]}{number}", "0" * 64, "full", "scheduled", "2026", 1, 1)
        )
    with pytest.raises(UsageError, match="4 of 8") as caught:
        prune.prune(sample_store.request(POLICY, force=False), sample_store.world())
    assert "force" in caught.value.remedy
    assert old in sample_store.listed()
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted"] == 1


def test_a_store_in_which_nothing_ever_was_holds_no_backups(sample_store):
    assert listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world()).facts["count"] == 0
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed


def test_a_first_backup_that_is_under_way_is_none_yet(sample_store):
    for name in (repository.member("shop", LEFT, 1), repository.detail("shop", LEFT, "detail")):
        sample_store.store.put(name, [b"12345"])
    assert listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world()).facts["count"] == 0
    assert not prune.prune(sample_store.request(POLICY, garbage_age=0.0), sample_store.world()).changed

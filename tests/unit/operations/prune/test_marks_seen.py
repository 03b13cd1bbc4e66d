# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store that shows fewer marks than this host knows of: what they protect stays, and nothing else goes either."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import shutil

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune

POLICY = {"keep_within": "30d", "min_keep": 1}


def mark(sample_store, identity, kind="pinned", state="present", *, minutes=0):
    world = sample_store.world(now=sample_store.now + datetime.timedelta(minutes=minutes))
    marking.mark(marking.MarkRequest(sample_store.settings, "main", "shop", identity, kind=kind, state=state), world)


def elsewhere(sample_store):
    """Return the same store as another host sees it, with a memory of its own."""
    there = copy.copy(sample_store)
    there.state = sample_store.home / "elsewhere-state"
    there.state.mkdir(exist_ok=True)
    there.settings = dataclasses.replace(sample_store.settings, state_dir=str(there.state))
    return there


def rename_marks(sample_store):
    (sample_store.root / "shop/marks").rename(sample_store.root / "shop/marks.old")


def lose_marks_of_one(sample_store):
    [path] = (sample_store.root / "shop/marks").iterdir()
    shutil.rmtree(path)


def set_by_this_host(sample_store, identity, kind):
    mark(sample_store, identity, kind)


def set_elsewhere_and_seen_by_retention(sample_store, identity, kind):
    mark(elsewhere(sample_store), identity, kind)
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("known", [set_by_this_host, set_elsewhere_and_seen_by_retention], ids=lambda one: one.__name__)
@pytest.mark.parametrize("lose", [rename_marks, lose_marks_of_one], ids=lambda lose: lose.__name__)
@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_a_known_mark_that_nobody_took_back_is_not_lost_with_its_listing(sample_store, kind, lose, known, force):
    for days in (1, 2, 3):
        sample_store.make(days)
    old = sample_store.make(401)
    known(sample_store, old, kind)
    before = sample_store.objects("data", "details")
    lose(sample_store)
    sample_store.make(31)
    for dry_run in (True, False):
        with pytest.raises(StoreError, match=old) as caught:
            prune.prune(sample_store.request(POLICY, force=force), sample_store.world(dry_run=dry_run))
        assert str(sample_store.root) in caught.value.cause
        assert "backup_mark" in caught.value.remedy
    assert set(before) <= set(sample_store.objects("data", "details"))


def test_a_listing_without_the_mark_that_was_set_last_is_not_believed(sample_store):
    """What was said before it is shown: that the backup was pinned, and is not any more."""
    sample_store.make(1)
    old = sample_store.make(401)
    mark(sample_store, old)
    mark(sample_store, old, state="absent", minutes=1)
    shown = set(sample_store.objects("marks"))
    mark(sample_store, old, minutes=2)
    [last] = set(sample_store.objects("marks")) - shown
    sample_store.store.delete(last)
    with pytest.raises(StoreError, match=old):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert old in sample_store.listed()


@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_what_another_host_took_back_is_let_go(sample_store, kind):
    sample_store.make(1)
    old = sample_store.make(401)
    mark(sample_store, old, kind)
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed
    mark(elsewhere(sample_store), old, kind, "absent", minutes=1)
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted_backups"] == [old]


def test_what_another_host_took_back_without_believing_it_is_let_go(sample_store):
    """Its key does not know who set the mark, and removes it."""
    sample_store.make(1)
    old = sample_store.make(401)
    mark(sample_store, old)
    path = next((sample_store.root / "shop/marks" / old).iterdir())
    path.write_bytes(b"{}")
    mark(elsewhere(sample_store), old, state="absent", minutes=1)
    assert not path.exists()
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted_backups"] == [old]


def test_a_mark_that_is_gone_for_good_is_taken_back_by_setting_it_again(sample_store):
    sample_store.make(1)
    old = sample_store.make(401)
    mark(sample_store, old)
    shutil.rmtree(sample_store.root / "shop/marks")
    with pytest.raises(StoreError):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    mark(elsewhere(sample_store), old, minutes=1)
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed
    mark(elsewhere(sample_store), old, state="absent", minutes=2)
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted_backups"] == [old]


def test_the_newest_restore_tested_backup_is_not_lost_with_the_listing_of_marks(sample_store):
    sample_store.make(1)
    old = sample_store.make(401)
    marking.record_restore_test(sample_store.opened().read("main/shop", old), "restored", sample_store.world())
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed
    rename_marks(sample_store)
    with pytest.raises(StoreError, match=old):
        prune.prune(sample_store.request(POLICY), sample_store.world())
    assert old in sample_store.listed()


def test_marks_in_another_store_are_not_missed_here(sample_store, tmp_path):
    sample_store.make(1)
    old = sample_store.make(401)
    mark(sample_store, old)
    (tmp_path / "copy").mkdir()
    shutil.copytree(
        sample_store.root / "shop", tmp_path / "copy/shop", ignore=lambda _at, names: {"marks"} & set(names)
    )
    settings = dataclasses.replace(
        sample_store.settings, store=dataclasses.replace(sample_store.settings.store, url=f"file://{tmp_path}/copy")
    )
    request = dataclasses.replace(sample_store.request(POLICY), repository=settings)
    assert prune.prune(request, sample_store.world()).facts["deleted_backups"] == [old]


def test_a_damaged_memory_is_none(sample_store):
    sample_store.make(1)
    old = sample_store.make(401)
    line = '{"application":"shop","backup_id":"%s","kind":"pinned","name":"x","at":%s,"store":"file://%s"}\n'
    torn = [line % (old, at, sample_store.root) for at in ('"2026"', '"2026-11-20T10:00:00"', "null", "[]", '"x"')]
    (sample_store.state / "marks.jsonl").write_text("[]\nx\n" + "".join(torn))
    assert prune.prune(sample_store.request(POLICY), sample_store.world()).facts["deleted_backups"] == [old]

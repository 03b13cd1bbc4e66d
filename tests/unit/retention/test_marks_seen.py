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


def mark(ground, identity, kind="pinned", state="present", *, minutes=0):
    world = ground.world(now=ground.now + datetime.timedelta(minutes=minutes))
    marking.mark(marking.MarkRequest(ground.settings, "main", "shop", identity, kind=kind, state=state), world)


def elsewhere(ground):
    """Return the same store as another host sees it, with a memory of its own."""
    there = copy.copy(ground)
    there.state = ground.home / "elsewhere-state"
    there.state.mkdir(exist_ok=True)
    there.settings = dataclasses.replace(ground.settings, state_dir=str(there.state))
    return there


def rename_marks(ground):
    (ground.root / "shop/marks").rename(ground.root / "shop/marks.old")


def lose_marks_of_one(ground):
    [path] = (ground.root / "shop/marks").iterdir()
    shutil.rmtree(path)


def set_by_this_host(ground, identity, kind):
    mark(ground, identity, kind)


def set_elsewhere_and_seen_by_retention(ground, identity, kind):
    mark(elsewhere(ground), identity, kind)
    assert not prune.prune(ground.request(POLICY), ground.world()).changed


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("known", [set_by_this_host, set_elsewhere_and_seen_by_retention], ids=lambda one: one.__name__)
@pytest.mark.parametrize("lose", [rename_marks, lose_marks_of_one], ids=lambda lose: lose.__name__)
@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_a_known_mark_that_nobody_took_back_is_not_lost_with_its_listing(ground, kind, lose, known, force):
    for days in (1, 2, 3):
        ground.make(days)
    old = ground.make(401)
    known(ground, old, kind)
    before = ground.objects("data", "details")
    lose(ground)
    ground.make(31)
    for dry_run in (True, False):
        with pytest.raises(StoreError, match=old) as caught:
            prune.prune(ground.request(POLICY, force=force), ground.world(dry_run=dry_run))
        assert str(ground.root) in caught.value.cause
        assert "backup_mark" in caught.value.remedy
    assert set(before) <= set(ground.objects("data", "details"))


def test_a_listing_without_the_mark_that_was_set_last_is_not_believed(ground):
    """What was said before it is shown: that the backup was pinned, and is not any more."""
    ground.make(1)
    old = ground.make(401)
    mark(ground, old)
    mark(ground, old, state="absent", minutes=1)
    shown = set(ground.objects("marks"))
    mark(ground, old, minutes=2)
    [last] = set(ground.objects("marks")) - shown
    ground.store.delete(last)
    with pytest.raises(StoreError, match=old):
        prune.prune(ground.request(POLICY), ground.world())
    assert old in ground.listed()


@pytest.mark.parametrize("kind", ["pinned", "hold"])
def test_what_another_host_took_back_is_let_go(ground, kind):
    ground.make(1)
    old = ground.make(401)
    mark(ground, old, kind)
    assert not prune.prune(ground.request(POLICY), ground.world()).changed
    mark(elsewhere(ground), old, kind, "absent", minutes=1)
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted_backups"] == [old]


def test_what_another_host_took_back_without_believing_it_is_let_go(ground):
    """Its key does not know who set the mark, and removes it."""
    ground.make(1)
    old = ground.make(401)
    mark(ground, old)
    path = next((ground.root / "shop/marks" / old).iterdir())
    path.write_bytes(b"{}")
    mark(elsewhere(ground), old, state="absent", minutes=1)
    assert not path.exists()
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted_backups"] == [old]


def test_a_mark_that_is_gone_for_good_is_taken_back_by_setting_it_again(ground):
    ground.make(1)
    old = ground.make(401)
    mark(ground, old)
    shutil.rmtree(ground.root / "shop/marks")
    with pytest.raises(StoreError):
        prune.prune(ground.request(POLICY), ground.world())
    mark(elsewhere(ground), old, minutes=1)
    assert not prune.prune(ground.request(POLICY), ground.world()).changed
    mark(elsewhere(ground), old, state="absent", minutes=2)
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted_backups"] == [old]


def test_the_newest_restore_tested_backup_is_not_lost_with_the_listing_of_marks(ground):
    ground.make(1)
    old = ground.make(401)
    marking.vouch(ground.opened().read("main/shop", old), "restored", ground.world())
    assert not prune.prune(ground.request(POLICY), ground.world()).changed
    rename_marks(ground)
    with pytest.raises(StoreError, match=old):
        prune.prune(ground.request(POLICY), ground.world())
    assert old in ground.listed()


def test_marks_in_another_store_are_not_missed_here(ground, tmp_path):
    ground.make(1)
    old = ground.make(401)
    mark(ground, old)
    (tmp_path / "copy").mkdir()
    shutil.copytree(ground.root / "shop", tmp_path / "copy/shop", ignore=lambda _at, names: {"marks"} & set(names))
    settings = dataclasses.replace(
        ground.settings, store=dataclasses.replace(ground.settings.store, url=f"file://{tmp_path}/copy")
    )
    request = dataclasses.replace(ground.request(POLICY), repository=settings)
    assert prune.prune(request, ground.world()).facts["deleted_backups"] == [old]


def test_a_damaged_memory_is_none(ground):
    ground.make(1)
    old = ground.make(401)
    line = '{"application":"shop","backup_id":"%s","kind":"pinned","name":"x","at":%s,"store":"file://%s"}\n'
    torn = [line % (old, at, ground.root) for at in ('"2026"', '"2026-11-20T10:00:00"', "null", "[]", '"x"')]
    (ground.state / "marks.jsonl").write_text("[]\nx\n" + "".join(torn))
    assert prune.prune(ground.request(POLICY), ground.world()).facts["deleted_backups"] == [old]

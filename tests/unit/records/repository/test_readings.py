# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers beside retention: what they announced stays, and what they lost is said to be let go."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import holder
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    NotFound,
    StoreError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune, removal
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue, readings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository

POLICY = {"keep_within": "30d", "min_keep": 1}
TOKEN = "0123456789abcdef"


@pytest.fixture
def old(sample_store):
    sample_store.make(0)
    return sample_store.make(40)


def reading(sample_store, identity):
    return readings.announced(sample_store.opened().read("main/shop", identity), "a restore", TOKEN)


def pruned(sample_store, **changes):
    return prune.prune(sample_store.request(POLICY, **changes), sample_store.world())


def announcement(identity):
    return repository.reading("shop", identity, TOKEN)


def test_what_is_being_read_stays_and_goes_afterwards(sample_store, old):
    with reading(sample_store, old):
        for dry_run in (True, False):
            done = prune.prune(sample_store.request(POLICY), sample_store.world(dry_run=dry_run))
            assert (done.changed, done.facts["deleted"], done.facts["kept"]) == (False, 0, 2)
            [decision] = [one for one in done.facts["decisions"] if one["backup_id"] == old]
            assert decision["reasons"][0].startswith("in use: a restore on ")
    assert pruned(sample_store).facts["deleted"] == 1


def test_a_reader_that_begins_while_retention_decides_keeps_it_listed(sample_store, old, monkeypatch):
    with pytest.MonkeyPatch.context() as patched:
        planned, held = prune._planned, []

        def between(*given, **named):
            made = planned(*given, **named)
            held.append(reading(sample_store, old))
            held[0].__enter__()
            return made

        patched.setattr(prune, "_planned", between)
        done = pruned(sample_store)
    assert done.facts["deleted"] == 0
    assert any("put on hold or read while this ran" in warning for warning in done.warnings)
    assert old in sample_store.listed()
    held[0].__exit__(None, None, None)
    assert pruned(sample_store).facts["deleted"] == 1


def test_a_reader_that_saw_the_manifest_before_it_went_can_end(sample_store, old, monkeypatch):
    """The last moment at which a reader can believe that a backup is there."""
    held, unlist = [], removal.Removal._unlist

    def between(self, decisions, expired):
        held.append(reading(sample_store, old))
        held[0].__enter__()
        return unlist(self, decisions, expired)

    monkeypatch.setattr(removal.Removal, "_unlist", between)
    done = pruned(sample_store)
    monkeypatch.undo()
    assert old not in sample_store.listed()
    assert any("are being read" in warning for warning in done.warnings)
    left = [name for name in sample_store.objects("data", "details") if old in name]
    assert len(left) == 3
    pruned(sample_store)
    assert [name for name in sample_store.objects("data", "details") if old in name] == left
    held[0].__exit__(None, None, None)
    assert pruned(sample_store).facts["garbage"] == 3
    assert not [name for name in sample_store.objects("data", "details") if old in name]


def test_who_comes_after_the_manifest_went_is_told_that_it_was_let_go(sample_store, old):
    backup = sample_store.opened().read("main/shop", old)
    pruned(sample_store)
    with pytest.raises(NotFound, match=f"{old} was deleted by retention"), readings.announced(backup, "a", TOKEN):
        raise AssertionError("it must not begin")
    assert announcement(old) not in sample_store.objects()


def test_an_announcement_ends_by_itself_and_is_taken_away(sample_store, old):
    sample_store.store.put_new(announcement(old), b"nonsense")
    assert pruned(sample_store).facts["deleted"] == 0
    sample_store.age(announcement(old), 1.1)
    assert pruned(sample_store).facts["deleted"] == 1
    assert announcement(old) not in sample_store.objects()


def test_an_announcement_of_what_stays_is_taken_away_when_it_ended(sample_store, old):
    [new] = [one for one in sample_store.listed() if one != old]
    sample_store.store.put_new(announcement(new), b"nonsense")
    sample_store.age(announcement(new), 1.1)
    assert pruned(sample_store).facts["deleted"] == 1
    assert announcement(new) not in sample_store.objects()


def test_a_reader_that_died_on_this_machine_holds_nothing(sample_store, old):
    program = "import json, sys; from {} import holder; print(json.dumps(holder.stamp()))"
    program = program.format(holder.__name__.rpartition(".")[0])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    sample_store.store.put_new(announcement(old), done.stdout)
    assert pruned(sample_store).facts["deleted"] == 1


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({}, False),
        ({"started": "1"}, True),
        ({"boot": "another"}, True),
        ({"machine": "another", "started": "1"}, False),
        ({"host": "another", "boot": "another"}, False),
        ({"ids": "pid:[1]", "started": "1"}, False),
        ({"pid": 1 << 22}, True),
        ({"pid": 1 << 80}, False),
        ({"pid": -1}, False),
        ({"pid": "1"}, False),
        ({"boot": "", "started": "1"}, False),
        ({"started": None}, False),
    ],
)
def test_only_a_process_of_this_machine_is_known_to_be_dead(changes, dead):
    assert holder.is_dead({**holder.stamp(), **changes}) is dead
    assert not holder.is_dead(None)


class NotBelowMarks:
    """A store whose credentials may read, and write nothing below marks/."""

    def __init__(self, store):
        self._store = store

    def put_new(self, name, data):
        if "/marks/" in name:
            raise AccessDenied("Access is denied.", "Allow it.")
        self._store.put_new(name, data)

    def __getattr__(self, name):
        return getattr(self._store, name)


def test_a_reader_without_the_right_to_announce_is_warned_and_may_not_replace_in_place(sample_store, old, monkeypatch):
    monkeypatch.setattr(catalogue.factory, "open_store", lambda *given, **named: NotBelowMarks(sample_store.store))
    backup = sample_store.opened().read("main/shop", old)
    monkeypatch.undo()
    with readings.announced(backup, "a restore", TOKEN) as found:
        assert "Retention may delete" in found.warnings[0]
        with pytest.raises(UsageError, match="in-place") as caught:
            found.require()
        assert "pin" in caught.value.remedy
        marking.mark(marking.MarkRequest(sample_store.settings, "main", "shop", old), sample_store.world())
        found.require()


def test_an_error_that_has_nothing_to_do_with_it_stays_what_it_is(sample_store, old):
    with pytest.raises(StoreError, match="broke"), reading(sample_store, old):
        raise StoreError("The connection broke.", "Run again.")
    assert announcement(old) not in sample_store.objects()


def during(sample_store, monkeypatch, at):
    """Let retention run right before the `at`-th look at the store's listing or file."""
    store, seen = sample_store.store, [0]

    class Watching:
        def __getattr__(self, name):
            return getattr(store, name)

        def get(self, name, *given):
            self._look(name)
            return store.get(name, *given)

        def list(self, prefix):
            self._look(prefix)
            return store.list(prefix)

        def _look(self, name):
            seen[0] += 1
            if seen[0] == at:
                with monkeypatch.context() as plain:
                    plain.setattr(catalogue.factory, "open_store", lambda *given, **named: store)
                    pruned(sample_store)

    monkeypatch.setattr(catalogue.factory, "open_store", lambda *given, **named: Watching())
    return seen


@pytest.mark.parametrize("at", range(2, 9))
def test_a_listing_beside_retention_reports_nothing_wrong(sample_store, old, monkeypatch, at):
    seen = during(sample_store, monkeypatch, at)
    found = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world(dry_run=True))
    assert seen[0] >= at
    assert [one for one in found.facts["problems"] if one["kind"] != "detail"] == []
    assert found.facts["count"] in {1, 2}


def test_verify_says_what_was_let_go_while_it_ran(sample_store, old, monkeypatch):
    """The files of the test's backups are no real ones; what is wrong with those that stay is another matter."""
    read, problems = verification.damage_of, []

    def beside(backup, file, level, note):
        if not problems:
            pruned(sample_store)
        found = read(backup, file, level, note)
        problems.append((backup.manifest.backup_id, found))
        return [] if backup.manifest.backup_id != old else found

    monkeypatch.setattr(verification, "damage_of", beside)
    done = verification.verify(verification.VerifyRequest(sample_store.settings), sample_store.world())
    assert [found for identity, found in problems if identity == old and found]
    assert done.facts["expired"] == [old]
    assert old not in done.facts["backups"]
    assert any(f"{old} was deleted by retention" in warning for warning in done.warnings)
    assert json.dumps(done.facts)


def test_verify_of_what_is_all_gone_is_no_success(sample_store, old, monkeypatch):
    read = verification.damage_of

    def beside(*given):
        pruned(sample_store)
        return read(*given)

    monkeypatch.setattr(verification, "damage_of", beside)
    request = verification.VerifyRequest(sample_store.settings, "main", "shop", old)
    with pytest.raises(NotFound, match="Retention deleted"):
        verification.verify(request, sample_store.world())


def test_what_is_missing_and_was_not_let_go_is_still_damage(sample_store, old):
    sample_store.store.delete(repository.member("shop", old, 1))
    found = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world())
    assert "incomplete" in {one["kind"] for one in found.facts["problems"]}


def test_a_long_reader_renews_its_announcement(sample_store, old, monkeypatch):
    monkeypatch.setattr(readings, "RENEWED", datetime.timedelta(milliseconds=20))
    with reading(sample_store, old):
        sample_store.age(announcement(old), 2)
        path = sample_store.root / announcement(old)
        aged = path.stat().st_mtime
        while path.stat().st_mtime == aged:
            pass
    assert announcement(old) not in sample_store.objects()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock in the store beside processes that died, and in a store without any room."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    Busy,
    Full,
    InconsistentStore,
    StoreError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import store_lock
from retention_fixtures import Killed, Mortal, populate

POLICY = {"keep_within": "30d", "min_keep": 1}
NAME = repository.lock("shop", "retention")

HOLDER = """
import datetime, sys, time
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.store_lock import StoreLock
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
world = World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=time.sleep, environ={})
StoreLock(DirectoryStore(sys.argv[1]), sys.argv[2], "token", world).take(0)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holding(sample_store):
    """Let another process of this machine hold the lock."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-c", HOLDER, str(sample_store.root), NAME]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def pruned(sample_store, **changes):
    return prune.prune(sample_store.request(POLICY, **changes), sample_store.world())


@pytest.mark.parametrize("how", [signal.SIGKILL, "end"])
def test_the_lock_of_a_process_that_died_here_is_taken_over_at_once(sample_store, holding, how):
    """Killed, or ended without being able to give it back."""
    sample_store.make(0)
    sample_store.make(40)
    with pytest.raises(Busy, match=f"The host {os.uname().nodename} is using"):
        pruned(sample_store)
    if how == "end":
        holding.stdin.close()
    else:
        holding.send_signal(how)
    holding.wait()
    assert NAME in sample_store.objects()
    assert pruned(sample_store).facts["deleted"] == 1
    assert NAME not in sample_store.objects()


def test_the_lock_of_another_machine_is_not(sample_store, holding):
    sample_store.make(0)
    holding.kill()
    holding.wait()
    record = json.loads((sample_store.root / NAME).read_bytes())
    (sample_store.root / NAME).write_text(json.dumps({**record, "machine": "0" * 32}))
    with pytest.raises(Busy):
        pruned(sample_store)


def test_two_that_find_a_dead_one_do_not_both_go_on(sample_store, holding):
    """Both saw that it is dead; the second one removes the lock that the first one has by now."""
    holding.kill()
    holding.wait()
    first = store_lock.StoreLock(sample_store.store, NAME, "first", sample_store.world())
    second = store_lock.StoreLock(sample_store.store, NAME, "second", sample_store.world())
    first.take(0)
    sample_store.store.delete(NAME)
    second.take(0)
    second.check()
    with pytest.raises(Busy, match="has taken over"):
        first.check()


class Stale:
    """A store behind a cache: it deletes and writes, and goes on showing what was there."""

    def __init__(self, store):
        self._store = store
        self._shown = b"".join(store.get(NAME)), store.head(NAME)
        self.url = store.url
        self.deleted = 0

    def get(self, *_range):
        return [self._shown[0]]

    def head(self, _name):
        return self._shown[1]

    def delete(self, name):
        self._store.delete(name)
        self.deleted += 1
        assert self.deleted < 10, "it deletes the lock without end"


def test_a_lock_that_was_deleted_and_is_shown_all_the_same_ends_the_wait(sample_store, holding):
    holding.kill()
    holding.wait()
    store = Stale(sample_store.store)
    with pytest.raises(InconsistentStore, match=f"deleted {NAME}.* cache between"):
        store_lock.StoreLock(store, NAME, "mine", sample_store.world()).take(0)
    assert store.deleted == 1


class Crowded:
    """A store in which nothing can be written until so many objects were deleted."""

    def __init__(self, store, needed):
        self._store = store
        self._needed = needed

    def put_new(self, name, data):
        self._room()
        self._store.put_new(name, data)

    def put(self, name, chunks):
        self._room()
        return self._store.put(name, chunks)

    def delete(self, name):
        self._needed -= 1
        self._store.delete(name)

    def purge(self, name):
        self.delete(name)
        return "deleted"

    def purge_all(self, names):
        return base.one_by_one(self.purge, names)

    def _room(self):
        if self._needed > 0:
            raise Full("There is no room.", "Free space.")

    def __getattr__(self, name):
        return getattr(self._store, name)


def through(monkeypatch, store):
    monkeypatch.setattr(catalogue.factory, "open_store", lambda *given, **named: store)


@pytest.mark.parametrize("needed", range(1, 13))
def test_retention_makes_the_room_that_it_needs(sample_store, monkeypatch, needed):
    stays = [sample_store.make(0), sample_store.make(1)]
    gone = {sample_store.make(days) for days in (40, 41, 42)}
    with monkeypatch.context() as patched:
        through(patched, Crowded(sample_store.store, needed))
        done = pruned(sample_store)
    assert set(done.facts["deleted_backups"]) == gone
    assert sorted(sample_store.listed()) == sorted(stays)
    assert {identity for identity, said in sample_store.opened().marks().items() if said.expired} == gone
    assert not [name for name in sample_store.objects("data", "details") if any(one in name for one in gone)]
    assert NAME not in sample_store.objects()


def test_a_store_that_takes_nothing_at_all_is_told(sample_store, monkeypatch):
    sample_store.make(0)
    ids = {sample_store.make(days) for days in (40, 41, 42)}
    with monkeypatch.context() as patched:
        through(patched, Crowded(sample_store.store, 1000))
        with pytest.raises(Full, match="the marks of 3 deleted backups") as caught:
            pruned(sample_store)
    assert set(caught.value.details["deleted_backups"]) == ids
    assert len(sample_store.listed()) == 1


def test_the_lock_is_taken_as_soon_as_there_is_room(sample_store, monkeypatch):
    """Who came meanwhile and holds it goes first."""
    sample_store.make(0)
    for days in (40, 41, 42):
        sample_store.make(days)
    crowded = Crowded(sample_store.store, 2)
    delete = crowded.delete

    def and_lock(name):
        delete(name)
        if not (sample_store.root / NAME).exists():
            sample_store.store.put_new(NAME, b'{"owner": "x", "host": "db2"}')

    crowded.delete = and_lock
    with monkeypatch.context() as patched:
        through(patched, crowded)
        with pytest.raises(Busy, match="db2"):
            pruned(sample_store)
    assert NAME in sample_store.objects()
    assert len(sample_store.listed()) == 3


def listed(sample_store):
    """Return what a reader sees, none of it broken."""
    opened = sample_store.opened()
    found = {backup.manifest.backup_id for backup in opened.backups()}
    assert [problem for problem in opened.problems if problem.kind not in {"missing", "mark", "hidden"}] == []
    return found


def test_a_crash_at_every_step_of_a_crowded_store_leaves_nothing_listed_that_is_broken(
    tmp_path_factory, monkeypatch, sample_store
):
    stays, gone = populate(sample_store)
    for at in range(1, 100):
        place = sample_store.copied(tmp_path_factory.mktemp("crashed"))
        mortal = Mortal(Crowded(place.store, 9), at)
        with monkeypatch.context() as patched:
            through(patched, mortal)
            with contextlib.suppress(Killed):
                pruned(place)
        if mortal.changes < at:
            break
        assert set(stays) <= listed(place) <= {*stays, *gone}, at
        place.age_lock()
        done = pruned(place)
        assert listed(place) == set(stays), at
        # What died right between manifest and detail looks like a backup that somebody hid.
        left = [name for name in place.objects("data", "details") if not any(one in name for one in stays)]
        assert all(any(one in name for one in done.facts["hidden"]) for name in left), at
        assert len(done.facts["hidden"]) <= 1, at
    assert at > 20


def test_a_lock_that_cannot_be_read_back_is_an_error(sample_store, monkeypatch):
    class Blind(Crowded):
        def head(self, name):
            if name == NAME:
                raise StoreError("It does not answer.", "Run again.")
            return self._store.head(name)

    with monkeypatch.context() as patched:
        through(patched, Blind(sample_store.store, 0))
        with pytest.raises(StoreError, match="does not answer"):
            pruned(sample_store)

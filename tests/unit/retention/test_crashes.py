# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A run that dies at any of its steps leaves garbage at most: what is listed is whole, and the next run finishes the work.
"""

from __future__ import annotations

import itertools
import threading

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.manifest import Parent

POLICY = {"keep_within": "30d", "min_keep": 1}


class Killed(BaseException):
    """The process is gone: nothing more reaches the store."""


class Mortal:
    """A store for a process that dies right after its so manieth change."""

    CHANGES = ("put", "put_new", "delete", "purge")

    def __init__(self, store, at):
        self.changes = 0
        self._store = store
        self._at = at
        self._dead = False
        self._mutex = threading.Lock()

    def __getattr__(self, name):
        call = getattr(self._store, name)
        return self._change(call) if name in self.CHANGES else self._read(call) if callable(call) else call

    def purge_all(self, names):
        return base.one_by_one(self.purge, names)

    def _read(self, call):
        def read(*given, **named):
            if self._dead:
                raise Killed
            return call(*given, **named)

        return read

    def _change(self, call):
        def change(*given, **named):
            with self._mutex:
                self.changes += 1
                if self._dead:
                    raise Killed
                done = call(*given, **named)
                if self.changes == self._at:
                    self._dead = True
                    raise Killed
                return done

        return change


def populate(sample_store):
    """Fill the store; give what stays and what goes."""
    full = sample_store.make(60)
    child = sample_store.make(50, parents=(Parent(full, "0" * 64),))
    gone = [full, child, sample_store.make(45), sample_store.make(40, "blog")]
    stays = [sample_store.make(0), sample_store.make(1), sample_store.make(0, "blog")]
    left = "backup-20200101T000000Z-0123456789abcdef"
    sample_store.store.put(f"shop/data/{left}/0001.lbx", [b"12345"])
    sample_store.age(f"shop/data/{left}/0001.lbx", 10)
    return stays, gone


def run(sample_store, monkeypatch, store):
    with monkeypatch.context() as patched:
        patched.setattr(catalogue.factory, "open_store", lambda *given, **named: store)
        return prune.prune(sample_store.request(POLICY), sample_store.world())


def steps(tmp_path_factory, monkeypatch, sample_store):
    place = sample_store.copied(tmp_path_factory.mktemp("counted"))
    counted = Mortal(place.store, 0)
    run(place, monkeypatch, counted)
    return counted.changes


def test_a_crash_at_every_step_leaves_nothing_listed_that_is_broken(tmp_path_factory, monkeypatch, sample_store):
    stays, gone = populate(sample_store)
    count = steps(tmp_path_factory, monkeypatch, sample_store)
    assert count > 20
    for at in range(1, count + 1):
        place = sample_store.copied(tmp_path_factory.mktemp("crashed"))
        with pytest.raises(Killed):
            run(place, monkeypatch, Mortal(place.store, at))
        listed = set(place.listed())
        assert set(stays) <= listed <= {*stays, *gone}, at
        needed = {parent.backup_id for backup in place.opened().backups() for parent in backup.manifest.parents}
        assert needed <= listed, at
        place.age_lock()
        run(place, monkeypatch, place.store)
        assert set(place.listed()) == set(stays), at
        rest = [name for name in place.objects("data", "details") if not any(one in name for one in stays)]
        assert rest == [], at
        assert set(itertools.chain(*(_expired(place, one) for one in gone))) == {True}, at
        assert repository.lock("shop", "retention") not in place.objects(), at


def _expired(place, identity):
    said = place.opened().marks(identity)
    return [said[identity].expired] if identity in said else [False]

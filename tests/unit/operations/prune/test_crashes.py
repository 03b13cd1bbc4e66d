# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A run that dies at any of its steps leaves garbage at most: what is listed is whole, and the next run finishes the work.
"""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from retention_fixtures import Killed, Mortal, populate

POLICY = {"keep_within": "30d", "min_keep": 1}


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

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tails in a bucket: no version of one stays, and where a lock would keep them nothing is streamed."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.tails import Tails
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import settings
from bucket_fixtures import Place, locked, owner, place
from wal_fixtures import CLUSTER, Archive, archive, segment

__all__ = ["archive", "locked", "owner", "place"]

FILE = wal_files.parse("000000010000000000000001")


def tails(archive: Archive, bucket: Place) -> Tails:
    archive.configure(store={name: value for name, value in dataclasses.asdict(bucket.settings()).items() if value})
    store = factory.open_store(bucket.settings(), environ={})
    trust = trusted_keys.trust_name("shop", 1)
    store.put_new(trust, b"".join(archive.store.get(trust)))
    told = settings.read(str(archive.home / "config"), CLUSTER)
    now = datetime.now(UTC)
    return Tails(told, store, trusted_keys.load(told.keys, store, "shop"), now)


def streamed(bucket: Place) -> list[t.Any]:
    return [one for one in bucket.versions() if "/stream/" in str(one)]


def test_no_version_of_a_tail_stays(archive: Archive, place: Place) -> None:
    place.client.create_bucket(Bucket=place.name)
    place.client.put_bucket_versioning(Bucket=place.name, VersioningConfiguration={"Status": "Enabled"})
    made = tails(archive, place)
    made.prove()
    for fill in (b"1", b"12", b"123", b"1234"):
        made.keep(FILE, segment(FILE.name, fill=fill))
    assert len(streamed(place)) == 2
    made.drop(FILE)
    assert not streamed(place)


def test_a_bucket_that_locks_by_default_is_refused(archive: Archive, locked: Place) -> None:
    with pytest.raises(UsageError, match="keeps what was deleted"):
        tails(archive, locked).prove()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies below the surface of a bucket with versions: found, told, brought back, and removed only when it may be."""

from __future__ import annotations

import base64
import functools
import hashlib
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import versions
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied, StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.protect_bucket import bucket_guarding
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    trusted_keys,
)
from bucket_fixtures import APPLICATION, KEY, allowing, back_up, world
from faultproxy import Fault

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store
    from bucket_fixtures import Place
    from faultproxy import FaultProxy

NOW = datetime.now(UTC).replace(microsecond=0)


def open_store(place: Place, **changes: t.Any) -> Store:
    return factory.open_store(place.settings(**changes), environ={})


def listed(place: Place) -> list[str]:
    settings = catalogue.RepositorySettings(
        APPLICATION, place.settings(), trusted_keys.KeySettings(recovery_key_hex=KEY), None
    )
    return [backup.manifest.backup_id for backup in catalogue.open_repository(settings, world()).backups()]


@pytest.fixture
def versioned(place: Place) -> Place:
    place.guard(create=True, versioning=True)
    return place


def test_purging_removes_every_version_and_marker_of_one_name(versioned: Place) -> None:
    store = open_store(versioned)
    for content in (b"1", b"22", b"333"):
        store.put("shop/a", [content])
    store.delete("shop/a")
    store.put("shop/a", [b"4444"])
    store.delete("shop/a")
    for other in ("shop/a0", "shop/a/b", "shop/a.x", "shop/"[:-1] + "2/a"):
        store.put(other, [b"x"])
    assert len([key for key, _version, _marker in versioned.versions() if key == "pre/shop/a"]) == 6
    assert store.purge("shop/a") == "deleted"
    assert [key for key, _version, _marker in versioned.versions()] == [
        "pre/shop/a.x",
        "pre/shop/a/b",
        "pre/shop/a0",
        "pre/shop2/a",
    ]
    assert store.purge("shop/a") == store.purge("shop/never") == "deleted"


def test_purging_works_where_versions_were_suspended(versioned: Place) -> None:
    store = open_store(versioned)
    store.put("shop/a", [b"1"])
    versioned.client.put_bucket_versioning(Bucket=versioned.name, VersioningConfiguration={"Status": "Suspended"})
    store.put("shop/a", [b"2"])
    store.delete("shop/a")
    assert store.purge("shop/a") == "deleted"
    assert versioned.versions() == []


def test_a_locked_version_is_retained_and_stays_visible(locked: Place) -> None:
    store = open_store(locked)
    store.put("shop/a", [b"1"])
    before, locks = locked.versions(), locked.locks()
    assert store.purge("shop/a") == "retained"
    assert locked.versions() == before
    assert locked.locks() == locks
    until = store.locked_until("shop/a")
    assert until is not None
    assert timedelta(hours=23) < until - NOW < timedelta(hours=25)
    assert store.locked_until("shop/never") is None


def test_what_hides_a_locked_version_stays_where_it_is(locked: Place) -> None:
    store = open_store(locked)
    store.put("shop/a", [b"1"])
    store.delete("shop/a")
    before = locked.versions()
    assert store.purge("shop/a") == "retained"
    assert locked.versions() == before


def test_a_legal_hold_keeps_without_an_end(versioned: Place, place: Place) -> None:
    place.client.put_object_lock_configuration(
        Bucket=place.name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    store = open_store(place)
    store.put("shop/a", [b"1"])
    assert store.locked_until("shop/a") is None
    key = {"Bucket": place.name, "Key": "pre/shop/a"}
    place.client.put_object_legal_hold(**key, LegalHold={"Status": "ON"})
    assert store.purge("shop/a") == "retained"
    assert store.locked_until("shop/a") == versions.FOREVER
    place.client.put_object_legal_hold(**key, LegalHold={"Status": "OFF"})
    assert store.purge("shop/a") == "deleted"
    assert place.versions() == []


def test_a_lock_that_ended_keeps_nothing(versioned: Place, place: Place) -> None:
    place.client.put_object_lock_configuration(
        Bucket=place.name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    store = open_store(place)
    digest = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    for seconds in (2, 10, 60):  # a busy machine may need longer than a lock lasts
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": end}
        place.client.put_object(Bucket=place.name, Key="pre/shop/a", Body=b"x", ContentMD5=digest, **lock)
        told = store.purge("shop/a")
        if datetime.now(UTC) < end:
            break
    assert told == "retained"
    while store.locked_until("shop/a"):
        assert datetime.now(UTC) < end + timedelta(seconds=10)
    assert store.purge("shop/a") == "deleted"
    assert place.versions() == []


READER = ("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetObject", "s3:GetObjectVersion")


def test_a_lock_is_told_also_to_who_may_not_delete(locked: Place, user: Callable[..., str]) -> None:
    open_store(locked).put("shop/a", [b"1"])
    poor = open_store(locked, credentials_file=user(allowing(locked, *READER, "s3:GetObjectRetention")))
    assert poor.purge("shop/a") == "retained"


def test_a_lack_of_rights_is_no_lock(versioned: Place, user: Callable[..., str]) -> None:
    open_store(versioned).put("shop/a", [b"1"])
    before = versioned.versions()
    poor = open_store(versioned, credentials_file=user(allowing(versioned, *READER, "s3:DeleteObject")))
    with pytest.raises(AccessDenied, match="s3:DeleteObjectVersion"):
        poor.purge("shop/a")
    blind = open_store(versioned, credentials_file=user(allowing(versioned, "s3:ListBucket", "s3:DeleteObject")))
    with pytest.raises(AccessDenied, match="s3:ListBucketVersions"):
        blind.purge("shop/a")
    assert versioned.versions() == before


def test_hidden_and_overwritten_backups_are_reported(versioned: Place, user: Callable[..., str]) -> None:
    first, second, third = (back_up(versioned, NOW - timedelta(days=days)) for days in (3, 2, 1))
    bucket, store = versioned.open(), open_store(versioned)
    assert bucket_guarding.find_covered(bucket).facts == {"covered": [], "covered_count": 0}
    store.delete(f"shop/manifests/main/shop/{first}.json")
    store.put(f"shop/manifests/main/shop/{second}.json", [b"{}"])
    store.delete(f"shop/data/{third}/0001.lbx")
    # What a failed run took back, and what works come and go by, is nobody's attack.
    store.put("shop/data/backup-20260101T000000Z-00112233445566aa/0001.lbx", [b"x"])
    store.delete("shop/data/backup-20260101T000000Z-00112233445566aa/0001.lbx")
    store.put("shop/locks/retention.json", [b"x"])
    store.delete("shop/locks/retention.json")
    store.put("elsewhere/manifests/main/shop/x.json", [b"x"])
    store.delete("elsewhere/manifests/main/shop/x.json")
    found = bucket_guarding.find_covered(bucket)
    assert [(one["name"], one["how"]) for one in found.facts["covered"]] == [
        (f"shop/data/{third}/0001.lbx", "hidden"),
        (f"shop/manifests/main/shop/{first}.json", "hidden"),
        (f"shop/manifests/main/shop/{second}.json", "overwritten"),
    ]
    assert "2 hidden and 1 overwritten" in found.warnings[0]
    assert versioned.name in found.warnings[0]
    blind = versioned.open(credentials_file=user(allowing(versioned, "s3:ListBucket")))
    assert bucket_guarding.find_covered(blind).facts == {"covered": None}


def test_what_was_hidden_can_be_brought_back(versioned: Place) -> None:
    identities = [back_up(versioned, NOW - timedelta(days=days), members=2) for days in (2, 1)]
    store, bucket = open_store(versioned), versioned.open()
    before = versioned.versions()
    for info in list(store.list("shop/")):
        store.delete(info.name)
        store.delete(info.name)
    assert listed(versioned) == []
    hidden = versioned.versions()
    planned = bucket_guarding.bring_back(bucket, world(dry_run=True))
    assert planned.changed
    assert versioned.versions() == hidden
    done = bucket_guarding.bring_back(bucket, world())
    assert (planned.before, planned.after) == (done.before, done.after)
    assert versioned.versions() == before
    assert listed(versioned) == identities
    assert not bucket_guarding.bring_back(bucket, world()).changed


def test_a_listing_that_breaks_off_deletes_nothing(versioned: Place, proxy: FaultProxy) -> None:
    store = open_store(versioned)
    for content in (b"1", b"22"):
        store.put("shop/a", [content])
    before = versioned.versions()
    impatient = factory.Patience(connect=1, request=5, retries=0)
    settings = versioned.settings(endpoint=proxy.endpoint)
    broken = factory.open_store(settings, environ={}, patience=impatient)
    proxy.add(Fault(r"^GET /\S+[?&]versions", answer=(500, b"<Error><Code>InternalError</Code></Error>")))
    with pytest.raises(StoreError, match="status 500"):
        broken.purge("shop/a")
    assert versioned.versions() == before
    proxy.reset()
    proxy.add(Fault(r"^DELETE ", times=1, swallow=True))
    patient = factory.open_store(settings, environ={}, patience=factory.Patience(retries=2))
    # The answer to the first deletion is lost, so it is asked for again, and there is nothing left to delete.
    assert patient.purge("shop/a") == "deleted"
    assert versioned.versions() == []


def test_a_bucket_without_versions_has_nothing_below(place: Place) -> None:
    place.guard(create=True)
    store = open_store(place)
    store.put("shop/a", [b"1"])
    assert store.purge("shop/a") == "deleted"
    assert store.locked_until("shop/a") is None
    assert place.versions() == []
    assert bucket_guarding.find_covered(place.open()).facts == {"covered": []}


def test_a_listing_of_many_pages_is_complete(versioned: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store, bucket = open_store(versioned), versioned.open()
    for number in range(9):
        for _version in range(number % 4):
            store.put(f"shop/trust/{number}.json", [b"x"])
        store.delete(f"shop/trust/{number}.json")
    whole = bucket_guarding.find_covered(bucket).facts
    assert whole["covered_count"] == 6
    monkeypatch.setattr(bucket.control, "pages", functools.partial(bucket.control.pages, MaxKeys=2))
    assert bucket_guarding.find_covered(bucket).facts == whole

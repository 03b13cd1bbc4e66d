# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies of docs/object-lock.md, as they stand there: each identity can do its work, and no more."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import guards
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.protect_bucket import (
    bucket_guarding,
    s3_retention,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    trusted_keys,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy
from bucket_fixtures import APPLICATION, KEY, back_up, documented, world

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from bucket_fixtures import Place

NOW = datetime.now(UTC).replace(microsecond=0)


def test_a_writer_backs_up_and_proves_and_can_destroy_nothing(locked: Place, user: Callable[..., str]) -> None:
    writer = user(documented("Writer", locked))
    identity = back_up(locked, NOW, credentials_file=writer)
    bucket = locked.open(credentials_file=writer)
    done = bucket_guarding.prove(bucket, world())
    assert (done.facts["proved"], done.warnings) == (True, ())
    assert done.facts["immutability"]["shortening_refused_by"] == "lock"
    store = factory.open_store(locked.settings(credentials_file=writer), environ={})
    before = locked.versions()
    for name in [info.name for info in store.list("shop/data/")]:
        for attack in (store.delete, store.purge):
            with pytest.raises(AccessDenied):
                attack(name)
    with pytest.raises(AccessDenied):
        bucket.control.ask("list_objects_v2", "Looking elsewhere", right="s3:ListBucket", Prefix="other/")
    assert locked.versions() == before
    assert identity in str(before)


def test_a_pruner_prunes_and_cannot_write_backups(place: Place, user: Callable[..., str]) -> None:
    place.guard(create=True, versioning=True)
    old, young = back_up(place, NOW - timedelta(days=40)), back_up(place, NOW)
    pruner = place.settings(credentials_file=user(documented("Pruner", place)))
    keys = trusted_keys.KeySettings(recovery_key_hex=KEY)
    repository = catalogue.RepositorySettings(APPLICATION, pruner, keys, None)
    kept = policy.parse({"keep_within": "20d", "min_keep": 1, "max_delete_share": 100})
    request = s3_retention.S3RetentionRequest(
        pruner, APPLICATION, prune=prune.PruneRequest(repository, kept, replica=True)
    )
    done = s3_retention.keep(request, world())
    assert done.facts["deleted"] == 1
    assert done.facts["covered"] == []
    assert not [key for key, _version, _marker in place.versions() if old in key and "/marks/" not in key]
    assert [key for key, _version, _marker in place.versions() if young in key]
    store = factory.open_store(pruner, environ={})
    for name in ("shop/data/x/0001.lbx", "shop/manifests/main/shop/x.json", "shop/trust/1.json"):
        with pytest.raises(AccessDenied):
            store.put(name, [b"x"])
    with pytest.raises(AccessDenied, match="s3:GetLifecycleConfiguration"):
        bucket_guarding.guard(
            place.open(credentials_file=pruner.credentials_file),
            guards.parse({"object_lock": {"mode": "governance", "days": 1}}),
            world(),
        )


def test_a_pruner_brings_back_what_a_thief_hid(locked: Place, user: Callable[..., str]) -> None:
    identity = back_up(locked, NOW)
    factory.open_store(locked.settings(), environ={}).delete(f"shop/manifests/main/shop/{identity}.json")
    pruner = locked.settings(credentials_file=user(documented("Pruner", locked)))
    request = s3_retention.S3RetentionRequest(pruner, APPLICATION, bring_back=True)
    assert s3_retention.keep(request, world()).facts["brought_back"] == [f"shop/manifests/main/shop/{identity}.json"]


def test_a_guardian_guards_and_touches_no_object(place: Place, user: Callable[..., str]) -> None:
    place.client.create_bucket(Bucket=place.name)
    guardian = {"credentials_file": user(documented("Guardian", place))}
    declared: dict[str, t.Any] = {
        "object_lock": {"mode": "governance", "days": 1},
        "transitions": [{"storage_class": "GLACIER_IR", "days": 3}],
        "abort_multipart_days": 3,
        "noncurrent_days": 30,
    }
    assert place.guard(store=guardian, **declared).changed
    assert not place.guard(store=guardian, **declared).changed
    identity = back_up(place, NOW)
    assert bucket_guarding.find_covered(place.open(**guardian)).facts["covered"] == []
    store = factory.open_store(place.settings(**guardian), environ={})
    name = f"shop/manifests/main/shop/{identity}.json"
    for attack in (lambda: next(store.get(name)), lambda: store.delete(name), lambda: store.put(name, [b"x"])):
        with pytest.raises(AccessDenied):
            attack()
    with pytest.raises(AccessDenied, match="s3:PutObject"):
        bucket_guarding.prove(place.open(**guardian), world())

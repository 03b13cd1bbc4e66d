# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many objects that are removed at once: in few requests, without crossing a lock, and with each one's own outcome."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied, StoreError
from bucket_fixtures import allowing
from faultproxy import Fault

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store
    from bucket_fixtures import Place
    from faultproxy import FaultProxy

NAMES = [f"shop/data/{folder}/{number}.lbx" for folder in ("one", "two") for number in range(4)]
LIST = ("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning")


@pytest.fixture
def versioned(place: Place) -> Place:
    place.guard(create=True, versioning=True)
    return place


def through(place: Place, proxy: FaultProxy, **changes: t.Any) -> Store:
    patience = factory.Patience(connect=1, request=5, retries=0)
    return factory.open_store(place.settings(endpoint=proxy.endpoint, **changes), environ={}, patience=patience)


def fill(place: Place) -> list[tuple[str, str, bool]]:
    store = factory.open_store(place.settings(), environ={})
    for name in NAMES:
        store.put(name, [b"x"])
    return place.versions()


def sent(proxy: FaultProxy, method: str) -> int:
    return sum(head.startswith(method) for head in proxy.seen)


def test_what_has_one_version_goes_by_one_request(versioned: Place, proxy: FaultProxy) -> None:
    fill(versioned)
    store = through(versioned, proxy)
    assert store.purge_all(NAMES) == dict.fromkeys(NAMES, "deleted")
    assert versioned.versions() == []
    assert (sent(proxy, "POST"), sent(proxy, "DELETE")) == (1, 0)


def test_a_bucket_without_versions_is_asked_for_none(place: Place, proxy: FaultProxy) -> None:
    place.guard(create=True)
    fill(place)
    assert through(place, proxy).purge_all(NAMES) == dict.fromkeys(NAMES, "deleted")
    assert place.versions() == []
    assert (sent(proxy, "POST"), sent(proxy, "DELETE")) == (1, 0)
    assert not [head for head in proxy.seen if "versions" in head]


def test_what_has_several_versions_or_is_hidden_goes_with_all_of_them(versioned: Place, proxy: FaultProxy) -> None:
    fill(versioned)
    store = through(versioned, proxy)
    store.put(NAMES[1], [b"again"])
    store.delete(NAMES[2])
    store.put(f"{NAMES[1]}x", [b"neighbour"])
    assert store.purge_all(NAMES) == dict.fromkeys(NAMES, "deleted")
    assert [key for key, _version, _marker in versioned.versions()] == [f"pre/{NAMES[1]}x"]


def test_what_is_locked_is_retained_and_the_rest_goes(versioned: Place) -> None:
    versioned.client.put_object_lock_configuration(
        Bucket=versioned.name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    before = fill(versioned)
    for name in NAMES[1:]:
        versioned.client.put_object_legal_hold(Bucket=versioned.name, Key=f"pre/{name}", LegalHold={"Status": "ON"})
    done = factory.open_store(versioned.settings(), environ={}).purge_all(NAMES)
    assert done == {NAMES[0]: "deleted", **dict.fromkeys(NAMES[1:], "retained")}
    assert versioned.versions() == before[1:]


def test_a_refusal_is_told_of_each_object_that_it_concerns(versioned: Place, user: Callable[..., str]) -> None:
    before = fill(versioned)
    some = allowing(versioned, *LIST)
    own = {**allowing(versioned, "s3:DeleteObjectVersion")["Statement"][0]}
    own["Resource"] = [f"arn:aws:s3:::{versioned.name}/pre/shop/data/one/*"]
    some["Statement"].append(own)
    store = factory.open_store(versioned.settings(credentials_file=user(some)), environ={})
    done = store.purge_all(NAMES)
    assert [name for name in NAMES if done[name] == "deleted"] == NAMES[:4]
    assert all(isinstance(done[name], AccessDenied) for name in NAMES[4:])
    assert versioned.versions() == before[4:]
    blind = factory.open_store(versioned.settings(credentials_file=user(allowing(versioned, LIST[0]))), environ={})
    assert all(isinstance(found, AccessDenied) for found in blind.purge_all(NAMES).values())


@pytest.mark.parametrize("status", [400, 405, 501])
def test_a_store_that_never_learnt_it_is_asked_one_by_one(versioned: Place, proxy: FaultProxy, status: int) -> None:
    fill(versioned)
    proxy.add(Fault(r"^POST /", answer=(status, b"<Error><Code>NotImplemented</Code></Error>")))
    assert through(versioned, proxy).purge_all(NAMES) == dict.fromkeys(NAMES, "deleted")
    assert versioned.versions() == []
    assert proxy.struck == 1


@pytest.mark.parametrize("where", [r"^POST /", r"^GET /\S+[?&]versions"])
def test_a_store_that_does_not_answer_is_not_asked_for_each(versioned: Place, proxy: FaultProxy, where: str) -> None:
    before = fill(versioned)
    store = through(versioned, proxy)
    proxy.add(Fault(where, answer=(503, b"<Error><Code>SlowDown</Code></Error>")))
    done = store.purge_all(NAMES)
    assert all(isinstance(found, StoreError) for found in done.values())
    assert versioned.versions() == before
    assert proxy.struck == 1
    proxy.reset()
    proxy.add(Fault(r"^POST /", times=1, swallow=True))
    assert all(isinstance(found, StoreError) for found in store.purge_all(NAMES).values())
    # The answer was lost and the work was done: whoever asks again finds nothing left to do.
    assert store.purge_all(NAMES) == dict.fromkeys(NAMES, "deleted")
    assert versioned.versions() == []

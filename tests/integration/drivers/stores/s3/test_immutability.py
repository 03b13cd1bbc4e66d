# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof of immutability: it succeeds only where an attack with the same credentials really fails."""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied, StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.protect_bucket import bucket_guarding
from bucket_fixtures import APPLICATION, allowing, world
from faultproxy import Fault, FaultProxy

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
    from bucket_fixtures import Place

CANARY = f"pre/{APPLICATION}/canary/immutability"
WRITER = ("s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:AbortMultipartUpload")
DELETER = (*WRITER, "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObjectVersion", "s3:GetObjectRetention")


def prove(place: Place, *, dry_run: bool = False, ahead: timedelta = timedelta(), **store: t.Any) -> Outcome:
    return bucket_guarding.prove(place.open(**store), world(dry_run=dry_run, ahead=ahead))


class Lying(FaultProxy):
    """A store that takes locks and does not enforce them: it deletes whatever it is told to."""

    place: Place

    def _choose(self, head: str) -> Fault:
        fault = super()._choose(head)
        match = re.match(r"DELETE /[^/]+/(\S+)\?versionId=(\S+)", head)
        if match:
            where = {"Bucket": self.place.name, "Key": match[1], "VersionId": match[2]}
            self.place.client.delete_object(**where, BypassGovernanceRetention=True)
            return Fault("", answer=(204, b""))
        return fault


class Shortening(FaultProxy):
    """A store that lets locks be shortened by anybody."""

    place: Place

    def _choose(self, head: str) -> Fault:
        fault = super()._choose(head)
        match = re.match(r"PUT /[^/]+/(\S+)\?retention&versionId=(\S+)", head)
        if match:
            soon = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=1)}
            where = {"Bucket": self.place.name, "Key": match[1], "VersionId": match[2]}
            self.place.client.put_object_retention(**where, Retention=soon, BypassGovernanceRetention=True)
            return Fault("", answer=(200, b""))
        return fault


def address(s3: t.Any) -> tuple[str, int]:
    host, _colon, port = s3.endpoint.removeprefix("http://").partition(":")
    return host, int(port)


def test_a_writer_without_the_right_to_delete_proves_nothing_about_the_lock(
    locked: Place, user: Callable[..., str]
) -> None:
    done = prove(locked, credentials_file=user(allowing(locked, *WRITER)))
    assert not done.changed
    proof = done.facts["immutability"]
    assert (proof["deletion_refused_by"], proof["shortening_refused_by"]) == ("rights", "rights")
    assert done.facts["proved"] is False
    assert any("could not be tested" in warning for warning in done.warnings)
    assert [key for key, _version, _marker in locked.versions()] == [CANARY]


def test_who_may_delete_versions_proves_the_lock(locked: Place, user: Callable[..., str]) -> None:
    done = prove(locked, credentials_file=user(allowing(locked, *DELETER)))
    proof = done.facts["immutability"]
    assert proof["deletion_refused_by"] == "lock"
    assert proof["mode"] == "governance"
    assert 0.99 < proof["locked_days"] <= 1.01
    assert abs(proof["clock_skew"]) < 30
    assert done.facts["proved"] is True
    assert done.warnings == ()
    # The markers of the harmless attempt are gone, and the canary is there as it was.
    assert [(key, marker) for key, _version, marker in locked.versions()] == [(CANARY, False)]


def test_who_may_touch_locks_proves_that_they_only_grow(locked: Place, user: Callable[..., str]) -> None:
    rights = (*WRITER, "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:PutObjectRetention")
    facts = prove(locked, credentials_file=user(allowing(locked, *rights))).facts
    proof = facts["immutability"]
    assert (proof["deletion_refused_by"], proof["shortening_refused_by"]) == ("rights", "lock")
    # A store may keep to the end of a lock and let the version go all the same.
    assert facts["proved"] is False


def test_a_writer_who_may_only_write_can_prove_too(locked: Place, user: Callable[..., str]) -> None:
    done = prove(locked, credentials_file=user(allowing(locked, "s3:PutObject")))
    assert done.facts["immutability"]["mode"] == "unknown"
    assert done.facts["immutability"]["locked_until"] is None
    assert done.facts["immutability"]["deletion_refused_by"] == "rights"


def test_who_may_bypass_governance_may_destroy(locked: Place) -> None:
    with pytest.raises(StoreError, match=r"may bypass the lock of s3://.*s3:BypassGovernanceRetention"):
        prove(locked)
    assert locked.versions() == []


def test_compliance_holds_even_the_owner(place: Place) -> None:
    place.guard(create=True, object_lock={"mode": "compliance", "days": 1})
    done = prove(place)
    proof = done.facts["immutability"]
    assert (proof["mode"], proof["deletion_refused_by"], proof["shortening_refused_by"]) == (
        "compliance",
        "lock",
        "lock",
    )
    assert done.facts["proved"] is True
    assert [key for key, _version, _marker in place.versions()] == [CANARY]


def test_a_store_that_takes_locks_and_deletes_all_the_same(locked: Place, user: Callable[..., str], s3: t.Any) -> None:
    lying = Lying(address(s3))
    lying.place = locked
    try:
        with pytest.raises(StoreError, match=r"accepted a lock until .* deleted the locked version") as caught:
            prove(locked, credentials_file=user(allowing(locked, *DELETER)), endpoint=lying.endpoint)
    finally:
        lying.close()
    assert locked.name in str(caught.value)
    assert "a store that enforces Object Lock" in caught.value.remedy
    assert locked.versions() == []


def test_a_store_that_says_yes_and_does_nothing(locked: Place, proxy: FaultProxy, user: Callable[..., str]) -> None:
    proxy.add(Fault(r"^DELETE /\S+versionId", answer=(204, b"")))
    with pytest.raises(StoreError, match="still shows the version, so its responses cannot be trusted"):
        prove(locked, credentials_file=user(allowing(locked, *DELETER)), endpoint=proxy.endpoint)


def test_a_store_that_hides_that_there_is_no_lock(locked: Place, proxy: FaultProxy) -> None:
    proxy.add(Fault(r"^HEAD /\S+versionId", answer=(200, b"")))
    proxy.add(Fault(r"^GET /\S+retention", answer=(404, b"<Error><Code>NoSuchObjectLockConfiguration</Code></Error>")))
    with pytest.raises(StoreError, match="does not lock new objects"):
        prove(locked, endpoint=proxy.endpoint)


def test_a_store_that_lets_a_lock_be_shortened(locked: Place, user: Callable[..., str], s3: t.Any) -> None:
    shortening = Shortening(address(s3))
    shortening.place = locked
    try:
        with pytest.raises(StoreError, match="to shorten the lock of a version"):
            prove(locked, credentials_file=user(allowing(locked, *DELETER)), endpoint=shortening.endpoint)
    finally:
        shortening.close()


def test_a_yes_to_shortening_that_changes_nothing_is_a_refusal(
    locked: Place, proxy: FaultProxy, user: Callable[..., str]
) -> None:
    proxy.add(Fault(r"^PUT /\S+retention", answer=(200, b"")))
    proof = prove(locked, credentials_file=user(allowing(locked, *DELETER)), endpoint=proxy.endpoint)
    assert proof.facts["immutability"]["shortening_refused_by"] == "lock"


@pytest.mark.parametrize("declared", [{}, {"versioning": True}])
def test_a_bucket_without_lock_is_an_error(place: Place, declared: dict[str, t.Any]) -> None:
    place.guard(create=True, **declared)
    expected = "does not lock new objects" if declared else "keeps no versions"
    with pytest.raises(StoreError, match=expected) as caught:
        prove(place)
    assert "bucket.object_lock" in caught.value.remedy


def test_check_mode_writes_no_canary(locked: Place) -> None:
    before = locked.state()
    done = prove(locked, dry_run=True)
    assert done.facts["immutability"] is None
    assert done.facts["summary"] == "Check mode writes nothing, so the lock was not tested."
    assert locked.state() == before


def test_a_wrong_clock_is_said(locked: Place, user: Callable[..., str]) -> None:
    writer = user(allowing(locked, *DELETER))
    done = prove(locked, credentials_file=writer, ahead=timedelta(minutes=-5))
    assert any(re.search(r"clock is (5 min|4 min).* behind the store's", warning) for warning in done.warnings)
    assert -301 < done.facts["immutability"]["clock_skew"] < -280
    bucket_guarding.check_clock(locked.open(), world(ahead=timedelta(minutes=9)))
    with pytest.raises(StoreError, match=r"clock is 20 min.* ahead of the store's.*nothing was deleted"):
        bucket_guarding.check_clock(locked.open(), world(ahead=timedelta(minutes=20)))


def test_who_may_not_write_proves_nothing(locked: Place, user: Callable[..., str]) -> None:
    with pytest.raises(AccessDenied, match="s3:PutObject"):
        prove(locked, credentials_file=user(allowing(locked, "s3:GetObject", "s3:ListBucket")))

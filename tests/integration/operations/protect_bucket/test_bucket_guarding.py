# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bucket's guards on a real server: made as declared, once, and nothing else touched."""

from __future__ import annotations

import socket
import typing as t
from pathlib import Path

import machine_role
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import bucket_state
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3.factory import open_control
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    StoreError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.protect_bucket import bucket_guarding
from bucket_fixtures import APPLICATION, allowing, world
from faultproxy import Fault

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from bucket_fixtures import Place
    from faultproxy import FaultProxy

EVERYTHING: dict[str, t.Any] = {
    "create": True,
    "object_lock": {"mode": "governance", "days": 2},
    "transitions": [{"storage_class": "GLACIER_IR", "days": 30}, {"storage_class": "DEEP_ARCHIVE", "days": 120}],
    "abort_multipart_days": 3,
    "noncurrent_days": 40,
}

FOREIGN = [
    {
        "ID": "theirs",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "keep", "Value": "no"}]}},
        "Expiration": {"Days": 7},
    },
    {"ID": "old form", "Status": "Disabled", "Prefix": "tmp/", "Expiration": {"Days": 1}},
]


def test_a_bucket_is_made_and_guarded_once(place: Place) -> None:
    first = place.guard(**EVERYTHING)
    assert first.changed
    assert [change.partition(":")[0] for change in first.facts["bucket_changes"]] == [
        "bucket",
        "versioning",
        "object_lock",
        "transitions",
        "abort_multipart_days",
        "noncurrent_days",
    ]
    assert first.facts["bucket"]["object_lock"] == {"mode": "governance", "days": 2}
    assert first.facts["bucket"]["versioning"] == "enabled"
    before = place.state()
    assert len(before["get_bucket_lifecycle_configuration"]["Rules"]) == 3
    again = place.guard(**EVERYTHING)
    assert not again.changed
    assert again.facts["bucket_changes"] == []
    assert (again.before, again.after) == ("", "")
    assert place.state() == before


def test_only_data_grows_cold(place: Place) -> None:
    place.guard(**EVERYTHING)
    rules = place.state()["get_bucket_lifecycle_configuration"]["Rules"]
    cold = {rule["Filter"]["Prefix"] for rule in rules if "Transitions" in rule}
    assert cold == {f"pre/{APPLICATION}/data/"}
    assert not [rule for rule in rules if "Days" in rule.get("Expiration", {})]


def test_check_mode_says_it_and_makes_nothing(place: Place) -> None:
    planned = place.guard(dry_run=True, **EVERYTHING)
    assert planned.changed
    assert place.state() == {}
    made = place.guard(**EVERYTHING)
    assert (planned.before, planned.after) == (made.before, made.after)
    assert planned.facts["bucket"] == made.facts["bucket"]
    before = place.state()
    further = {**EVERYTHING, "object_lock": {"mode": "compliance", "days": 3}, "noncurrent_days": 0, "transitions": []}
    planned = place.guard(dry_run=True, **further)
    assert planned.changed
    assert "object_lock: governance, 2 days\n" in planned.before
    assert "object_lock: compliance, 3 days\n" in planned.after
    assert place.state() == before


def test_rules_of_others_stay_as_they_are(place: Place) -> None:
    place.client.create_bucket(Bucket=place.name)
    rules = {"Rules": FOREIGN}
    place.client.put_bucket_lifecycle_configuration(Bucket=place.name, LifecycleConfiguration=rules)
    foreign = place.state()["get_bucket_lifecycle_configuration"]["Rules"]
    place.guard(abort_multipart_days=3, noncurrent_days=40)
    now = place.state()["get_bucket_lifecycle_configuration"]["Rules"]
    assert [rule for rule in now if rule["ID"] in {"theirs", "old form"}] == foreign
    assert len(now) == 4
    place.guard(abort_multipart_days=0, noncurrent_days=0)
    assert place.state()["get_bucket_lifecycle_configuration"]["Rules"] == foreign
    assert not place.guard(abort_multipart_days=0, noncurrent_days=0).changed


def test_the_last_rule_can_go(place: Place) -> None:
    place.guard(create=True, abort_multipart_days=3)
    assert place.guard(abort_multipart_days=0).changed
    assert place.state()["get_bucket_lifecycle_configuration"] == "NoSuchLifecycleConfiguration"


def test_a_rule_of_ours_that_somebody_switched_off_is_switched_on(place: Place) -> None:
    place.guard(create=True, abort_multipart_days=3)
    rules = place.state()["get_bucket_lifecycle_configuration"]["Rules"]
    off = {"Rules": [{**rule, "Status": "Disabled"} for rule in rules]}
    place.client.put_bucket_lifecycle_configuration(Bucket=place.name, LifecycleConfiguration=off)
    assert place.guard(abort_multipart_days=3).changed
    assert place.state()["get_bucket_lifecycle_configuration"]["Rules"] == rules


def test_a_rule_that_would_delete_backups_is_named(place: Place) -> None:
    place.client.create_bucket(Bucket=place.name)
    rule = {"ID": "clean everything", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    rules = {"Rules": [rule]}
    place.client.put_bucket_lifecycle_configuration(Bucket=place.name, LifecycleConfiguration=rules)
    found = place.guard(abort_multipart_days=3)
    assert any("clean everything deletes backups" in warning for warning in found.warnings)


def test_an_existing_bucket_gets_versions_and_lock(place: Place) -> None:
    place.client.create_bucket(Bucket=place.name)
    place.client.put_object(Bucket=place.name, Key="theirs", Body=b"x")
    done = place.guard(object_lock={"mode": "governance", "days": 1})
    assert [change.partition(":")[0] for change in done.facts["bucket_changes"]] == ["versioning", "object_lock"]
    assert [key for key, _version, _marker in place.versions()] == ["theirs"]


def test_a_weaker_lock_needs_its_own_word(locked: Place) -> None:
    locked.guard(object_lock={"mode": "governance", "days": 3})
    before = locked.state()
    with pytest.raises(UsageError, match=r"weaker.*allow_weaker") as caught:
        locked.guard(object_lock={"mode": "governance", "days": 2})
    assert caught.value.details["field"] == "bucket.object_lock"
    assert locked.state() == before
    assert locked.guard(object_lock={"mode": "governance", "days": 2}, allow_weaker=True).changed


def test_what_is_not_declared_is_not_touched(locked: Place) -> None:
    before = locked.state()
    assert not locked.guard(versioning=True).changed
    assert not locked.guard().changed
    assert locked.state() == before


def test_a_missing_bucket_is_made_only_when_that_is_asked_for(place: Place) -> None:
    with pytest.raises(UsageError, match=r"does not exist.*bucket\.create") as caught:
        place.guard(versioning=True)
    assert caught.value.details["field"] == "bucket.create"
    assert place.state() == {}


def test_a_store_that_forgets_what_it_took_is_found_out(place: Place, proxy: FaultProxy) -> None:
    place.client.create_bucket(Bucket=place.name)
    proxy.add(Fault(r"^PUT /[^ ]*\?lifecycle", answer=(200, b"")))
    with pytest.raises(
        StoreError, match=r"accepted the protection of the bucket, but does not show it: abort_multipart_days"
    ):
        place.guard(abort_multipart_days=3, store={"endpoint": proxy.endpoint})


def test_a_lifecycle_that_the_store_refuses_is_said_by_its_name(place: Place, proxy: FaultProxy) -> None:
    place.client.create_bucket(Bucket=place.name)
    body = b"<Error><Code>InvalidArgument</Code></Error>"
    proxy.add(Fault(r"^PUT /[^ ]*\?lifecycle", answer=(400, body)))
    steps = [{"storage_class": "STANDARD_IA", "days": 3}]
    with pytest.raises(StoreError, match=r"InvalidArgument.*storage class") as caught:
        place.guard(transitions=steps, store={"endpoint": proxy.endpoint})
    assert caught.value.details["field"] == "bucket.transitions"


def test_a_bucket_that_another_run_just_made_is_guarded(place: Place, proxy: FaultProxy) -> None:
    place.client.create_bucket(Bucket=place.name)
    proxy.add(Fault(r"^GET /\S+\?versioning", times=1, answer=(404, b"<Error><Code>NoSuchBucket</Code></Error>")))
    mine = b"<Error><Code>BucketAlreadyOwnedByYou</Code></Error>"
    proxy.add(Fault(rf"^PUT /{place.name}/? ", answer=(409, mine)))
    assert place.guard(store={"endpoint": proxy.endpoint}, **EVERYTHING).changed
    assert not place.guard(**EVERYTHING).changed


def test_a_store_without_object_lock_is_told_so(place: Place, proxy: FaultProxy) -> None:
    place.client.create_bucket(Bucket=place.name)
    place.guard(versioning=True)
    body = b"<Error><Code>InvalidBucketState</Code></Error>"
    proxy.add(Fault(r"^PUT /[^ ]*\?object-lock", answer=(409, body)))
    with pytest.raises(StoreError, match="cannot enable Object Lock for an existing bucket"):
        place.guard(object_lock={"mode": "governance", "days": 1}, store={"endpoint": proxy.endpoint})


def test_what_changes_a_bucket_carries_the_oldest_checksum(place: Place, proxy: FaultProxy) -> None:
    place.guard(store={"endpoint": proxy.endpoint}, **EVERYTHING)
    changes = [head for head in proxy.seen if head.startswith("PUT ") and ("?lifecycle" in head or "?object-" in head)]
    assert len(changes) == 2
    assert all("content-md5:" in head.lower() for head in changes)


def test_a_missing_right_is_named(place: Place, user: Callable[..., str]) -> None:
    place.client.create_bucket(Bucket=place.name)
    before = place.state()
    reader = user(allowing(place, "s3:GetBucketVersioning", "s3:ListBucket"))
    for declared, right in (
        ({"versioning": True}, "s3:GetBucketObjectLockConfiguration"),
        ({"abort_multipart_days": 1}, "s3:GetBucketObjectLockConfiguration"),
    ):
        with pytest.raises(AccessDenied, match=f"Allow these credentials {right} on the bucket"):
            place.guard(store={"credentials_file": reader}, **declared)
    reader = user(
        allowing(place, "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration")
    )
    with pytest.raises(AccessDenied, match="s3:PutBucketVersioning"):
        place.guard(store={"credentials_file": reader}, versioning=True)
    with pytest.raises(AccessDenied, match="s3:PutLifecycleConfiguration"):
        place.guard(store={"credentials_file": reader}, abort_multipart_days=2)
    assert place.state() == before


def test_wrong_credentials_and_wrong_addresses_are_told_apart(place: Place, tmp_path: Path) -> None:
    place.client.create_bucket(Bucket=place.name)
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    wrong.write_text("[default]\naws_access_key_id = NOBODY\naws_secret_access_key = nothing\n")
    with pytest.raises(AccessDenied, match="does not know the access key"):
        place.guard(store={"credentials_file": str(wrong)}, versioning=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        unused = f"http://127.0.0.1:{server.getsockname()[1]}"
    impatient = factory.Patience(connect=1, request=2, retries=0)
    for endpoint, cause in (
        (unused, "cannot be reached, nothing listens there"),
        ("http://no-such-host.invalid", "host name cannot be resolved"),
        (place.s3.endpoint.replace("http:", "https:"), "does not use TLS"),
        (place.s3.endpoint_tls, "unknown authority"),
    ):
        control = open_control(place.settings(endpoint=endpoint), environ={}, patience=impatient)
        with pytest.raises(StoreError, match=cause):
            bucket_state.read(control)
    trusted = place.settings(endpoint=place.s3.endpoint_tls, ca_cert=place.s3.ca_cert)
    assert bucket_state.read(open_control(trusted, environ={})).exists


def test_settings_of_the_user_do_not_count(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.client.create_bucket(Bucket=place.name)
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SOMEBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "else")
    assert not place.guard().changed


def test_a_machines_own_role_opens_the_bucket(place: Place) -> None:
    place.client.create_bucket(Bucket=place.name)
    keys = place.client._request_signer._credentials.get_frozen_credentials()
    settings = place.settings(credentials_file=None)
    with machine_role.serving(keys.access_key, keys.secret_key) as environ:
        assert bucket_state.read(open_control(settings, environ=environ)).exists
    with pytest.raises(AccessDenied, match=r"no credentials are set.*store\.credentials_file"):
        bucket_state.read(open_control(settings, environ=environ))


def test_a_rotated_credentials_file_takes_effect(place: Place, tmp_path: Path) -> None:
    place.client.create_bucket(Bucket=place.name)
    path = tmp_path / "credentials"
    path.touch(0o600)
    path.write_text(Path(place.s3.credentials_file).read_text(encoding="utf-8"))
    control = open_control(place.settings(credentials_file=str(path)), environ={})
    assert bucket_state.read(control).exists
    path.write_text("[default]\naws_access_key_id = NOBODY\naws_secret_access_key = nothing\n")
    with pytest.raises(AccessDenied, match="does not know the access key"):
        bucket_state.read(control)


def test_a_directory_has_no_guards(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an S3 bucket") as caught:
        bucket_guarding.open_bucket(factory.StoreSettings(f"file://{tmp_path}"), APPLICATION, world())
    assert caught.value.details["field"] == "store.url"

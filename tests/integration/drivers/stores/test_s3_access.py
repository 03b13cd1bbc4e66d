# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what in a bucket, and what the wrong key, certificate or address is told."""

from __future__ import annotations

import json
import os
import secrets
import typing as t
from pathlib import Path

import machine_role
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    AlreadyExists,
    NotFound,
    StoreError,
    UsageError,
)
from faultproxy import Fault

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store
    from faultproxy import FaultProxy

EVERYTHING: dict[str, Callable[[Store], object]] = {
    "put": lambda store: store.put("a", [b"x"]),
    "put of parts": lambda store: store.put("a", [bytes(6 << 20)], part_size=5 << 20),
    "put_new": lambda store: store.put_new("a", b"x"),
    "get": lambda store: next(store.get("a")),
    "head": lambda store: store.head("a"),
    "list": lambda store: list(store.list("")),
    "delete": lambda store: store.delete("a"),
}

everything = pytest.mark.parametrize("attempt", EVERYTHING.values(), ids=EVERYTHING)


def credentials_file(path: Path, access: str, secret: str) -> str:
    path.write_text(f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    path.chmod(0o600)
    return str(path)


def keys_of(s3: t.Any) -> tuple[str, str]:
    _section, access, secret = Path(s3.credentials_file).read_text().splitlines()
    return access.split(" = ")[1], secret.split(" = ")[1]


@everything
@pytest.mark.parametrize("right", ["key", "neither"])
def test_wrong_credentials_are_named(attempt: Callable[[Store], object], right: str, s3: t.Any, tmp_path: Path) -> None:
    known, _secret = keys_of(s3)
    secret = "thisisnotthesecret0123456789"
    path = credentials_file(tmp_path / "c", known if right == "key" else "NOBODY", secret)
    store = factory.open_store(s3.settings("x", credentials_file=path), environ={})
    told = "secret does not match the access key" if right == "key" else "does not know the access key"
    with pytest.raises(AccessDenied, match=told) as caught:
        attempt(store)
    assert secret not in repr(caught.value) + str(caught.value.details)


@everything
def test_an_unreachable_store_is_an_error(
    attempt: Callable[[Store], object], s3: t.Any, unused_port: Callable[[], int]
) -> None:
    settings = s3.settings("x", endpoint=f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(StoreError, match="cannot be reached, nothing listens there"):
        attempt(factory.open_store(settings, environ={}, patience=factory.Patience(retries=1)))


@everything
def test_a_missing_bucket_is_an_error_and_no_missing_object(attempt: Callable[[Store], object], s3: t.Any) -> None:
    settings = s3.settings(url="s3://no-such-bucket-here/x")
    with pytest.raises(StoreError, match="bucket does not exist") as caught:
        attempt(factory.open_store(settings, environ={}))
    assert not isinstance(caught.value, NotFound)


def test_a_private_authority_is_trusted_only_when_it_is_named(s3: t.Any) -> None:
    store = factory.open_store(s3.settings("tls", endpoint=s3.endpoint_tls, ca_cert=s3.ca_cert), environ={})
    store.put("a", [b"x"])
    assert b"".join(store.get("a")) == b"x"
    patience = factory.Patience(retries=0)
    with pytest.raises(StoreError, match=r"unknown authority.*store\.ca_cert"):
        factory.open_store(s3.settings("tls", endpoint=s3.endpoint_tls), environ={}, patience=patience).head("a")
    wrong = s3.endpoint.replace("http:", "https:")
    with pytest.raises(StoreError, match="does not use TLS"):
        factory.open_store(s3.settings("tls", endpoint=wrong), environ={}, patience=patience).head("a")


def test_credentials_from_the_environment(s3: t.Any) -> None:
    access, secret = keys_of(s3)
    environ = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
    store = factory.open_store(s3.settings("env", credentials_file=None), environ=environ)
    store.put("a", [b"x"])
    assert store.head("a").size == 1


def test_a_rotated_credentials_file_takes_effect_in_the_middle(s3: t.Any, tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text(Path(s3.credentials_file).read_text())
    path.chmod(0o600)
    store = factory.open_store(s3.settings("rotated", credentials_file=str(path)), environ={})
    store.put("a", [b"x"])
    good = path.read_text()
    credentials_file(path, "NOBODY", "nothing")
    with pytest.raises(AccessDenied, match="does not know the access key"):
        store.head("a")
    path.write_text(good)
    assert store.head("a").size == 1
    path.unlink()
    with pytest.raises(AccessDenied, match="credentials file cannot be read any more"):
        store.head("a")


def test_a_machine_without_a_role_is_told_so(s3: t.Any, unused_port: Callable[[], int]) -> None:
    nobody = {"AWS_METADATA_ENDPOINT": f"http://127.0.0.1:{unused_port()}"}
    patience = factory.Patience(retries=1)
    store = factory.open_store(s3.settings("x", credentials_file=None), environ=nobody, patience=patience)
    with pytest.raises(AccessDenied, match=r"no credentials are set.*store\.credentials_file") as caught:
        store.put("a", [b"x"])
    assert caught.value.details["name"] == "a"


def test_a_machines_own_role_opens_the_store(s3: t.Any) -> None:
    with machine_role.serving(*keys_of(s3)) as environ:
        store = factory.open_store(s3.settings("role", credentials_file=None), environ=environ)
        store.put("a", [b"x"])
        assert store.head("a").size == 1


@pytest.fixture
def user(s3: t.Any, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Yield a function that makes a store for a user who may do only what its arguments say, below `mine/`."""
    iam = s3.client("iam")
    name = f"test-{secrets.token_hex(6)}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    path = credentials_file(tmp_path / "writer", key["AccessKeyId"], key["SecretAccessKey"])
    prefix = f"mine/{secrets.token_hex(6)}"

    def make(*actions: str, **changes: t.Any) -> Store:
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": [action],
                    "Resource": f"arn:aws:s3:::{s3.bucket}" + ("" if action == "s3:ListBucket" else f"/{prefix}/*"),
                }
                for action in actions
            ],
        }
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
        return factory.open_store(s3.settings(prefix, credentials_file=path, **changes), environ={})

    yield make
    iam.delete_user_policy(UserName=name, PolicyName="only")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def whole(store: Store, s3: t.Any) -> Store:
    """Return the same store for the bucket's owner."""
    return factory.open_store(s3.settings(store.url.removeprefix(f"s3://{s3.bucket}/")), environ={})


def test_a_write_only_user_can_store_and_neither_read_nor_destroy(user: Callable[..., Store], s3: t.Any) -> None:
    store = user("s3:PutObject", "s3:ListBucket")
    data = bytes(6 << 20)
    assert store.put("a/big", [data], part_size=5 << 20) == len(data)
    assert store.put("a/small", [b"x"]) == 1
    store.put_new("m.json", b"{}")
    assert [info.name for info in store.list("a/")] == ["a/big", "a/small"]
    with pytest.raises(AlreadyExists):
        store.put_new("m.json", b"[]")
    for attempt in (lambda: next(store.get("m.json")), lambda: store.head("m.json"), lambda: store.delete("m.json")):
        with pytest.raises(AccessDenied, match=r"is denied.*policy"):
            attempt()
    assert b"".join(whole(store, s3).get("m.json")) == b"{}"


def test_a_user_who_can_see_nothing_is_told_what_is_missing(user: Callable[..., Store], s3: t.Any) -> None:
    store = user("s3:PutObject")
    with pytest.raises(AccessDenied, match=r"neither read nor list it.*s3:ListBucket"):
        store.put("a", [b"x"])


def test_a_reader_cannot_write(user: Callable[..., Store], s3: t.Any) -> None:
    store = user("s3:GetObject", "s3:ListBucket")
    whole(store, s3).put("a", [b"x"])
    assert b"".join(store.get("a")) == b"x"
    for attempt in (lambda: store.put("b", [b"x"]), lambda: store.put_new("b", b"x"), lambda: store.delete("a")):
        with pytest.raises(AccessDenied):
            attempt()
    assert [info.name for info in store.list("")] == ["a"]


def test_a_write_only_user_whose_answer_is_lost_is_not_told_a_lie(
    user: Callable[..., Store], proxy: FaultProxy, s3: t.Any
) -> None:
    store = user("s3:PutObject", "s3:ListBucket", endpoint=proxy.endpoint)
    proxy.add(Fault("^PUT ", times=1, swallow=True))
    with pytest.raises(StoreError, match=r"response to writing m\.json was lost") as caught:
        store.put_new("m.json", b"{}")
    assert not isinstance(caught.value, AlreadyExists)


@pytest.mark.parametrize("checksums", [True, False])
def test_checksums_are_sent_when_they_are_asked_for(checksums: bool, proxy: FaultProxy, s3: t.Any) -> None:
    settings = s3.settings("checksums", endpoint=proxy.endpoint, checksums=checksums)
    store = factory.open_store(settings, environ={})
    store.put("small", [b"x"])
    store.put("big", [bytes(6 << 20)], part_size=5 << 20)
    store.put_new(f"new-{secrets.token_hex(6)}", b"x")
    puts = [head.lower() for head in proxy.seen if head.startswith("PUT ")]
    assert len(puts) == 4
    assert [("x-amz-checksum-sha256:" in head) for head in puts] == [checksums] * 4


def test_an_object_lock_bucket_takes_checked_writes_and_keeps_them(s3: t.Any) -> None:
    client = s3.client()
    bucket = f"lifeboat-lock-{secrets.token_hex(6)}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    retention = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
    )
    store = factory.open_store(s3.settings(url=f"s3://{bucket}", checksums=True), environ={})
    store.put("big", [bytes(6 << 20)], part_size=5 << 20)
    store.put_new("m.json", b"{}")
    store.delete("m.json")
    assert [info.name for info in store.list("")] == ["big"]
    versions = client.list_object_versions(Bucket=bucket)["Versions"]
    assert sorted(version["Key"] for version in versions) == ["big", "m.json"]
    markers = client.list_object_versions(Bucket=bucket)["DeleteMarkers"]
    for found in versions + markers:
        place = {"Bucket": bucket, "Key": found["Key"], "VersionId": found["VersionId"]}
        client.delete_object(**place, BypassGovernanceRetention=True)
    client.delete_bucket(Bucket=bucket)


def test_folders_and_strange_keys_made_by_others(s3: t.Any, store_in_bucket: tuple[Store, str]) -> None:
    store, prefix = store_in_bucket
    client = s3.client()
    for key in ("shop-x/a", "shop/", "shop/b", "zebra/"):
        client.put_object(Bucket=s3.bucket, Key=f"{prefix}/{key}", Body=b"")
    assert "shop/b" in [info.name for info in store.list("shop/")]
    assert {"shop-x/a", "shop/b"} <= {info.name for info in store.list("")}
    client.put_object(Bucket=s3.bucket, Key=f"{prefix}/shop//c", Body=b"")
    with pytest.raises(StoreError, match="Listing shop/ failed"):
        list(store.list("shop/"))


@pytest.fixture
def store_in_bucket(s3: t.Any) -> tuple[Store, str]:
    prefix = f"test/{secrets.token_hex(6)}"
    return factory.open_store(s3.settings(prefix), environ={}), prefix


def test_a_credentials_file_that_others_can_read_is_refused(s3: t.Any, tmp_path: Path) -> None:
    path = credentials_file(tmp_path / "open", "KEY", "secretsecret")
    os.chmod(path, 0o640)
    with pytest.raises(UsageError, match="mode 0640") as caught:
        factory.open_store(s3.settings("x", credentials_file=path), environ={})
    assert path in str(caught.value)
    assert "secretsecret" not in str(caught.value)

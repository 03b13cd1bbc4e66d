# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Buckets that tests may lock, users with exactly the rights of a policy, and backups of a few bytes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
import subprocess
import sys
import time
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx, seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import guards
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.protect_bucket import bucket_guarding
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import manifest, trusted_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "rig" / "s3"))

from faultproxy import FaultProxy

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome

RIG = Path(__file__).resolve().parents[2] / "rig" / "s3"
APPLICATION = "shop"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "object-lock.md"
KEY = "5f6ad1c8e90b37426fd5a1b0c3e8794d21f0a6b5c4d3e2f19087a6b5c4d3e2f1"


def world(*, dry_run: bool = False, ahead: timedelta = timedelta()) -> World:
    """Return the real world, with a clock that may be wrong."""
    return World(now=lambda: datetime.now(UTC) + ahead, sleep=time.sleep, environ={}, dry_run=dry_run)


@dataclasses.dataclass
class Place:
    """A bucket of a test's own, which need not exist yet, and what is looked at from the outside."""

    s3: t.Any
    name: str
    client: t.Any
    opened: dict[str, bucket_guarding.GuardedBucket] = dataclasses.field(default_factory=dict)

    def settings(self, **changes: t.Any) -> factory.StoreSettings:
        found: factory.StoreSettings = self.s3.settings(url=f"s3://{self.name}/pre", **changes)
        return found

    def open(self, **changes: t.Any) -> bucket_guarding.GuardedBucket:
        """Open it once for each way in: making a client of boto3 takes longer than what tests ask of it."""
        way = repr(sorted(changes.items()))
        if way not in self.opened:
            self.opened[way] = bucket_guarding.open_bucket(self.settings(**changes), APPLICATION, world())
        return self.opened[way]

    def guard(self, *, dry_run: bool = False, store: dict[str, t.Any] | None = None, **declared: t.Any) -> Outcome:
        return bucket_guarding.guard(self.open(**(store or {})), guards.parse(declared), world(dry_run=dry_run))

    def versions(self) -> list[tuple[str, str, bool]]:
        """Return the key, the id and whether it is a marker of everything in the bucket."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.name)
        return sorted(
            (found["Key"], found["VersionId"], kind == "DeleteMarkers")
            for page in pages
            for kind in ("Versions", "DeleteMarkers")
            for found in page.get(kind, ())
        )

    def state(self) -> dict[str, t.Any]:
        """Return all that a change could show in."""

        def ask(operation: str) -> object:
            try:
                answer = getattr(self.client, operation)(Bucket=self.name)
            except self.client.exceptions.ClientError as exc:
                return exc.response["Error"]["Code"]
            return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

        if self.name not in [found["Name"] for found in self.client.list_buckets()["Buckets"]]:
            return {}
        asked = ("get_bucket_versioning", "get_object_lock_configuration", "get_bucket_lifecycle_configuration")
        uploads = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return {**{name: ask(name) for name in asked}, "versions": self.versions(), "uploads": len(uploads)}

    def locks(self) -> dict[str, t.Any]:
        """Return until when each version is locked."""
        return {
            version: self.client.head_object(Bucket=self.name, Key=key, VersionId=version).get(
                "ObjectLockRetainUntilDate"
            )
            for key, version, marker in self.versions()
            if not marker
        }


@pytest.fixture(scope="session")
def owner(s3: t.Any) -> dict[str, t.Any]:
    """Return the clients of the server's owner, for the service of that name."""
    return {service: s3.client(service) for service in ("s3", "iam")}


@pytest.fixture
def place(s3: t.Any, owner: dict[str, t.Any]) -> Iterator[Place]:
    made = Place(s3, f"lifeboat-guard-{secrets.token_hex(6)}", owner["s3"])
    yield made
    if made.state():
        for key, version, _marker in made.versions():
            try:
                made.client.delete_object(Bucket=made.name, Key=key, VersionId=version, BypassGovernanceRetention=True)
            except made.client.exceptions.ClientError:
                break  # locked for good, or held: only the server's owner can help
        purge = ("bucket", "rm", "--purge-objects", f"--bucket={made.name}")
        if made.versions():
            subprocess.run([RIG / "s3.sh", "admin", "main", *purge], check=True, capture_output=True)
        else:
            made.client.delete_bucket(Bucket=made.name)


@pytest.fixture
def locked(place: Place) -> Place:
    """Return a bucket that locks what is written for a day, so that its owner can still take it away."""
    place.guard(create=True, object_lock={"mode": "governance", "days": 1})
    return place


@pytest.fixture
def user(owner: dict[str, t.Any], tmp_path: Path) -> Iterator[Callable[[dict[str, t.Any]], str]]:
    """Yield a function that makes a user who may do what a policy says, and gives the path of its credentials."""
    iam, made = owner["iam"], []

    def make(policy: dict[str, t.Any]) -> str:
        name = f"guard-{secrets.token_hex(6)}"
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made.append((name, key["AccessKeyId"]))
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
        path = tmp_path / f"{name}.credentials"
        path.touch(0o600)
        path.write_text(
            f"[default]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
        )
        return str(path)

    yield make
    for name, key in made:
        iam.delete_user_policy(UserName=name, PolicyName="only")
        iam.delete_access_key(UserName=name, AccessKeyId=key)
        iam.delete_user(UserName=name)


def allowing(place: Place, *actions: str) -> dict[str, t.Any]:
    """Return a policy that allows these actions on the whole bucket."""
    resources = [f"arn:aws:s3:::{place.name}", f"arn:aws:s3:::{place.name}/*"]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resources}]}


def documented(who: str, place: Place) -> dict[str, t.Any]:
    """Return the policy that the page shows for somebody, for this test's bucket and prefix."""
    found = re.search(rf"\*\*{who}\*\*.*?```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"the page has no policy for the {who}"
    text = found[1].replace("example-backups", place.name).replace("postgresql/", "pre/")
    return t.cast("dict[str, t.Any]", json.loads(text))


def manifests(place: Place) -> list[str]:
    """Return the backups that are listed."""
    store = factory.open_store(place.settings(), environ={})
    return [info.name.rpartition("/")[2].removesuffix(".json") for info in store.list(f"{APPLICATION}/manifests/")]


@pytest.fixture
def proxy(s3: t.Any) -> Iterator[FaultProxy]:
    host, _colon, port = s3.endpoint.removeprefix("http://").partition(":")
    found = FaultProxy((host, int(port)))
    yield found
    found.close()


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "recovery.key"
    path.touch(0o600)
    path.write_text(KEY + "\n")
    return str(path)


def back_up(place: Place, at: datetime, *, members: int = 1, **settings: t.Any) -> str:
    """Make a backup that finished `at`, sealed as a real one, of a few bytes. Return its id."""
    store = factory.open_store(place.settings(**settings), environ={})
    keys = trusted_keys.load(trusted_keys.KeySettings(recovery_key_hex=KEY), store, APPLICATION)
    writer = keys.writer("main/shop", at)
    identity = repository.backup_id(at, secrets.token_hex(8))
    names = {"detail": repository.detail(APPLICATION, identity, "detail")}
    names |= {f"{number:04d}": repository.member(APPLICATION, identity, number) for number in range(1, members + 1)}
    files = []
    for member, name in names.items():
        sealed = lbx.SealedFile(name, iter([os.urandom(64)]), writer)
        store.put(name, iter(sealed))
        files.append(manifest.File(name, member, 1, sealed.size, sealed.sha256, sealed.head_sha256, 64))
    record = manifest.Manifest(
        application=APPLICATION,
        backup_id=identity,
        component="main/shop",
        kind="logical",
        scope="full",
        reason="scheduled",
        proof="none",
        started=at,
        finished=at,
        versions={"server": "17.0"},
        recipients=tuple(recipient.kid for recipient in writer.recipients),
        parents=(),
        files=tuple(files),
    )
    envelope = seals.seal_record("manifest", record.payload(), [writer.signer])
    store.put_new(repository.manifest(APPLICATION, record.component, identity), envelope)
    return identity

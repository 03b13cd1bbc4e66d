# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A real S3 server: the one in $LIFEBOAT_RIG if it runs, else one that is started, and stopped by the last who uses it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import subprocess
import typing as t
from pathlib import Path

import boto3
import botocore.config
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).resolve().parent.parent / "rig" / "s3" / "s3.sh"


@dataclasses.dataclass(frozen=True)
class S3:
    """A running server and an empty bucket in it."""

    endpoint: str
    endpoint_tls: str
    ca_cert: str
    credentials_file: str
    region: str
    version: str
    bucket: str

    def settings(self, prefix: str = "", **changes: t.Any) -> StoreSettings:
        """Return what opens the bucket, or a prefix in it, as a store."""
        url = f"s3://{self.bucket}/{prefix}".rstrip("/")
        settings = StoreSettings(url, endpoint=self.endpoint, credentials_file=self.credentials_file)
        return dataclasses.replace(settings, **changes)

    def client(self, service: str = "s3") -> t.Any:
        """Return boto3's client for the server, to look at things from the outside."""
        profile = boto3.session.Session(**_keys(self.credentials_file), region_name=self.region)
        config = botocore.config.Config(request_checksum_calculation="when_required", retries={"max_attempts": 1})
        return profile.client(service, endpoint_url=self.endpoint, config=config)


@contextlib.contextmanager
def own_bucket() -> Iterator[S3]:
    """Yield an empty bucket of the server, which runs at least as long as the block; the bucket is gone afterwards."""
    # In a session of its own no Ctrl-C reaches it: it sees that its standard input ends, however that comes about.
    with subprocess.Popen(
        [SCRIPT, "hold", "main", "free"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as holder:
        assert holder.stdout
        facts = holder.stdout.readline()
        assert facts, "s3.sh could not start the server; what it says stands above"
        server = S3(**json.loads(facts), bucket=f"lifeboat-test-{secrets.token_hex(6)}")
        client = server.client()
        client.create_bucket(Bucket=server.bucket)
        try:
            yield server
        finally:
            _remove_bucket(client, server.bucket)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    with own_bucket() as server:
        yield server


def _keys(path: str) -> dict[str, str]:
    lines = [line.partition(" = ") for line in Path(path).read_text().splitlines()]
    return {key: value for key, _equals, value in lines if value}


def _remove_bucket(client: t.Any, bucket: str) -> None:
    for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
        if keys:
            client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    client.delete_bucket(Bucket=bucket)


def pytest_configure() -> None:
    # What the machine sets for other programs would be taken for the test server's authority.
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        os.environ.pop(name, None)

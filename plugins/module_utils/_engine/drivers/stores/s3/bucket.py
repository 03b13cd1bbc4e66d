# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a bucket of S3 is, and what its objects and its errors are like."""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.parse
from datetime import UTC, datetime

from ....ground.errors import AccessDenied, Full, NotFound, StoreError
from ..dialect import Dialect
from ..failures import CHECK_KEYS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ....ground.aws_credentials import Credentials
    from ..failures import Judgement

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Credentials that expired then are asked for again with each request."""

CODES: dict[str, Judgement] = {
    "NoSuchBucket": (StoreError, "The bucket does not exist.", "Create it, or correct store.url."),
    "NoSuchKey": (NotFound, "It does not exist.", ""),
    "InvalidAccessKeyId": (AccessDenied, "The store does not know the access key.", CHECK_KEYS),
    "SignatureDoesNotMatch": (AccessDenied, "The secret does not match the access key.", CHECK_KEYS),
    "ExpiredToken": (AccessDenied, "The session token has expired.", "Renew it, and run again."),
    "InvalidToken": (AccessDenied, "The session token is invalid.", "Renew it, and run again."),
    "RequestTimeTooSkewed": (
        StoreError,
        "The clocks of this host and of the store differ too much.",
        "Correct the clock of this host (chronyd or systemd-timesyncd), and run again.",
    ),
    "BucketAlreadyExists": (StoreError, "Somebody else has a bucket of that name.", "Use another name in store.url."),
    "OperationAborted": (StoreError, "Another change of the bucket is in progress.", "Run again later."),
    "AuthorizationHeaderMalformed": (StoreError, "The store is in another region.", "Set store.region."),
    "PermanentRedirect": (StoreError, "The bucket is in another region.", "Set store.region or store.endpoint."),
    "QuotaExceeded": (Full, "The quota of the bucket or of its user is exhausted.", "Raise it, or free space."),
    "EntityTooLarge": (StoreError, "The object is larger than the store accepts.", "Use smaller volumes."),
    "SlowDown": (StoreError, "The store keeps throttling the requests.", "Run again later."),
    "NoSuchUpload": (StoreError, "The store lost the upload while it ran.", "Run again."),
    **dict.fromkeys(
        ("BadDigest", "XAmzContentSHA256Mismatch"),
        (StoreError, "The bytes changed on their way to the store.", "Run again; check network and memory."),
    ),
}

MARKS: dict[str, Judgement] = {
    "External AWS credential provider": (
        AccessDenied,
        "The credentials file cannot be read any more.",
        "Restore it, and run again.",
    ),
    **dict.fromkeys(
        ("latest/api/token", "latest/meta-data", "Unable to locate credentials"),
        (
            AccessDenied,
            "No credentials are set, and this host has none of its own.",
            "Set store.credentials_file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.",
        ),
    ),
    "Content-MD5": (StoreError, "The bucket accepts only objects with a checksum.", "Set store.checksums to true."),
}


def host_of(region: str, endpoint: str) -> str:
    """Return the URL where requests go: the endpoint, or without one AWS itself."""
    return endpoint or f"https://s3.{region}.amazonaws.com"


@dataclasses.dataclass(frozen=True, slots=True)
class Bucket:
    """
    Where the objects are.

    `endpoint` is empty for AWS itself. `checksums` adds a SHA-256 of the content to every write; None leaves it to what
    AWS asks for, before it takes an object into a bucket with Object Lock, and others may not know.
    """

    name: str
    prefix: str
    region: str
    endpoint: str = ""
    ca_cert: bytes | None = None
    checksums: bool | None = None

    @property
    def url(self) -> str:
        """The store, for messages."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    @property
    def root(self) -> str:
        """What the key of every object of the store begins with."""
        return f"{self.prefix}/" if self.prefix else ""

    @property
    def host(self) -> str:
        """Where requests go."""
        return host_of(self.region, self.endpoint)

    @property
    def is_aws(self) -> bool:
        """Whether AWS itself has it, which differs from other stores in some of its rules."""
        name = urllib.parse.urlsplit(self.host).hostname or ""
        return name.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def dialect(self, credentials: Callable[[], Credentials] | None, machine: Mapping[str, str]) -> Dialect:
        """Return how its objects are asked for; `machine` says where to look for the machine's role."""
        checked = self.is_aws if self.checksums is None else self.checksums
        config: dict[str, t.Any] = {"region": self.region, "disable_bulk_delete": True, "skip_signature": False}
        if self.endpoint:
            config["endpoint"] = self.endpoint
        if checked:
            config["checksum_algorithm"] = "SHA256"
        return Dialect(
            url=self.url,
            container=self.name,
            root=self.root,
            endpoint=self.host,
            client="S3Store",
            config={**config, **machine},
            ca_cert=self.ca_cert,
            credentials=_provider(credentials) if credentials else None,
            token="lifeboat-attempt",  # noqa: S106
            smallest_part=5 << 20,
            most_parts=10_000,
            codes=CODES,
            marks=MARKS,
            no_container="NoSuchBucket",
            right_to_list="s3:ListBucket",
        )


def _provider(credentials: Callable[[], Credentials]) -> Callable[[], t.Any]:
    """Turn `credentials` into what obstore calls before each request."""

    def provide() -> dict[str, t.Any]:
        found = credentials()
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            "expires_at": LONG_AGO,
        }

    return provide

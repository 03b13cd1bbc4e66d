# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Requests about a bucket itself and about versions in it, which obstore cannot make and boto3 can.

boto3 is imported when the first request is made.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import threading
import typing as t

from ....ground import aws
from ....ground.errors import AccessDenied, StoreError
from .. import failures
from .bucket import CODES, MARKS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from ....ground.aws_credentials import Credentials
    from ..settings import Patience
    from .bucket import Bucket

PURPOSE = "to manage a bucket and the versions in it"

CHECKED = ("DeleteObjects", "PutBucketLifecycleConfiguration", "PutObjectLockConfiguration", "PutObjectRetention")
"""Operations that a store may take only with a checksum; every store knows this oldest one."""


class Control:
    """
    One bucket, asked by boto3.

    `credentials` is called for each request; None leaves it to the machine's own role.
    """

    def __init__(
        self,
        bucket: Bucket,
        credentials: Callable[[], Credentials] | None,
        patience: Patience,
        *,
        authority: str | None = None,
        metadata: str | None = None,
    ) -> None:
        self.bucket = bucket.name
        self.url = bucket.url
        self.prefix = bucket.root
        self.region = bucket.region
        self.is_aws = bucket.is_aws
        self._judge = failures.Judge(bucket.url, bucket.host, CODES, MARKS)
        self._lock = threading.Lock()
        self._make: Callable[[], t.Any] = lambda: _client(bucket, credentials, patience, authority, metadata)
        self._client: t.Any = None

    def ask(
        self, operation: str, doing: str, *, right: str, absent: Collection[str] = (), **parameters: t.Any
    ) -> dict[str, t.Any] | None:
        """
        Make one request about the bucket and return the answer; None when the store says one of the codes `absent`.

        `operation` has boto3's name; `doing` and `right`, the permission it needs, are for messages.
        """
        try:
            answer = getattr(self._connected(), operation)(Bucket=self.bucket, **parameters)
        except aws.raised(PURPOSE) as exc:
            answered = failures.Answer(*aws.failure(exc))
            if answered.code in absent:
                return None
            raise self._explained(answered, doing, right, parameters.get("Key", "")) from exc
        return t.cast("dict[str, t.Any]", answer)

    def pages(self, operation: str, doing: str, *, right: str, **parameters: t.Any) -> Iterator[dict[str, t.Any]]:
        """Make requests until a listing is complete. Raise StoreError when it cannot be."""
        try:
            paginator = self._connected().get_paginator(operation)
            for page in paginator.paginate(Bucket=self.bucket, **parameters):
                # What was parsed as a listing need not have been one: this part of it never lacks.
                if "IsTruncated" not in page:
                    raise StoreError(
                        f"{doing} failed at {self.url}: the response is not that of an S3 service.",
                        "Check that store.endpoint is that of an S3 service, and any proxy in between.",
                    )
                yield page
        except aws.raised(PURPOSE) as exc:
            raise self._explained(failures.Answer(*aws.failure(exc)), doing, right, "") from exc

    def time(self) -> datetime:
        """Tell what time it is by the store's own clock."""
        where: dict[str, t.Any] = {"Prefix": self.prefix, "MaxKeys": 1}
        answer = self.ask("list_objects_v2", "Looking at the bucket", right="s3:ListBucket", **where)
        return store_time(answer or {})

    def _connected(self) -> t.Any:
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _explained(self, answer: failures.Answer, doing: str, right: str, key: str) -> StoreError:
        error = self._judge.judge(answer, doing, key.removeprefix(self.prefix))
        if answer.status == 403 and answer.code in {"AccessDenied", "403", ""}:
            place = "the prefix" if key else "the bucket"
            return AccessDenied(error.cause, f"Allow these credentials {right} on {place}.", **error.details)
        return error


def store_time(answer: Mapping[str, t.Any]) -> datetime:
    """Return the time at which the store answered. Raise StoreError when it does not say."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    with contextlib.suppress(ValueError):
        time = email.utils.parsedate_to_datetime(date)
        if time.tzinfo is not None:
            return time
    raise StoreError("The store's responses contain no time.", "Use another S3 service.")


def _client(
    bucket: Bucket,
    credentials: Callable[[], Credentials] | None,
    patience: Patience,
    authority: str | None,
    metadata: str | None,
) -> t.Any:
    service = aws.Service(
        name="s3",
        purpose=PURPOSE,
        region=bucket.region,
        endpoint=bucket.endpoint,
        authority=authority,
        metadata=metadata,
        connect_timeout=patience.connect,
        read_timeout=patience.request,
        attempts=patience.retries + 1,
        options={
            # Stores that are not AWS refuse, or store, checksums that they do not know.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "s3": {"addressing_style": "path" if bucket.endpoint else "auto"},
        },
    )
    client = aws.client(service, credentials)
    for operation in CHECKED:
        client.meta.events.register(f"before-call.s3.{operation}", _add_md5)
    return client


def _add_md5(params: dict[str, t.Any], **_others: object) -> None:
    body = params.get("body") or b""
    if isinstance(body, bytes | bytearray):
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        params["headers"].setdefault("Content-MD5", base64.b64encode(digest).decode())

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Requests about a bucket itself and about versions in it, which obstore cannot make: the one home of boto3.

boto3 takes a quarter of a second to import, which the archiving of a WAL segment must not pay: it is imported when the
first request is made.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import os
import threading
import typing as t

from ....ground.errors import AccessDenied, MissingLibrary, StoreError
from .. import failures
from .bucket import CODES, MARKS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from ..settings import Patience
    from .bucket import Bucket
    from .credentials import Credentials

MACHINE_PROVIDERS = {"assume-role-with-web-identity", "container-role", "iam-role"}
"""Of all the places where boto3 looks for credentials, those that belong to the machine."""

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
        Make one request about the bucket and give the answer; None when the store says one of the codes `absent`.

        `operation` has boto3's name; `doing` and `right`, the permission it needs, are for messages.
        """
        try:
            answer = getattr(self._connected(), operation)(Bucket=self.bucket, **parameters)
        except _raised_by_boto3() as exc:
            answered = _answer(exc)
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
        except _raised_by_boto3() as exc:
            raise self._explained(_answer(exc), doing, right, "") from exc

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


def _answer(exc: BaseException) -> failures.Answer:
    response = getattr(exc, "response", None) or {}
    said = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", failures.NO_ANSWER))
    # What lies below, such as a refused connection, is a field of the error and not always in its text.
    text = "" if status else f"{exc} {getattr(exc, 'kwargs', {}).get('error', '')}"
    return failures.Answer(text, status, said)


def _raised_by_boto3() -> tuple[type[BaseException], ...]:
    _boto3, botocore = _libraries()
    return (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, OSError)


def _libraries() -> tuple[t.Any, t.Any]:
    try:
        import boto3.session  # noqa: PLC0415
        import botocore.config  # noqa: PLC0415
        import botocore.exceptions  # noqa: PLC0415
        import botocore.session  # noqa: PLC0415
    except ImportError:
        raise MissingLibrary("boto3", "to manage a bucket and the versions in it") from None
    return boto3, botocore


def _client(
    bucket: Bucket,
    credentials: Callable[[], Credentials] | None,
    patience: Patience,
    authority: str | None,
    metadata: str | None,
) -> t.Any:
    boto3, botocore = _libraries()
    config = botocore.config.Config(
        connect_timeout=patience.connect,
        read_timeout=patience.request,
        retries={"mode": "standard", "total_max_attempts": patience.retries + 1},
        # Stores that are not AWS refuse, or store, checksums that they do not know.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if bucket.endpoint else "auto"},
    )
    session = boto3.session.Session(botocore_session=_session(botocore, credentials, metadata))
    client = session.client(
        "s3", region_name=bucket.region, endpoint_url=bucket.endpoint or None, verify=authority or True, config=config
    )
    for operation in CHECKED:
        client.meta.events.register(f"before-call.s3.{operation}", _add_md5)
    return client


def _session(botocore: t.Any, credentials: Callable[[], Credentials] | None, metadata: str | None) -> t.Any:
    """Make a session that reads none of the user's own settings for AWS: what counts is what the task says."""
    nothing = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = botocore.session.Session(session_vars={**nothing, "profile": (None, None, None, None)})
    if credentials:
        session._credentials = _Current(credentials)
        return session
    if metadata:
        session.set_config_variable("ec2_metadata_service_endpoint", metadata)
    resolver = session.get_component("credential_provider")
    resolver.providers = [found for found in resolver.providers if found.METHOD in MACHINE_PROVIDERS]
    return session


class _Current:
    """Credentials as boto3 asks for them: anew for each request, so that a rotated file takes effect."""

    method = "lifeboat"
    account_id = None

    def __init__(self, read: Callable[[], Credentials]) -> None:
        self._read = read

    def get_deferred_property(self, name: str) -> Callable[[], t.Any]:
        return lambda: getattr(self.get_frozen_credentials(), name)

    def get_frozen_credentials(self) -> _Frozen:
        found = self._read()
        return _Frozen(found.access_key, found.secret_key, found.token)


class _Frozen(t.NamedTuple):
    access_key: str
    secret_key: str
    token: str | None
    account_id: None = None

    def __repr__(self) -> str:
        return "credentials"


def _add_md5(params: dict[str, t.Any], **_others: object) -> None:
    body = params.get("body") or b""
    if isinstance(body, bytes | bytearray):
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        params["headers"].setdefault("Content-MD5", base64.b64encode(digest).decode())

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a store's refusals are turned into, without a server to refuse."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import failures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import bucket
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    Full,
    NotFound,
    StoreError,
)

HTTP = "Generic S3 error: Error performing PUT https://host/b/k - Server returned non-2xx status code: {}: {}"


def explained(text: str) -> StoreError:
    judge = failures.Judge("s3://b/x", "https://host", bucket.CODES, bucket.MARKS)
    return judge.explain(RuntimeError(text), "Writing a", "a")


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        ("403 Forbidden", "AccessDenied", AccessDenied, "access is denied."),
        ("403 Forbidden", "AllAccessDisabled", AccessDenied, "access is denied (AllAccessDisabled)."),
        ("403 Forbidden", "InvalidAccessKeyId", AccessDenied, "does not know the access key"),
        ("403 Forbidden", "SignatureDoesNotMatch", AccessDenied, "secret does not match"),
        ("401 Unauthorized", "", AccessDenied, "rejects the credentials"),
        ("400 Bad Request", "ExpiredToken", AccessDenied, "has expired"),
        ("403 Forbidden", "RequestTimeTooSkewed", StoreError, "clocks of this host and of the store"),
        ("404 Not Found", "NoSuchBucket", StoreError, "bucket does not exist"),
        ("404 Not Found", "NoSuchKey", NotFound, "it does not exist"),
        ("404 Not Found", "", NotFound, "it does not exist"),
        ("301 Moved Permanently", "PermanentRedirect", StoreError, "another region"),
        ("503 Service Unavailable", "SlowDown", StoreError, "throttling"),
        ("500 Internal Server Error", "", StoreError, "status 500"),
        ("507 Insufficient Storage", "", Full, "is full"),
        ("418 Teapot", "Odd", StoreError, "status 418 (Odd)"),
        ("409 Conflict", "BucketAlreadyExists", StoreError, "somebody else has a bucket of that name"),
    ],
)
def test_answers(status: str, code: str, kind: type[StoreError], told: str) -> None:
    error = explained(HTTP.format(status, f"<Error><Code>{code}</Code></Error>"))
    assert error.__class__ is kind
    assert told in error.cause
    assert error.cause.startswith("Writing a failed at s3://b/x: ")
    assert error.cause.endswith(".")
    assert error.remedy or kind is NotFound
    assert error.details == {"url": "s3://b/x", "name": "a", "status": int(status[:3]), "code": code}


@pytest.mark.parametrize(
    ("status", "again"),
    [("400 Bad Request", False), ("409 Conflict", False), ("429 Too Many Requests", True), ("503 Unavailable", True)],
)
def test_only_what_may_pass_is_to_be_tried_again(status: str, again: bool) -> None:
    remedy = explained(HTTP.format(status, "<Error><Code>Odd</Code></Error>")).remedy
    assert (remedy == "Run again later.") is again
    assert remedy


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dns error", "host name cannot be resolved"),
        ("kind: ConnectionRefused", "nothing listens there"),
        ("InvalidCertificate(UnknownIssuer)", "unknown authority"),
        ("InvalidCertificate(Expired)", "certificate is not valid"),
        ("kind: Timeout", "does not respond in time"),
        ("ConnectionReset", "connection to https://host was lost"),
    ],
)
def test_connections(text: str, told: str) -> None:
    error = explained(f"Generic S3 error: HTTP error: error sending request {text}")
    assert error.__class__ is StoreError
    assert told in error.cause
    assert error.details["status"] == failures.NO_ANSWER


@pytest.mark.parametrize("mark", [*failures.MARKS, *bucket.MARKS])
@pytest.mark.parametrize("host", ["https://host/b", "https://b.host"])
def test_an_object_may_be_called_like_an_error(mark: str, host: str) -> None:
    name = mark.replace(" ", "-") if " " in mark else mark
    text = f"Error performing HEAD {host}/{name} - Server returned non-2xx status code: 404 Not Found: "
    text += f"<Error><Code>NoSuchKey</Code><Key>x/{name}</Key><Resource>/b/x/{name}</Resource></Error>"
    assert isinstance(explained(text), NotFound)


def test_a_machine_without_a_role_is_told_by_the_url_that_was_asked() -> None:
    error = explained("Generic S3 error: error sending request for url (http://169.254.169.254/latest/api/token)")
    assert "no credentials are set" in error.cause


def test_the_checksum_that_object_lock_asks_for() -> None:
    body = "<Code>InvalidRequest</Code><Message>Content-MD5 HTTP header is required for Object Lock</Message>"
    assert explained(HTTP.format("400 Bad Request", body)).remedy == "Set store.checksums to true."


def test_nothing_else_of_the_text_is_shown() -> None:
    error = explained(HTTP.format("500 Oops", "Authorization: AWS4-HMAC-SHA256 s3cr3t"))
    assert "s3cr3t" not in str(error) + repr(error.details)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What went wrong between us and an object store, in sentences for people.

obstore reports every failure as text: an HTTP status and S3's error code, or how the connection failed. Only these
are read from it. The text itself is never shown, since nobody promises what else it holds.
"""

from __future__ import annotations

import re
import typing as t

from ..errors import AccessDenied, Full, NotFound, StoreError


class NoRange(StoreError):
    """The store answers a range with all there is; who asked may take his part of that."""


NO_ANSWER = 0
"""In place of an HTTP status: the store did not answer."""

_STATUS = re.compile(r"Server returned non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")

_CHECK_KEYS = "Check the access key, its secret and the profile; keys that were replaced no longer work."

CODES: dict[str, tuple[type[StoreError], str, str]] = {
    "NoSuchBucket": (StoreError, "The bucket does not exist.", "Create it, or correct store.url."),
    "NoSuchKey": (NotFound, "It is not there.", ""),
    "InvalidAccessKeyId": (AccessDenied, "The store does not know the access key.", _CHECK_KEYS),
    "SignatureDoesNotMatch": (AccessDenied, "The secret does not belong to the access key.", _CHECK_KEYS),
    "ExpiredToken": (AccessDenied, "The session token has expired.", "Renew it, and run again."),
    "InvalidToken": (AccessDenied, "The session token is not valid.", "Renew it, and run again."),
    "RequestTimeTooSkewed": (
        StoreError,
        "The clocks of this machine and of the store differ too much.",
        "Set this machine's clock right (chronyd or systemd-timesyncd), and run again.",
    ),
    "BucketAlreadyExists": (StoreError, "Somebody else has a bucket of that name.", "Choose another for store.url."),
    "OperationAborted": (StoreError, "Another change of the bucket is under way.", "Run again later."),
    "AuthorizationHeaderMalformed": (StoreError, "The store is in another region.", "Set store.region."),
    "PermanentRedirect": (StoreError, "The bucket is in another region.", "Set store.region or store.endpoint."),
    "QuotaExceeded": (Full, "The quota of the bucket or its user is used up.", "Raise it, or free space."),
    "EntityTooLarge": (StoreError, "The object is larger than the store takes.", "Use smaller volumes."),
    "SlowDown": (StoreError, "The store asks to slow down, again and again.", "Run again later."),
    "NoSuchUpload": (StoreError, "The store forgot the upload while it ran.", "Run again."),
    "BadDigest": (StoreError, "The bytes changed on their way to the store.", "Run again; check network and memory."),
    "XAmzContentSHA256Mismatch": (
        StoreError,
        "The bytes changed on their way to the store.",
        "Run again; check network and memory.",
    ),
}

STATUSES: dict[int, tuple[type[StoreError], str, str]] = {
    401: (AccessDenied, "The store does not accept the credentials.", _CHECK_KEYS),
    403: (
        AccessDenied,
        "The store refuses it.",
        "Check the credentials, and that their policy allows this on the bucket and prefix.",
    ),
    404: (NotFound, "It is not there.", ""),
    301: (StoreError, "The bucket is in another region.", "Set store.region or store.endpoint."),
    501: (StoreError, "The store does not know how to do this.", "Use another S3 service, or a later version of it."),
    507: (Full, "The store is full.", "Free space there, and run again."),
}

TRANSIENT = {408, 425, 429}
"""Refusals that may end by themselves; what is refused with another 4xx will be refused again."""

_NOBODY = "No credentials are given, and this machine has none of its own."
_NO_CREDENTIALS = "Set store.credentials_file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."

_UNFIT = "Run again; if it stays, use another S3 service, or another way to it than through this proxy."
_ENDPOINT = "Correct store.endpoint and store.region."

MARKS: dict[str, tuple[type[StoreError], str, str]] = {
    "External AWS credential provider": (
        AccessDenied,
        "The credentials file can no longer be read.",
        "Put it back, and run again.",
    ),
    "latest/api/token": (AccessDenied, _NOBODY, _NO_CREDENTIALS),
    "latest/meta-data": (AccessDenied, _NOBODY, _NO_CREDENTIALS),
    "source: NotPartial": (NoRange, "It answers a range with something else.", _UNFIT),
    "source: UnexpectedRange": (StoreError, "It gives another range than it was asked for.", _UNFIT),
    "source: NoContentRange": (StoreError, "It gives a range and does not say which.", _UNFIT),
    "source: ParseContentRange": (StoreError, "It gives a range and does not say which.", _UNFIT),
    "source: MissingContentLength": (StoreError, "It does not say how large its answer is.", _UNFIT),
    "source: InvalidListResponse": (StoreError, "Its answer is no listing.", _UNFIT),
    "error following redirect": (StoreError, "It sends from one address to the next.", _ENDPOINT),
    "without LOCATION": (StoreError, "It sends elsewhere and does not say where.", _ENDPOINT),
    "Content-MD5": (StoreError, "The bucket takes only objects with a checksum.", "Set store.checksums to true."),
}
"""What tells more than status and code, wherever it stands in the text."""

CONNECTIONS: tuple[tuple[str, str, str], ...] = (
    ("dns error", "its host name cannot be resolved", "Correct store.endpoint, or repair name resolution."),
    ("ConnectionRefused", "nothing listens there", "Correct store.endpoint, or start the store."),
    ("NetworkUnreachable", "there is no route to it", "Check network and firewall."),
    ("HostUnreachable", "there is no route to it", "Check network and firewall."),
    ("UnknownIssuer", "its certificate comes from an unknown authority", "Set store.ca_cert to that authority's file."),
    ("InvalidCertificate", "its certificate is not valid for it", "Correct store.endpoint, or its certificate."),
    ("InvalidContentType", "it does not speak TLS", "Begin store.endpoint with http:// if that is intended."),
    ("Timeout", "it does not answer in time", "Check network, firewall and store, and run again."),
    ("TimedOut", "it does not answer in time", "Check network, firewall and store, and run again."),
)


def is_strong(tag: str | None) -> bool:
    """Whether an object's tag tells its very bytes, so that a store can be asked for exactly these."""
    return bool(tag) and not str(tag).startswith("W/")


class Answer(t.NamedTuple):
    """What a library tells about a failed request: `text` with our marks in it, HTTP status, and S3's code."""

    text: str
    status: int
    code: str


def status(exc: BaseException) -> int:
    """Give the HTTP status that the store answered with, or NO_ANSWER."""
    match = _STATUS.search(str(exc))
    return int(match[1]) if match else NO_ANSWER


def code(exc: BaseException) -> str:
    """Give S3's error code, or nothing: an answer to HEAD never has one."""
    match = _CODE.search(str(exc))
    return match[1] if match else ""


def explain(exc: BaseException, *, doing: str, url: str, endpoint: str, name: str = "") -> StoreError:
    """Make the error to raise for `exc`, which happened while `doing` something with the store at `url`."""
    answer = Answer(str(exc), status(exc), code(exc))
    return judge(answer, doing=doing, url=url, endpoint=endpoint, name=name)


def judge(answer: Answer, *, doing: str, url: str, endpoint: str, name: str = "") -> StoreError:
    """Make the error to raise for a request that was answered like this, or not at all."""
    details: dict[str, t.Any] = {"url": url, "status": answer.status, "code": answer.code}
    if name:
        details["name"] = name
    kind, cause, remedy = _judged(answer.text, answer.status, answer.code, endpoint)
    return kind(f"{doing} failed at {url}: {cause[0].lower()}{cause[1:]}", remedy, **details)


def _judged(text: str, answered: int, said: str, endpoint: str) -> tuple[type[StoreError], str, str]:
    for mark, judgement in MARKS.items():
        if mark in text:
            return judgement
    if said in CODES:
        return CODES[said]
    if answered:
        lasting = answered < 500 and answered not in TRANSIENT
        remedy = "Find out from its manual what this store takes." if lasting else "Run again later."
        plain = (StoreError, f"The store answers with status {answered}.", remedy)
        kind, cause, remedy = STATUSES.get(answered, plain)
        return kind, f"{cause[:-1]} ({said})." if said and said != "AccessDenied" else cause, remedy
    for mark, cause, remedy in CONNECTIONS:
        if mark in text:
            return StoreError, f"{endpoint} cannot be reached, {cause}.", remedy
    return StoreError, f"The connection to {endpoint} broke.", "Check the network, and run again."

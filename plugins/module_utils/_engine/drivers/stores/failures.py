# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What went wrong between us and an object store, in sentences for people.

obstore reports every failure as text: an HTTP status and the store's error code, or how the connection failed. Only
these are read from it, and from boto3's. The text itself is never shown, since nobody promises what else it holds.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ...ground.errors import AccessDenied, Full, NotFound, StoreError

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class NoRange(StoreError):
    """The store answers a range with all there is; who asked may take his part of that."""


Judgement: t.TypeAlias = "tuple[type[StoreError], str, str]"
"""What a failure is: the error to raise, its cause, and what to do next."""

NO_ANSWER = 0
"""In place of an HTTP status: the store did not answer."""

_STATUS = re.compile(r"Server returned non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")

CHECK_KEYS = "Check the access key, its secret and the profile, and that the key was not replaced."

STATUSES: dict[int, Judgement] = {
    401: (AccessDenied, "The store rejects the credentials.", CHECK_KEYS),
    403: (
        AccessDenied,
        "Access is denied.",
        "Check the credentials, and that their policy allows this on the bucket and prefix.",
    ),
    404: (NotFound, "It does not exist.", ""),
    301: (StoreError, "The bucket is in another region.", "Set store.region or store.endpoint."),
    501: (StoreError, "The store does not support this request.", "Use another store, or a later version of this one."),
    507: (Full, "The store is full.", "Free space there, and run again."),
}

TRANSIENT = {408, 425, 429}
"""Refusals that may end by themselves; what is refused with another 4xx will be refused again."""

_UNFIT = "Run again; if it persists, use another store, or another route to it than through this proxy."
_ENDPOINT = "Correct store.endpoint and store.region."

_OTHER_CERTIFICATE = ("its certificate is not valid for it", "Correct store.endpoint, or its certificate.")

MARKS: dict[str, Judgement] = {
    "source: NotPartial": (NoRange, "It answers a range request with something else.", _UNFIT),
    "source: UnexpectedRange": (StoreError, "It returns another range than the requested one.", _UNFIT),
    "source: NoContentRange": (StoreError, "It returns a range without saying which one.", _UNFIT),
    "source: ParseContentRange": (StoreError, "It returns a range without saying which one.", _UNFIT),
    "source: MissingContentLength": (StoreError, "It does not say how large its response is.", _UNFIT),
    "source: InvalidListResponse": (StoreError, "Its response is not a listing.", _UNFIT),
    "error following redirect": (StoreError, "It redirects too often.", _ENDPOINT),
    "without LOCATION": (StoreError, "It redirects without saying where to.", _ENDPOINT),
}
"""What tells more than status and code, wherever it stands in the text."""

CONNECTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "dns error|NameResolutionError|Name or service not known|Temporary failure in name resolution",
        "its host name cannot be resolved",
        "Correct store.endpoint, or fix name resolution.",
    ),
    ("Connection ?[Rr]efused", "nothing listens there", "Correct store.endpoint, or start the store."),
    ("(Network|Host)( is )?[Uu]nreachable|No route to host", "there is no route to it", "Check network and firewall."),
    ("(Hostname|IP address) mismatch", *_OTHER_CERTIFICATE),
    (
        "UnknownIssuer|CERTIFICATE_VERIFY_FAILED",
        "its certificate is from an unknown authority",
        "Set store.ca_cert to the file of that authority.",
    ),
    ("InvalidCertificate", *_OTHER_CERTIFICATE),
    (
        "InvalidContentType|WRONG_VERSION_NUMBER|record layer failure",
        "it does not use TLS",
        "Use http:// in store.endpoint if that is intended.",
    ),
    (
        "Timeout|TimedOut|timed out|timeout on endpoint",
        "it does not respond in time",
        "Check network, firewall and store, and run again.",
    ),
)
"""How a connection failed, in the words of each library; the first that is found counts."""


def is_strong(tag: str | None) -> bool:
    """Whether an object's tag tells its very bytes, so that a store can be asked for exactly these."""
    return bool(tag) and not str(tag).startswith("W/")


def status(exc: BaseException) -> int:
    """Return the HTTP status that the store answered with, or NO_ANSWER."""
    match = _STATUS.search(str(exc))
    return int(match[1]) if match else NO_ANSWER


def code(exc: BaseException) -> str:
    """Return the error code, or nothing: an answer to HEAD never has one."""
    match = _CODE.search(str(exc))
    return match[1] if match else ""


class Answer(t.NamedTuple):
    """What a library tells about a failed request: its text, the HTTP status, and the error code."""

    text: str
    status: int
    code: str


@dataclasses.dataclass(frozen=True, slots=True)
class Judge:
    """Makes the errors of one store out of what it answers; `codes` and `marks` are those of its cloud."""

    url: str
    endpoint: str
    codes: Mapping[str, Judgement]
    marks: Mapping[str, Judgement]

    def explain(self, exc: BaseException, doing: str, name: str = "") -> StoreError:
        """Return the error to raise for `exc`, which happened while `doing` something with the store."""
        return self.judge(Answer(str(exc), status(exc), code(exc)), doing, name)

    def judge(self, answer: Answer, doing: str, name: str = "") -> StoreError:
        """Return the error to raise for a request that was answered like this, or not at all."""
        details: dict[str, t.Any] = {"url": self.url, "status": answer.status, "code": answer.code}
        if name:
            details["name"] = name
        kind, cause, remedy = self._judged(*answer)
        return kind(f"{doing} failed at {self.url}: {cause[0].lower()}{cause[1:]}", remedy, **details)

    def _judged(self, text: str, answered: int, said: str) -> Judgement:
        text = self._without_names(text)
        for mark, judgement in {**self.marks, **MARKS}.items():
            if mark in text:
                return judgement
        if said in self.codes:
            return self.codes[said]
        if answered:
            lasting = answered < 500 and answered not in TRANSIENT
            remedy = "Check in its manual what this store accepts." if lasting else "Run again later."
            plain = (StoreError, f"The store responds with status {answered}.", remedy)
            kind, cause, remedy = STATUSES.get(answered, plain)
            return kind, f"{cause[:-1]} ({said})." if said and said != "AccessDenied" else cause, remedy
        for words, cause, remedy in CONNECTIONS:
            if re.search(words, text):
                return StoreError, f"{self.endpoint} cannot be reached, {cause}.", remedy
        return StoreError, f"The connection to {self.endpoint} was lost.", "Check the network, and run again."

    def _without_names(self, text: str) -> str:
        """Return what an error says without what was asked for: an object may be called like an error."""
        host = re.escape(self.endpoint.partition("://")[2])
        return re.sub(rf"https?://([\w.-]+\.)?{host}\S*|<(Key|Resource)>[^<]*</\2>", "", text)

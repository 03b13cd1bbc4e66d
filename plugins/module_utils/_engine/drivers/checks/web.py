# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a web server answers, compared with what is expected.

An answer is hostile text: only the first mebibyte of it is read, and none of it is told but the status and the values
at the keys that somebody asked for. No redirect is followed, no proxy is used, and what a login sets goes to the host
that set it alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.cookies
import json
import socket
import ssl
import typing as t
import urllib.parse

from ...ground import private_files, vaults
from ...ground.errors import UsageError
from ...ground.printing import printable, shortened
from ...ground.units import human_size
from .network import timed, unreached

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIMIT = 1 << 20
"""Bytes of an answer that are read."""

LONGEST = 60
"""Letters of a value that are told."""

MOST = 3
"""Differences of an answer in JSON that are told."""

SECRET_LIMIT = 64 << 10
AGENT = "lifeboat.recovery"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
MASK = "***"
NOTHING: t.Any = object()
"""Where nothing is expected; None would be the null of JSON."""


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """
    A login form: where it is sent, and its fields. Of `secret_files` each is a file whose first line is the value.
    """

    url: str
    fields: Mapping[str, str]
    secret_files: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class WebQuestion:
    """
    Whether a URL answers as expected: with one of these statuses (any from 200 to 299 without), with all of these
    texts, and with this part of a JSON document. With `at` the connection goes there, whatever the name of the URL has
    for an address; the certificate is checked for the name.
    """

    url: str
    method: str = "GET"
    statuses: tuple[int, ...] = ()
    contains: tuple[str, ...] = ()
    expected: t.Any = NOTHING
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    at: str = ""
    ca_cert: str = ""
    login: Form | None = None

    @property
    def changes(self) -> bool:
        """Whether asking may change something."""
        return self.method not in READING or self.login is not None

    @property
    def wanted(self) -> str:
        parts = [f"status {' or '.join(map(str, self.statuses)) or '200 to 299'}"]
        parts += [f"the text {shortened(text, LONGEST)!r}" for text in self.contains]
        parts += [] if self.expected is NOTHING else [f"the JSON {_shown(self.expected)}"]
        return f"{self.method} {shown(self.url)} gives {', '.join(parts)}"

    def ask(self, timeout: float, environ: Mapping[str, str]) -> str:
        """
        Return what came instead, an empty string for what is wanted. Raise UsageError when a file of the login's is
        missing, or others may read it.
        """
        form = self.login
        secrets = {name: _secret(path) for name, path in form.secret_files.items()} if form else {}
        found = timed(lambda: self._compare(secrets, timeout), timeout, environ)
        for secret in sorted(secrets.values(), key=len, reverse=True):
            found = found.replace(secret, MASK)
        return found

    def _compare(self, secrets: Mapping[str, str], timeout: float) -> str:
        try:
            context = ssl.create_default_context(cafile=self.ca_cert or None)
        except OSError:  # SSLError is one
            return f"no usable certificate authorities in {self.ca_cert}"
        caller = _Caller(self.at, context, timeout)
        try:
            cookies = ""
            if self.login:
                status, cookies = caller.log_in(self.login, secrets)
                if status >= 400:
                    return f"the login at {shown(self.login.url)} answered {_status(status)}"
            headers = {**self.headers, **({"Cookie": cookies} if cookies else {})}
            answer = caller.ask(self.method, self.url, headers, self.body)
        except ssl.SSLCertVerificationError as exc:
            return f"a certificate that is not trusted: {exc.verify_message}"
        except (OSError, http.client.HTTPException, ValueError) as exc:
            return unreached(exc)
        return "; ".join(self._differences(answer))

    def _differences(self, answer: Answer) -> Iterator[str]:
        if not (answer.status in self.statuses or (not self.statuses and 200 <= answer.status < 300)):
            yield f"status {_status(answer.status)}"
            return
        size = f"{human_size(len(answer.body))}{' and more' if answer.cut else ''}"
        text = answer.body.decode("utf-8", "replace")
        for wanted in self.contains:
            if wanted not in text:
                yield f"{size} without the text {shortened(wanted, LONGEST)!r}"
        if self.expected is not NOTHING:
            yield from _json_differences(self.expected, text, size)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came: the status, the beginning of the body, and whether that is not all of it."""

    status: int
    body: bytes
    cut: bool
    cookies: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Caller:
    """Asks one server."""

    at: str
    context: ssl.SSLContext
    timeout: float

    def log_in(self, form: Form, secrets: Mapping[str, str]) -> tuple[int, str]:
        """Return the status of a login, and the cookies that it set as a request takes them."""
        body = urllib.parse.urlencode({**form.fields, **secrets}).encode()
        answer = self.ask("POST", form.url, {"Content-Type": "application/x-www-form-urlencoded"}, body)
        kept: dict[str, str] = {}
        for line in answer.cookies:
            with contextlib.suppress(http.cookies.CookieError):
                kept |= {name: morsel.coded_value for name, morsel in http.cookies.SimpleCookie(line).items()}
        return answer.status, "; ".join(f"{name}={value}" for name, value in kept.items())

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request, and read the answer up to the limit."""
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address, given_port = _place(self.at) if self.at else (host, 0)
        stream = socket.create_connection((address, given_port or port), self.timeout)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        with contextlib.closing(kind(host, port, timeout=self.timeout)) as connection:
            connection.sock = stream
            if parts.scheme == "https":
                connection.sock = self.context.wrap_socket(stream, server_hostname=host)
            target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
            connection.request(method, target, body or None, sent)
            with connection.getresponse() as answer:
                read = answer.read(LIMIT + 1)
                if len(read) <= LIMIT and answer.length:
                    raise http.client.IncompleteRead(read, answer.length)
                cookies = tuple(answer.headers.get_all("Set-Cookie") or ())
                return Answer(answer.status, read[:LIMIT], len(read) > LIMIT, cookies)


def shown(url: str) -> str:
    """Return what people may read of a URL: no query, which may hold a token."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _place(at: str) -> tuple[str, int]:
    """Return the host and the port of `host`, `host:port` or `[address]:port`; the port is 0 where there is none."""
    parts = urllib.parse.urlsplit(f"//{at}")
    return parts.hostname or "", parts.port or 0


def _status(status: int) -> str:
    return f"{status} {http.client.responses.get(status, '')}".rstrip()


def _json_differences(wanted: t.Any, text: str, size: str) -> Iterator[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        yield f"{size} that is no JSON document"
        return
    told = list(_unlike(wanted, found, "json"))
    yield from told[:MOST]
    if len(told) > MOST:
        yield f"{len(told) - MOST} more differences"


def _unlike(wanted: t.Any, found: t.Any, place: str) -> Iterator[str]:
    """Yield where a document differs from the part of it that is wanted: keys that nobody asked for may be there."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            yield f"{place} is {_shown(found)}"
            return
        for key, value in wanted.items():
            if key in found:
                yield from _unlike(value, found[key], f"{place}.{key}")
            else:
                yield f"{place} has no {key}"
    elif isinstance(wanted, bool) != isinstance(found, bool) or wanted != found:
        yield f"{place} is {_shown(found)}"


def _shown(value: t.Any) -> str:
    return shortened(printable(json.dumps(value, ensure_ascii=False)[: LONGEST * 2]), LONGEST)


def _secret(path: str) -> str:
    """Return the first line of a file that only its owner may read."""
    data = private_files.read(path, f"The file {path} of the login", SECRET_LIMIT, field="secret_files")
    text = data.decode("utf-8", "replace")
    vaults.refuse(text, path, "secret_files")
    first = next(iter(text.splitlines()), "")
    if not first:
        raise UsageError(f"The file {path} of the login is empty.", "Write one line into it.", field="secret_files")
    return first

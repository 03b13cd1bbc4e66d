# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Requests to web receivers: a body sent byte for byte, signed if a key is given, and pings of a dead man's switch.

Certificates are checked, and no redirect is followed: whoever may redirect could send the body, and the tokens in the
address, anywhere.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import http.client
import ssl
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from .address import Undelivered

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .address import Address

SIGNATURE = "X-Lifeboat-Signature-256"
AGENT = "lifeboat.recovery"

ENOUGH = 64 << 10
"""Bytes of an answer that are read: what it says does not matter, only that it came."""

TRY_AGAIN = frozenset({408, 421, 425, 429})
"""Statuses from 400 to 499 after which the same request may succeed."""

SIGNALS = {"start": "/start", "success": "", "fail": "/fail"}
"""What a ping says, and what it adds to the path, as healthchecks.io and its kin have it."""

LONGEST_PING = 10_000
"""Letters of a ping's body; healthchecks.io keeps ten kilobytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trust:
    """Which certificate authorities count: those of a file, or the system's."""

    ca_cert: str | None = None

    def context(self) -> ssl.SSLContext:
        """Raise Undelivered when the file is no certificate."""
        try:
            return ssl.create_default_context(cafile=self.ca_cert)
        except OSError as exc:  # SSLError is one
            raise Undelivered(
                f"The certificate authorities in {self.ca_cert} cannot be used.", "Correct ca_cert.", final=True
            ) from exc


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: t.Any, **_named: t.Any) -> t.NoReturn:
        _request, _answer, code, _message, _headers, newurl = given
        try:
            place = urllib.parse.urlsplit(newurl).hostname or "nowhere"
        except ValueError:
            place = "nowhere"
        raise Undelivered(
            f"The receiver redirects to {place} (status {code}), and redirects are not followed.",
            "Set the URL that it redirects to, if it is the right one.",
            final=True,
        )


def post(
    address: Address, body: bytes, headers: Mapping[str, str], *, key: str, token: str, trust: Trust, timeout: float
) -> None:
    """Send `body`. With a `key` it is signed, with a `token` the request is authorised. Raise Undelivered."""
    url, login = _without_login(address.url)
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - http and https only, see Address
    request.add_header("User-Agent", AGENT)
    for name, value in headers.items():
        request.add_header(name, value)
    if key:
        signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
        request.add_header(SIGNATURE, f"sha256={signature}")
    # Unredirected headers leave with this request alone.
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    elif login:
        request.add_unredirected_header("Authorization", login)
    _send(request, trust, timeout)


def ping(address: Address, signal: str, message: str, *, trust: Trust, timeout: float) -> None:
    """Tell a dead man's switch that a job starts, has succeeded or has failed. Raise Undelivered."""
    parts = urllib.parse.urlsplit(address.url)
    target = parts._replace(path=parts.path.rstrip("/") + SIGNALS[signal], fragment="")
    body = message[:LONGEST_PING].encode("utf-8", "replace")
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    whole = dataclasses.replace(address, url=target.geturl())
    post(whole, body, headers, key="", token="", trust=trust, timeout=timeout)


def _send(request: urllib.request.Request, trust: Trust, timeout: float) -> None:
    handlers = (_NoRedirects(), urllib.request.HTTPSHandler(context=trust.context()))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            answer.read(ENOUGH)
    except urllib.error.HTTPError as exc:
        again = exc.code >= 500 or exc.code in TRY_AGAIN
        reason = http.client.responses.get(exc.code, "")
        remedy = "" if again else "Check the URL, and that its token is still valid."
        raise Undelivered(f"The receiver answered {exc.code} {reason}".rstrip() + ".", remedy, final=not again) from exc
    except urllib.error.URLError as exc:
        raise _unreached(exc.reason) from exc
    except (OSError, http.client.HTTPException) as exc:
        raise _unreached(exc) from exc
    except ValueError as exc:
        raise Undelivered("The URL or its token is not valid in a request.", "Correct it.", final=True) from exc


def _unreached(reason: object) -> Undelivered:
    """Explain what stood in the way, in words that hold nothing of the URL."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Undelivered(
            f"The receiver's certificate is not trusted: {reason.verify_message}.",
            "Set ca_cert to its certificate authority, or correct the host in the URL.",
            final=True,
        )
    if isinstance(reason, TimeoutError):
        return Undelivered("The receiver did not answer in time.", "Check that it is up and reachable from this host.")
    said = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return Undelivered(f"The receiver could not be reached: {said}.", "Check that it is up and reachable.")


def _without_login(url: str) -> tuple[str, str]:
    """Return a URL without user and password, and the header that says them."""
    parts = urllib.parse.urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    if not at:
        return url, ""
    pair = urllib.parse.unquote(login if ":" in login else f"{login}:")
    return parts._replace(netloc=place).geturl(), f"Basic {base64.b64encode(pair.encode()).decode()}"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Messages to people by Apprise, which knows Slack, mail and a hundred other services: the one home of that library.

`send` runs inside `within`: its environment names the certificate authorities, and what it prints goes nowhere.
"""

from __future__ import annotations

import logging
import typing as t

from ...ground.errors import MissingLibrary
from .address import Undelivered

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .address import Address

try:
    import apprise
except ImportError:
    MISSING = True
else:
    MISSING = False

PURPOSE = "to send notifications to receivers other than webhooks"

TYPES = {"info": "success", "warning": "warning", "critical": "failure"}
"""Apprise's word, and so colour and sign, for each severity."""

_CAUSE = "Socket Exception: "
"""How Apprise begins the line of its log that says why a connection failed; the line is at level DEBUG."""


class _Notes(logging.Handler):
    """Keeps what Apprise says went wrong."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno >= logging.WARNING or line.startswith(_CAUSE):
            self.lines.append(line.removeprefix(_CAUSE).strip().rstrip("."))


def knows(address: Address) -> bool:
    """Whether Apprise takes a web address for one of a service that it knows, such as Slack's; False without it."""
    if MISSING:
        return False
    # Without a handler, Python would print what Apprise says of the URL.
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    return _service(address, 1.0) is not None


def ready() -> None:
    """Load what Apprise knows, which takes a moment that no receiver should be blamed for. Raise MissingLibrary."""
    if MISSING:
        raise MissingLibrary("apprise", PURPOSE)
    apprise.Apprise.instantiate("json://localhost")


def send(address: Address, subject: str, body: str, *, severity: str, markdown: bool, timeout: float) -> None:
    """Send a message, after `ready`. Raise Undelivered with Apprise's own reason."""
    notes = _Notes()
    logger = logging.getLogger("apprise")
    logger.addHandler(notes)
    logger.setLevel(logging.DEBUG)
    service = _service(address, timeout)
    if service is None:
        said = f": {_joined(notes.lines)}" if notes.lines else ""
        raise Undelivered(
            f"Apprise cannot use the URL{said}.",
            "Use the form that Apprise documents; for a webhook with a JSON body, set format: json.",
            final=True,
        )
    _refuse_laxity(service)
    sender = apprise.Apprise()
    sender.add(service)
    body_format = apprise.NotifyFormat.MARKDOWN if markdown else apprise.NotifyFormat.TEXT
    if not sender.notify(body=body, title=subject, notify_type=TYPES[severity], body_format=body_format):
        said = f": {_joined(notes.lines)}" if notes.lines else ""
        raise Undelivered(
            f"{service.service_name} could not be reached or rejected the message{said}.",
            "Check the URL, its token, and that the service is reachable from this host.",
        )


def authorities(ca_cert: str | None) -> Mapping[str, str]:
    """Return the environment that makes the libraries below Apprise trust the authorities in a file."""
    return dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), ca_cert) if ca_cert else {}


def _service(address: Address, timeout: float) -> t.Any:
    # Nothing is kept on disk, and a redirect would carry message and token to wherever it points.
    asset = apprise.AppriseAsset(
        app_id="Lifeboat",
        app_desc="lifeboat.recovery",
        async_mode=False,
        http_redirects=False,
        pem_autogen=False,
        pgp_autogen=False,
        service_timeout=timeout,
        storage_mode="memory",
    )
    service = apprise.Apprise.instantiate(address.url, asset=asset)
    if service is not None:
        # A message that is too long for a service would be refused for ever, and all that come after it would wait.
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
        service.socket_connect_timeout = service.socket_read_timeout = timeout
    return service


def _refuse_laxity(service: t.Any) -> None:
    """Raise Undelivered when the URL switches off what keeps a message and a token from strangers."""
    lax = [
        name
        for name, there in (
            ("verify=no", not service.verify_certificate),
            ("redirect=yes", service.redirects),
            ("a password without TLS", _password_in_the_clear(service)),
        )
        if there
    ]
    if lax:
        raise Undelivered(
            f"The URL requests {' and '.join(lax)}, which is refused.",
            "Remove that from the URL; set ca_cert for a certificate authority of your own.",
            final=True,
        )


def _password_in_the_clear(service: t.Any) -> bool:
    insecure = getattr(service, "secure_mode", "") == "insecure"
    return bool(insecure and service.password and service.smtp_host not in {"localhost", "127.0.0.1", "::1"})


def _joined(lines: list[str]) -> str:
    return "; ".join(dict.fromkeys(lines))

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
How far this host's clock is from a store's, by the time that every HTTP answer carries.

No request is signed for this: a refusal tells the time as well.
"""

from __future__ import annotations

import email.utils
import http.client
import ssl
import typing as t
import urllib.parse

from .addressing import host

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..settings import StoreSettings

PATIENCE = 5.0
"""Seconds to wait: a clock is not worth more."""


def ahead(settings: StoreSettings, now: Callable[[], datetime]) -> float | None:
    """Return how many seconds our clock is ahead of the store's; None when the store does not say."""
    place = urllib.parse.urlsplit(host(settings))
    try:
        connection = _connection(place, settings.ca_cert)
        try:
            before = now()
            connection.request("HEAD", "/")
            told = connection.getresponse().getheader("Date")
            after = now()
        finally:
            connection.close()
        theirs = email.utils.parsedate_to_datetime(told or "")
        # The header has whole seconds: half of one is the best guess of the rest.
        ours = before + (after - before) / 2
        return (ours - theirs).total_seconds() - 0.5
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return None


def _connection(place: urllib.parse.SplitResult, ca_cert: str | None) -> http.client.HTTPConnection:
    host = place.hostname or ""
    if place.scheme == "https":
        trusted = ssl.create_default_context(cafile=ca_cert or None)
        return http.client.HTTPSConnection(host, place.port, timeout=PATIENCE, context=trusted)
    return http.client.HTTPConnection(host, place.port, timeout=PATIENCE)

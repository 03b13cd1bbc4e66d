# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the settings that people write to a zone that can be read and updated."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ...ground import aws_credentials
from ...ground.errors import UsageError, require_one_of
from . import addresses, base, keyfile, messages
from .rfc2136 import Rfc2136Zone
from .route53 import Route53Zone

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .base import Zone

DRIVERS = ("rfc2136", "route53")
OPTIONS = aws_credentials.Options("key_file", "profile")


@dataclasses.dataclass(frozen=True, slots=True)
class ZoneSettings:
    """
    Which zone, and how to get in.

    `server` is the primary server, or for Route 53 the URL of its endpoint, empty for AWS itself. `key_file` is a key
    file of BIND, or for Route 53 a credentials file of AWS with `profile`.
    """

    zone: str
    driver: str = "rfc2136"
    server: str | None = None
    port: int = base.PORT
    key_file: str | None = None
    profile: str | None = None


def open_zone(settings: ZoneSettings, environ: Mapping[str, str]) -> Zone:
    """Open the zone. Raise UsageError or KeyRefused on settings that cannot be meant, MissingLibrary."""
    require_one_of("driver", settings.driver, DRIVERS)
    messages.require()
    name = base.check_name(settings.zone, "zone")
    if settings.driver == "route53":
        endpoint = settings.server or environ.get("AWS_ENDPOINT_URL_ROUTE_53") or environ.get("AWS_ENDPOINT_URL") or ""
        if endpoint and not re.fullmatch(r"https?://[^/?#@\s]+/?", endpoint):
            raise UsageError(
                "server is not the URL of an endpoint of Route 53.", "Leave it out for AWS itself.", field="server"
            )
        credentials = aws_credentials.chosen(settings.key_file, settings.profile, environ, OPTIONS)
        return Route53Zone(name, credentials, endpoint.rstrip("/"))
    for field in ("server", "key_file"):
        if not getattr(settings, field):
            raise UsageError(f"The driver rfc2136 needs {field}.", "Set it.", field=field)
    key = keyfile.read(settings.key_file or "")
    if not 0 < settings.port < 65536:
        raise UsageError(f"port: {settings.port} is not a port.", "Use a number from 1 to 65535.", field="port")
    return Rfc2136Zone(name, base.Server(addresses.server(settings.server or ""), settings.port), key)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a bucket's adapter has to know before its first request: where the bucket is, and how long to wait for it.
"""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.parse
from datetime import timedelta


@dataclasses.dataclass(frozen=True, slots=True)
class Bucket:
    """
    Where the objects are.

    `endpoint` is empty for AWS itself. `checksums` adds a SHA-256 of the content to every write: AWS asks for one
    before it takes an object into a bucket with Object Lock.
    """

    name: str
    prefix: str
    region: str
    endpoint: str = ""
    ca_cert: bytes | None = None
    checksums: bool = False

    @property
    def is_aws(self) -> bool:
        """Whether AWS itself has it, which differs from other stores in some of its rules."""
        return is_aws(self.endpoint)


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """
    How long to wait, in seconds.

    `request` bounds one part or range from its first byte to its answer: 8 MiB in three minutes is a line of
    0.4 Mbit/s for each of them. `retrying` stays below the quarter of an hour for which a signature is good.
    """

    connect: float = 5
    request: float = 180
    retries: int = 6
    retrying: float = 600


def is_aws(endpoint: str) -> bool:
    """Whether this endpoint, or none, is one of AWS."""
    host = urllib.parse.urlsplit(endpoint).hostname or ""
    return not endpoint or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def client_settings(
    bucket: Bucket, patience: Patience, *, lasting: bool = False
) -> tuple[dict[str, t.Any], dict[str, t.Any], dict[str, t.Any]]:
    """
    Give what obstore wants to know: about the bucket, the connection, and trying again.

    Requests that are `lasting` may take as long as somebody reads; only silence ends them.
    """
    config: dict[str, t.Any] = {"region": bucket.region, "disable_bulk_delete": True, "skip_signature": False}
    options: dict[str, t.Any] = {
        "allow_http": bucket.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=patience.connect),
        "read_timeout" if lasting else "timeout": timedelta(seconds=patience.request),
    }
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint
    if bucket.checksums:
        config["checksum_algorithm"] = "SHA256"
    if bucket.ca_cert:
        options["root_certificate"] = bucket.ca_cert
    return config, options, {"max_retries": patience.retries, "retry_timeout": timedelta(seconds=patience.retrying)}

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the settings that people write to a bucket, and to what its objects are reached by."""

from __future__ import annotations

import dataclasses
import re
import typing as t
import urllib.parse

from ....ground import aws_credentials
from ....ground.errors import UsageError
from .. import base
from ..settings import bad_url
from .bucket import Bucket, host_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..dialect import Dialect
    from ..settings import StoreSettings

DEFAULT_REGION = "us-east-1"
"""What stores that are not AWS expect, and AWS's own default."""

OPTIONS = aws_credentials.Options("store.credentials_file", "store.profile")

MACHINE = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "container_credentials_relative_uri",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "container_credentials_full_uri",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "container_authorization_token_file",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
    "AWS_ROLE_ARN": "role_arn",
    "AWS_METADATA_ENDPOINT": "metadata_endpoint",
}
"""Where the environment tells a container or an instance to look for its role."""


def dialect(settings: StoreSettings, environ: Mapping[str, str]) -> Dialect:
    """Return how to talk about the objects of the bucket that `settings` name. Raise UsageError when they name none."""
    machine = {key: environ[variable] for variable, key in MACHINE.items() if environ.get(variable)}
    return bucket(settings).dialect(credentials(settings, environ), machine)


def identity(settings: StoreSettings) -> str:
    """Return what tells the bucket's store from every other one. Raise UsageError when the URL names none."""
    name, prefix = _split(settings.url)
    endpoint = urllib.parse.urlsplit(settings.endpoint or "").netloc.lower()
    return f"s3://{endpoint}/{name}/{prefix}".rstrip("/")


def _split(url: str) -> tuple[str, str]:
    if not url.startswith("s3://"):
        raise bad_url("The store's URL has an unknown scheme.", "Use file:///path or s3://bucket/prefix.")
    name, _slash, prefix = url.removeprefix("s3://").partition("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", name):
        raise bad_url(
            "The store's URL contains no valid bucket name.",
            "Use s3://bucket/prefix; credentials, endpoint and options have their own settings.",
        )
    prefix = prefix.rstrip("/")
    if "?" in prefix or "#" in prefix:
        raise bad_url("The prefix in the store's URL contains a ? or #.", "Set options as settings of the store.")
    try:
        return name, base.check_name(prefix) if prefix else ""
    except UsageError as exc:
        raise bad_url(f"The prefix in the store's URL is invalid: {exc.cause}", "Correct it.") from exc


def addressed(settings: StoreSettings, environ: Mapping[str, str]) -> StoreSettings:
    """Return the settings with the region and the endpoint of the environment, where they have none."""
    region = settings.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    endpoint = settings.endpoint or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    return dataclasses.replace(settings, region=region, endpoint=endpoint)


def host(settings: StoreSettings) -> str:
    """Return the URL where requests go."""
    return host_of(settings.region or DEFAULT_REGION, settings.endpoint or "")


def bucket(settings: StoreSettings) -> Bucket:
    """Return the bucket that `settings` name. Raise UsageError when they make no sense."""
    name, prefix = _split(settings.url)
    region, endpoint = settings.region or DEFAULT_REGION, _endpoint(settings.endpoint or "")
    return Bucket(name, prefix, region, endpoint, _authority(settings.ca_cert), settings.checksums)


def _endpoint(endpoint: str) -> str:
    if endpoint and not re.fullmatch(r"https?://[^/?#@\s]+/?", endpoint):
        raise UsageError(
            "The store's endpoint is invalid.",
            "Use http://host:port or https://host:port, without path, user or password.",
            field="store.endpoint",
        )
    return endpoint.rstrip("/")


def _authority(path: str | None) -> bytes | None:
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            found = file.read()
    except OSError as exc:
        raise UsageError(
            f"The CA certificate {path} cannot be read: {exc.strerror}.", "Correct the path.", field="store.ca_cert"
        ) from exc
    if b"-----BEGIN CERTIFICATE-----" not in found:
        raise UsageError(f"{path} contains no certificate.", "Use a file in PEM format.", field="store.ca_cert")
    return found


def credentials(
    settings: StoreSettings, environ: Mapping[str, str]
) -> Callable[[], aws_credentials.Credentials] | None:
    """Return what gives the credentials that `settings` or the environment name, None where the machine has a role."""
    return aws_credentials.chosen(settings.credentials_file, settings.profile, environ, OPTIONS)

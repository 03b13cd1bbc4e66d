# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
From the settings that people write to a store that works: URLs, endpoints, credentials.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import typing as t
import urllib.parse

from ..errors import UsageError
from . import base, credentials
from .bucket import Bucket, Patience, is_aws
from .directory import DirectoryStore
from .dry_run import DryRunStore
from .s3_control import Control
from .versioned import VersionedStore

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_REGION = "us-east-1"
"""What stores that are not AWS expect, and AWS's own default."""

MACHINE = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "container_credentials_relative_uri",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "container_credentials_full_uri",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "container_authorization_token_file",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
    "AWS_ROLE_ARN": "role_arn",
    "AWS_METADATA_ENDPOINT": "metadata_endpoint",
}
"""Where the environment tells a container or an instance to look for its role."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoreSettings:
    """
    Which store, and how to get in; the fields are the keys of the option `store`.

    `checksums` sends a SHA-256 with every write: by default to AWS, where buckets with Object Lock ask for one, and
    nowhere else, since some other stores refuse what they do not know.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None
    ca_cert: str | None = None
    credentials_file: str | None = None
    profile: str | None = None
    checksums: bool | None = None


def open_store(
    settings: StoreSettings,
    *,
    environ: Mapping[str, str],
    dry_run: bool = False,
    patience: Patience | None = None,
    thorough: bool = False,
) -> base.Store:
    """
    Open the store that `settings` name; nothing is sent to it yet.

    In a dry run its writes vanish; `thorough` is for those who delete because of what it lists. Raise UsageError when
    the settings make no sense, without repeating a URL that may hold a password.
    """
    directory = _directory(settings.url)
    store: base.Store
    store = DirectoryStore(directory) if directory else _cloud(settings, environ, patience, thorough=thorough)
    return DryRunStore(store) if dry_run else store


def identity(settings: StoreSettings) -> str:
    """
    Give what tells one store from another in a host's memory, whatever its URL is written like.

    A bucket's name may exist once at each endpoint. Settings that make no sense are told by `open_store`, not here.
    """
    try:
        if directory := _directory(settings.url):
            return f"file://{directory}"
        name, prefix = _bucket_and_prefix(settings.url)
    except UsageError:
        return settings.url
    endpoint = urllib.parse.urlsplit(settings.endpoint or "").netloc.lower()
    return f"s3://{endpoint}/{name}/{prefix}".rstrip("/")


def directory_of(settings: StoreSettings) -> str | None:
    """Give the directory that `settings` name, or None for another kind of store. Raise UsageError as `open_store`."""
    return _directory(settings.url)


def _directory(url: str) -> str | None:
    """Give the directory that `url` names, or None for another kind of store."""
    if url.startswith("/"):
        path = url
    elif url.startswith("file:///"):
        path = urllib.parse.unquote(url.removeprefix("file://"))
    elif url.startswith("file:"):
        raise _bad_url("A file URL needs an absolute path.", "Write file:///path with three slashes.")
    else:
        return None
    path = os.path.normpath("/" + path.lstrip("/"))
    if path == "/" or "\0" in path:
        raise _bad_url("The store's directory cannot be the root of the file system.", "Name a directory of its own.")
    return path


def open_control(settings: StoreSettings, *, environ: Mapping[str, str], patience: Patience | None = None) -> Control:
    """Open the bucket itself that `settings` name. Raise UsageError when the store is no bucket of S3."""
    if not settings.url.startswith("s3://"):
        raise _bad_url("The store is no S3 bucket, which is what can be guarded.", "Use s3://bucket/prefix.")
    bucket = _bucket(settings, environ)
    return Control(
        bucket,
        _credentials(settings, environ),
        patience or Patience(),
        authority=settings.ca_cert,
        metadata=environ.get("AWS_METADATA_ENDPOINT"),
    )


def _cloud(
    settings: StoreSettings, environ: Mapping[str, str], patience: Patience | None, *, thorough: bool
) -> VersionedStore:
    bucket = _bucket(settings, environ)
    machine = {key: environ[variable] for variable, key in MACHINE.items() if environ.get(variable)}
    control = open_control(settings, environ=environ, patience=patience)
    return VersionedStore(
        control, bucket, _credentials(settings, environ), machine=machine, patience=patience, thorough=thorough
    )


def _bucket(settings: StoreSettings, environ: Mapping[str, str]) -> Bucket:
    name, prefix = _bucket_and_prefix(settings.url)
    endpoint = _endpoint(settings.endpoint or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL"))
    region = settings.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    checksums = is_aws(endpoint) if settings.checksums is None else settings.checksums
    return Bucket(name, prefix, region, endpoint, _authority(settings.ca_cert), checksums)


def _bucket_and_prefix(url: str) -> tuple[str, str]:
    if not url.startswith("s3://"):
        raise _bad_url("The store's URL is of no known kind.", "Use file:///path or s3://bucket/prefix.")
    name, _slash, prefix = url.removeprefix("s3://").partition("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", name):
        raise _bad_url(
            "The store's URL names no possible bucket.",
            "Use s3://bucket/prefix; keys, ports and options have settings of their own.",
        )
    prefix = prefix.rstrip("/")
    if "?" in prefix or "#" in prefix:
        raise _bad_url("The prefix in the store's URL holds a ? or #.", "Options have settings of their own.")
    try:
        return name, base.check_name(prefix) if prefix else ""
    except UsageError as exc:
        raise _bad_url(f"The prefix in the store's URL is refused: {exc.cause}", "Correct it.") from exc


def _endpoint(endpoint: str | None) -> str:
    if not endpoint:
        return ""
    if not re.fullmatch(r"https?://[^/?#@\s]+/?", endpoint):
        raise UsageError(
            "The store's endpoint is refused.",
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
        raise UsageError(f"{path} holds no certificate.", "Give it in PEM form.", field="store.ca_cert")
    return found


def _credentials(settings: StoreSettings, environ: Mapping[str, str]) -> Callable[[], credentials.Credentials] | None:
    """Choose the source of credentials: the named file, the environment, its file, or (None) the machine's role."""
    profile = settings.profile or environ.get("AWS_PROFILE") or "default"
    path = settings.credentials_file
    if not path:
        found = credentials.from_environment(environ)
        if found:
            return lambda: found
        path = environ.get("AWS_SHARED_CREDENTIALS_FILE")
    if not path:
        return None
    credentials.from_file(path, profile)  # what is wrong with it is said now, by its own name
    return functools.partial(credentials.from_file, path, profile)


def _bad_url(cause: str, remedy: str) -> UsageError:
    return UsageError(cause, remedy, field="store.url")

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where an S3 store's credentials come from: a file, the environment, or the machine itself.

The file is AWS's shared-credentials INI. It is read again for every request, so that a rotated file, or a session
token renewed beside us, takes effect in the middle of a long upload.
"""

from __future__ import annotations

import configparser
import dataclasses
import typing as t
from datetime import UTC, datetime

from ....ground import private_files, vaults
from ....ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Credentials that expired then are asked for again with each request."""

FIELD = "store.credentials_file"
LIMIT = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, kept out of every `repr`."""

    access_key: str = dataclasses.field(repr=False)
    secret_key: str = dataclasses.field(repr=False)
    token: str | None = dataclasses.field(repr=False, default=None)


def from_environment(environ: Mapping[str, str]) -> Credentials | None:
    """Read `AWS_ACCESS_KEY_ID` and its kin; None when they are not set. Raise UsageError when half of them is."""
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access and not secret:
        return None
    if not access or not secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
        raise UsageError(f"The environment lacks {missing}.", "Set both or neither, or set store.credentials_file.")
    return Credentials(access, secret, environ.get("AWS_SESSION_TOKEN") or None)


def from_file(path: str, profile: str) -> Credentials:
    """Read one profile of the file. Raise UsageError, naming the file, when it is unsafe or lacks something."""
    section = _parse(path, _read(path))
    if profile not in section:
        raise UsageError(
            f"The credentials file {path} has no profile {profile}.", "Add it, or set store.profile.", field=FIELD
        )
    found = section[profile]
    access, secret = found.get("aws_access_key_id"), found.get("aws_secret_access_key")
    if not access or not secret:
        raise UsageError(
            f"Profile {profile} of the credentials file {path} lacks aws_access_key_id or aws_secret_access_key.",
            "Add both; roles and credential processes are not supported there.",
            field=FIELD,
        )
    return Credentials(access, secret, found.get("aws_session_token") or None)


def provider(credentials: Callable[[], Credentials]) -> Callable[[], t.Any]:
    """Turn `credentials` into what obstore calls before each request."""

    def provide() -> dict[str, t.Any]:
        found = credentials()
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            "expires_at": LONG_AGO,
        }

    return provide


def _read(path: str) -> str:
    data = private_files.read(path, f"The credentials file {path}", LIMIT, field=FIELD)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed(path) from None


def _parse(path: str, text: str) -> configparser.ConfigParser:
    # No interpolation: a secret may hold a percent sign. The parser's own messages quote the line, so they are dropped.
    vaults.refuse(text, path, FIELD)
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    try:
        parser.read_string(text)
    except configparser.Error:
        raise _malformed(path) from None
    return parser


def _malformed(path: str) -> UsageError:
    return UsageError(
        f"The credentials file {path} is not an INI file.",
        "Write [default], aws_access_key_id = … and aws_secret_access_key = … into it, one per line.",
        field=FIELD,
    )

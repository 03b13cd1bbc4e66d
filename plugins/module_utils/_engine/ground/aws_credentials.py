# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where credentials of AWS come from: a file, the environment, or the machine itself.

The file is AWS's shared-credentials INI. It is read again for every request, so that a rotated file, or a session
token renewed beside us, takes effect in the middle of a long upload.
"""

from __future__ import annotations

import configparser
import dataclasses
import functools
import typing as t

from . import private_files, vaults
from .errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIMIT = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, kept out of every `repr`."""

    access_key: str = dataclasses.field(repr=False)
    secret_key: str = dataclasses.field(repr=False)
    token: str | None = dataclasses.field(repr=False, default=None)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What the caller calls the two options, for messages: that of the file, and that of the profile."""

    file: str
    profile: str


def chosen(
    path: str | None, profile: str | None, environ: Mapping[str, str], options: Options
) -> Callable[[], Credentials] | None:
    """Choose the source of credentials: the named file, the environment, its file, or (None) the machine's role."""
    section = profile or environ.get("AWS_PROFILE") or "default"
    if not path:
        found = from_environment(environ, options)
        if found:
            return lambda: found
        path = environ.get("AWS_SHARED_CREDENTIALS_FILE")
    if not path:
        return None
    from_file(path, section, options)  # what is wrong with it is said now, by its own name
    return functools.partial(from_file, path, section, options)


def from_environment(environ: Mapping[str, str], options: Options) -> Credentials | None:
    """Read `AWS_ACCESS_KEY_ID` and its kin; None when they are not set. Raise UsageError when half of them is."""
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access and not secret:
        return None
    if not access or not secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
        raise UsageError(f"The environment lacks {missing}.", f"Set both or neither, or set {options.file}.")
    return Credentials(access, secret, environ.get("AWS_SESSION_TOKEN") or None)


def from_file(path: str, profile: str, options: Options) -> Credentials:
    """Read one profile of the file. Raise UsageError, naming the file, when it is unsafe or lacks something."""
    section = _parse(path, _read(path, options), options)
    if profile not in section:
        raise UsageError(
            f"The credentials file {path} has no profile {profile}.",
            f"Add it, or set {options.profile}.",
            field=options.file,
        )
    found = section[profile]
    access, secret = found.get("aws_access_key_id"), found.get("aws_secret_access_key")
    if not access or not secret:
        raise UsageError(
            f"Profile {profile} of the credentials file {path} lacks aws_access_key_id or aws_secret_access_key.",
            "Add both; roles and credential processes are not supported there.",
            field=options.file,
        )
    return Credentials(access, secret, found.get("aws_session_token") or None)


def _read(path: str, options: Options) -> str:
    data = private_files.read(path, f"The credentials file {path}", LIMIT, field=options.file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed(path, options) from None


def _parse(path: str, text: str, options: Options) -> configparser.ConfigParser:
    # No interpolation: a secret may hold a percent sign. The parser's own messages quote the line, so they are dropped.
    vaults.refuse(text, path, options.file)
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    try:
        parser.read_string(text)
    except configparser.Error:
        raise _malformed(path, options) from None
    return parser


def _malformed(path: str, options: Options) -> UsageError:
    return UsageError(
        f"The credentials file {path} is not an INI file.",
        "Write [default], aws_access_key_id = … and aws_secret_access_key = … into it, one per line.",
        field=options.file,
    )

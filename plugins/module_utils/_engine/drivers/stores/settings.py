# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people write as a store, and how long to wait for it."""

from __future__ import annotations

import dataclasses
import os
import urllib.parse

from ...ground.errors import UsageError


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


def bad_url(cause: str, remedy: str) -> UsageError:
    """Return the error to raise when a store's URL makes no sense."""
    return UsageError(cause, remedy, field="store.url")


def directory_of(settings: StoreSettings) -> str | None:
    """Return the directory that `settings` name; None for another store. Raise UsageError when it can be none."""
    url = settings.url
    if url.startswith("/"):
        path = url
    elif url.startswith("file:///"):
        path = urllib.parse.unquote(url.removeprefix("file://"))
    elif url.startswith("file:"):
        raise bad_url("A file URL needs an absolute path.", "Use file:///path, with three slashes.")
    else:
        return None
    path = os.path.normpath("/" + path.lstrip("/"))
    if path == "/" or "\0" in path:
        raise bad_url("The store's directory cannot be the root of the file system.", "Use a directory of its own.")
    return path

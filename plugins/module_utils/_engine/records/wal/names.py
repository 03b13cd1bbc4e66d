# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The names of a write-ahead log in a store. They are signed into its files: they cannot change later.

    <application>/wal/<system_identifier>/<timeline>/<log>/<segment>.lbx
    <application>/wal/<system_identifier>/<timeline>/<log>/<segment>.<offset>.backup.lbx
    <application>/wal/<system_identifier>/<timeline>/<log>/<segment>.partial.<token>.lbx
    <application>/wal/<system_identifier>/<timeline>/<timeline>.history.lbx
    <application>/wal/<system_identifier>/stream/<segment>/<bytes>.lbx

A directory of the second level holds at most 4096 names. Anyone who may write can take a name before us: what then has
to be stored goes to the same name with a token, 16 hexadecimal digits of its digest, so that a repetition finds it. A
partial segment always has one: two standbys that are promoted in the same segment leave two.
"""

from __future__ import annotations

import re
import typing as t

from ...drivers.components.postgres import wal_files
from ..repository import names as repository

SYSTEM_IDENTIFIER = re.compile(r"[1-9][0-9]{0,19}")

_TOKEN_DIGITS = 16
_OBJECT = re.compile(
    rf"(?P<system_identifier>{SYSTEM_IDENTIFIER.pattern})/(?P<directory>[0-9A-F]{{8}}(?:/[0-9A-F]{{8}})?)/"
    rf"(?P<file>[0-9A-F]{{8}}[0-9A-Za-z.]*?)(?:\.(?P<token>[0-9a-f]{{{_TOKEN_DIGITS}}}))?\.lbx"
)

_TAIL = re.compile(
    rf"(?P<system_identifier>{SYSTEM_IDENTIFIER.pattern})/stream/(?P<segment>[0-9A-F]{{24}})/(?P<bytes>[0-9A-F]{{8}})\.lbx"
)


class StoredFile(t.NamedTuple):
    """What the name of an object says: whose file it holds, and the token that tells it from another of its name."""

    system_identifier: str
    file: wal_files.WalFile
    token: str = ""


class StoredTail(t.NamedTuple):
    """What the name of a tail says: the first so many bytes of a segment that the server was still writing."""

    system_identifier: str
    file: wal_files.WalFile
    length: int


def scope(system_identifier: str) -> str:
    """Return the scope that a signer of this log needs."""
    return f"wal/{system_identifier}"


def token(digest: str) -> str:
    """Return the token of a content with this digest, in hex."""
    return digest[:_TOKEN_DIGITS]


def timeline(application: str, system_identifier: str, number: int) -> str:
    """Return the prefix of all that is stored of a timeline."""
    return f"{repository.wal(application, system_identifier)}{number:08X}/"


def directory(application: str, system_identifier: str, file: wal_files.WalFile) -> str:
    """Return the prefix of the directory in which a file lies."""
    log = "" if file.kind == wal_files.HISTORY else f"{file.log:08X}/"
    return f"{timeline(application, system_identifier, file.timeline)}{log}"


def name(application: str, system_identifier: str, file: wal_files.WalFile, taken: str = "") -> str:
    """Return the name of a file's object; `taken` is the token of one whose own name is taken."""
    return f"{copies(application, system_identifier, file)}{taken}{'.' if taken else ''}lbx"


def copies(application: str, system_identifier: str, file: wal_files.WalFile) -> str:
    """Return what the names of all objects begin with that may hold a file; others begin so too."""
    return f"{directory(application, system_identifier, file)}{file.name}."


def tails(application: str, system_identifier: str, segment: str = "") -> str:
    """Return the prefix of all tails of a server, or of one of its segments."""
    return f"{repository.wal(application, system_identifier)}stream/{segment}{'/' if segment else ''}"


def tail(application: str, system_identifier: str, segment: str, length: int) -> str:
    """Return the name of a segment's tail of so many bytes."""
    return f"{tails(application, system_identifier, segment)}{length:08X}.lbx"


def parse(application: str, object_name: str) -> StoredFile | None:
    """Return what an object's name says, or None when it is none of these."""
    prefix = repository.wal(application)
    found = _OBJECT.fullmatch(object_name.removeprefix(prefix))
    if not found or not object_name.startswith(prefix):
        return None
    try:
        stored = StoredFile(found["system_identifier"], wal_files.parse(found["file"]), found["token"] or "")
    except ValueError:
        return None
    # One name for one thing: what lies in another directory is not where a reader looks for it.
    right = name(application, stored.system_identifier, stored.file, stored.token) == object_name
    return stored if right and (stored.token or stored.file.kind != wal_files.PARTIAL) else None


def parse_tail(application: str, object_name: str) -> StoredTail | None:
    """Return what the name of a tail says, or None when it is none."""
    prefix = repository.wal(application)
    found = _TAIL.fullmatch(object_name.removeprefix(prefix))
    if not found or not object_name.startswith(prefix) or found["segment"].startswith("00000000"):
        return None
    return StoredTail(found["system_identifier"], wal_files.parse(found["segment"]), int(found["bytes"], 16))

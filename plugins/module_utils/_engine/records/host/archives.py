# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What this host remembers of the archives it sealed, so that it can tell whether a source changed without opening them.

One private file for each archive, in `<state_dir>/archives/`. It holds hashes over the source, no names and no
contents. It is a memory, not a proof: losing it costs one more sealing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import typing as t

from ...drivers.files import names
from ...ground import disk
from ...ground.errors import StoreError
from ...ground.host_state import ARCHIVE

_LIMIT = 64 << 10


@dataclasses.dataclass(frozen=True, slots=True)
class Sealed:
    """
    An archive as it was sealed. `stamp` is what the file system says of it, `identity` the hash of what it holds.

    `listing` is the hash of its source's inodes, or empty when the source was too fresh for that to prove anything.
    """

    stamp: tuple[int, ...]
    sha256: str
    head_sha256: str
    size: int
    identity: str
    listing: str


class SealedArchives:
    """The records of one host. Without a state directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None) -> None:
        self._state_dir = state_dir if state_dir and os.path.isdir(state_dir) else None

    @property
    def usable(self) -> bool:
        """Whether anything can be remembered."""
        return self._state_dir is not None

    def recall(self, archive: str) -> Sealed | None:
        """Return what is known of the archive at this path, or None."""
        path = self._path(archive)
        if path is None or not os.path.exists(path):
            return None
        with contextlib.suppress(ValueError, TypeError, KeyError, StoreError):
            fields: dict[str, t.Any] = json.loads(b"".join(disk.read_blocks(path, 0, _LIMIT)))
            if fields.pop("format") == ARCHIVE.format:
                fields["stamp"] = tuple(fields["stamp"])
                return Sealed(**fields)
        return None

    def keep(self, archive: str, sealed: Sealed) -> None:
        """Remember it. Raise StoreError when the disk refuses."""
        path = self._path(archive)
        if path is None:
            return
        folder = os.path.dirname(path)
        with names.explained(folder), contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
            disk.share_directory(folder)
        record = {"format": ARCHIVE.format, **dataclasses.asdict(sealed)}
        disk.write_atomically(path, [json.dumps(record, separators=(",", ":")).encode("ascii")], shared=True)

    def _path(self, archive: str) -> str | None:
        place = hashlib.sha256(os.fsencode(os.path.realpath(archive))).hexdigest()[:32]
        return ARCHIVE.below(self._state_dir, path=place)


def stamp(path: str) -> tuple[int, ...]:
    """Return what changes when a file is written to or replaced."""
    info = os.stat(path)
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns

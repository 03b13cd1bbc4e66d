# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One stored backup whose manifest is authentic, and the ways to its contents.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .. import codec
from ..crypto import lbx
from ..errors import Tampered
from ..streams import counted

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..keys.custody import Custody
    from ..stores.base import Store
    from .manifest import File, Manifest

RECORD_BYTES = 256 << 20
"""The most that a record about the data may hold: far more than a hundred thousand tables need."""

HEAD_BYTES = 128 << 10
"""More than the largest head, so that one request brings it whole."""


@dataclasses.dataclass(frozen=True, slots=True)
class Backup:
    """A backup whose manifest is authentic, and the ways to its contents."""

    manifest: Manifest
    manifest_sha256: str
    signer: bytes
    store: Store
    custody: Custody

    def member(self, number: int, note: Callable[[int], None] | None = None, /) -> Iterator[bytes]:
        """
        Yield a member's plaintext, checked segment by segment. `note` is told the size of each stored block.

        Raise Tampered when a byte, the order, or the end is not as signed, KeyRefused when no key opens it. The
        end of the stream is reached only after size, hash and plain size were right.
        """
        return self._stream(f"{number:04d}", note)

    def detail(self) -> dict[str, t.Any]:
        """Return the encrypted record about the data, read to its authenticated end."""
        return self.record("detail")

    def record(self, name: str, /) -> dict[str, t.Any]:
        """Return the encrypted record `name`, read to its authenticated end."""
        size = sum(file.plain_size for file in self.manifest.of_member(name))
        if size > RECORD_BYTES:
            raise Tampered(
                f"The record {name} of {self.manifest.backup_id} has {size} bytes, more than a record may.",
                "Nothing of it was used: find out who made it, and use another backup.",
                backup_id=self.manifest.backup_id,
            )
        return parse_record(b"".join(self._stream(name, None)))

    def check_present(self) -> None:
        """Raise Tampered unless every file is in the store with its size."""
        identity, application = self.manifest.backup_id, self.manifest.application
        prefixes = (f"{application}/data/{identity}/", f"{application}/details/{identity}/")
        found = {info.name: info.size for prefix in prefixes for info in self.store.list(prefix)}
        problem = missing_file(self.manifest, found)
        if problem:
            raise Tampered(problem, "Use another backup or a replica of this one.", backup_id=identity)

    def check_opens(self) -> None:
        """Raise KeyRefused unless our keys open every file, Tampered when a head is not as signed."""
        for file in self.manifest.files:
            start = self.store.get(file.name, 0, min(file.size, HEAD_BYTES))
            head, _rest = lbx.read_head(start, self.expected(file))
            self.custody.opener.data_key(head)

    def expected(self, file: File) -> lbx.Expected:
        """Give what a stored file of this backup must be."""
        return lbx.Expected(
            name=file.name,
            signers=frozenset({self.signer}),
            size=file.size,
            sha256=file.sha256,
            head_sha256=file.head_sha256,
        )

    def _stream(self, member: str, note: Callable[[int], None] | None) -> Iterator[bytes]:
        for file in self.manifest.of_member(member):
            stored = self.store.get(file.name)
            watched = counted(stored, note) if note else stored
            opened = lbx.open_file(watched, self.expected(file), self.custody.opener)
            size = 0
            for block in codec.decompress(opened, limit=file.plain_size):
                size += len(block)
                yield block
            if size != file.plain_size:
                raise Tampered(
                    f"{file.name} holds {size} bytes of data where its manifest says {file.plain_size}.",
                    "Use another backup or a replica of this one.",
                    name=file.name,
                )


def parse_record(data: bytes) -> dict[str, t.Any]:
    """Read an authenticated record. Raise Tampered for what is none, or is nested as none ever is."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise Tampered("A record of the backup is not the JSON that it must be.", "Nothing of it was used.")
    return record


def missing_file(record: Manifest, sizes: dict[str, int]) -> str | None:
    """Say which file of a backup is missing or has another size in a listing, or None when all are there."""
    for file in record.files:
        if sizes.get(file.name) != file.size:
            state = "is missing" if file.name not in sizes else f"has {sizes[file.name]} bytes instead of {file.size}"
            return f"The backup {record.backup_id} is not complete: {file.name} {state}."
    return None

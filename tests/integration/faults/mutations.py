# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A real backup, held in memory, with single bits, lengths and places of its objects changed one at a time.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    KeyRefused,
    NotFound,
    Tampered,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    trusted_keys,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import Receipts

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.manifest import File
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
        KeySettings,
    )

    from .fault_fixtures import Fixture

REFUSALS = (Tampered, KeyRefused)
"""What a changed byte may be answered with; anything else, a crash above all, is a failure."""


class Memory:
    """A store to read from, in which single objects are exchanged."""

    url = "memory:"

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.modified = datetime.datetime.now(datetime.UTC)

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if name not in self.objects:
            raise NotFound(f"There is no {name}.")
        yield self.objects[name][start : None if length is None else start + length]

    def head(self, name: str) -> ObjectInfo:
        if name not in self.objects:
            raise NotFound(f"There is no {name}.")
        return ObjectInfo(name, len(self.objects[name]), self.modified)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return (self.head(name) for name in sorted(self.objects) if name.startswith(prefix))

    def exchanged(self, name: str, data: bytes) -> Memory:
        return Memory({**self.objects, name: data})


def load(place: Fixture) -> Memory:
    """Return the whole store of `place`, in memory."""
    store = place.open().store
    return Memory({info.name: b"".join(store.get(info.name)) for info in store.list("")})


def opened(place: Fixture, store: Memory, keys: KeySettings | None = None) -> catalogue.Repository:
    """Open the repository in `store` as a reader would who never saw it before."""
    application = place.settings.application
    held = trusted_keys.load(keys or place.settings.keys, t.cast("t.Any", store), application)
    return catalogue.Repository(application, t.cast("t.Any", store), held, Receipts(None), place.world().now)


@dataclasses.dataclass
class Count:
    """How many changes were made, and which were not refused."""

    refused: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: Count) -> None:
        self.refused += other.refused
        self.wrong += other.wrong


def read_through(backup: catalogue.Backup, member: str) -> Iterator[bytes]:
    """Read a file of a backup as everything in the collection does."""
    if member.isdigit():
        yield from backup.member(int(member))
    else:
        yield str(backup.detail() if member == "detail" else backup.record("globals")).encode()


def try_file(backup: catalogue.Backup, file: File, data: bytes, what: str, *, early: bool) -> Count:
    """
    Read one changed file with a key and without. `early`: not a byte of it may be released.

    The catalogue's own listing would refuse a changed length already; here the file itself must.
    """
    changed = dataclasses.replace(backup, store=t.cast("t.Any", Memory({file.name: data})))
    released = 0
    count = Count()
    try:
        for block in read_through(changed, file.member):
            released += len(block)
        count.wrong.append(f"{file.name} {what}: was read to its end")
    except REFUSALS:
        count.refused += 1
    if early and released:
        count.wrong.append(f"{file.name} {what}: {released} bytes were released")
    try:
        lbx.check_intact(iter([data]), backup.expected(file))
        count.wrong.append(f"{file.name} {what}: passed as intact")
    except REFUSALS:
        count.refused += 1
    return count


def try_manifest(place: Fixture, store: Memory, backup: catalogue.Backup, data: bytes, what: str) -> Count:
    """Look for a backup whose manifest was changed: it may not be listed, found or read."""
    record = backup.manifest
    name = repository.manifest(record.application, record.component, record.backup_id)
    repository_ = opened(place, store.exchanged(name, data))
    count = Count()
    if any(found.manifest.backup_id == record.backup_id for found in repository_.backups()):
        count.wrong.append(f"the manifest {what}: is listed")
    if not repository_.problems:
        count.wrong.append(f"the manifest {what}: nobody is told")
    try:
        repository_.find(record.component, record.backup_id)
        count.wrong.append(f"the manifest {what}: is read")
    except REFUSALS:
        count.refused += 1
    return count


def flips(data: bytes, positions: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """Yield `data` with one bit flipped at each position, a different one of the eight from byte to byte."""
    changed = bytearray(data)
    for position in positions:
        bit = 1 << (position % 8)
        changed[position] ^= bit
        yield f"with bit {position % 8} of byte {position} flipped", bytes(changed)
        changed[position] ^= bit


def cuts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every truncation of `data`, and it with something behind its end; spaces there would be no other JSON."""
    for length in range(len(data)):
        yield f"cut to {length} bytes", data[:length]
    for tail in (b"\0", data[:1], data[-16:], data):
        yield f"with {len(tail)} bytes more", data + tail

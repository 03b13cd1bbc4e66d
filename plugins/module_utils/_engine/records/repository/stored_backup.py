# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One stored backup: whether its manifest may be believed, what it needs, and the ways to its contents."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import typing as t

from ...drivers.crypto import lbx, seals
from ...ground import codec
from ...ground.errors import Tampered
from ...ground.streams import counted
from . import choosing
from . import names as repository
from .manifest import parse

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator

    from ...drivers.stores.base import Store
    from .choosing import Place
    from .manifest import File, Manifest
    from .trusted_keys import TrustedKeys

RECORD_BYTES = 256 << 20
"""The most that a record about the data may hold: far more than a hundred thousand named things need."""

HEAD_BYTES = 128 << 10
"""More than the largest head, so that one request brings it whole."""


@dataclasses.dataclass(frozen=True, slots=True)
class Backup:
    """A backup whose manifest is authentic, and the ways to its contents."""

    manifest: Manifest
    manifest_sha256: str
    signer: bytes
    store: Store
    trusted_keys: TrustedKeys

    def member(self, number: int, note: Callable[[int], None] | None = None, /) -> Iterator[bytes]:
        """
        Yield a member's plaintext, checked segment by segment. `note` gets the size of each stored block.

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
                f"The record {name} of {self.manifest.backup_id} has {size} bytes, more than the limit.",
                "It was not used: find out who made it, and use another backup.",
                backup_id=self.manifest.backup_id,
            )
        return parse_record(b"".join(self._stream(name, None)))

    def check_present(self) -> None:
        """Raise Tampered unless every file is in the store with its size."""
        if problem := incomplete(self.manifest, self.store):
            raise Tampered(problem, "Use another backup or a replica of this one.", backup_id=self.manifest.backup_id)

    def check_opens(self) -> None:
        """Raise KeyRefused unless our keys open every file, Tampered when a head is not as signed."""
        for file in self.manifest.files:
            start = self.store.get(file.name, 0, min(file.size, HEAD_BYTES))
            head, _rest = lbx.read_head(start, self.expected(file))
            self.trusted_keys.opener.data_key(head)

    def expected(self, file: File) -> lbx.Expected:
        """Return what a stored file of this backup must be."""
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
            opened = lbx.open_file(watched, self.expected(file), self.trusted_keys.opener)
            size = 0
            for block in codec.decompress(opened, limit=file.plain_size):
                size += len(block)
                yield block
            if size != file.plain_size:
                raise Tampered(
                    f"{file.name} contains {size} bytes of data instead of {file.plain_size}.",
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
        raise Tampered("A record of the backup is not valid JSON.", "Use another copy of it.")
    return record


def incomplete(record: Manifest, store: Store) -> str | None:
    """Say which file of a backup is missing in the store or has another size there, or None when all are there."""
    prefixes = repository.files(record.application, record.backup_id)
    return missing_file(record, {info.name: info.size for prefix in prefixes for info in store.list(prefix)})


def missing_file(record: Manifest, sizes: dict[str, int]) -> str | None:
    """Say which file of a backup is missing or has another size in a listing, or None when all are there."""
    for file in record.files:
        if sizes.get(file.name) != file.size:
            state = "is missing" if file.name not in sizes else f"has {sizes[file.name]} bytes instead of {file.size}"
            return f"The backup {record.backup_id} is not complete: {file.name} {state}."
    return None


def chain(find: Callable[[str, str], Backup], backup: Backup) -> tuple[Backup, ...]:
    """
    Return all that `backup` needs for a restore, in the order in which it is needed, and itself last.

    `find` is the repository's `read`. Raise NotFound when one is gone, Tampered when one is not the one that was meant.
    """
    found: dict[str, Backup] = {}
    waiting = [backup]
    while waiting:
        one = waiting[-1]
        parent = next((parent for parent in one.manifest.parents if parent.backup_id not in found), None)
        if parent is None:
            found[one.manifest.backup_id] = waiting.pop()
            continue
        read = find(one.manifest.component, parent.backup_id)
        if read.manifest_sha256 != parent.manifest_sha256:
            raise Tampered(
                f"{parent.backup_id}, which {one.manifest.backup_id} needs, is not the one it was based on.",
                "Use another backup or a replica of this one.",
                backup_id=parent.backup_id,
            )
        waiting.append(read)
    return tuple(found.values())


class Lack(t.NamedTuple):
    """Why a backup cannot be restored; `proved` where a listing shows that files are missing or have another size."""

    cause: str
    proved: bool


def lacks(backups: Iterable[Backup], sizes: dict[str, int]) -> dict[tuple[str, str], Lack]:
    """
    Return, by component and id, what stands against a restore of these backups: of themselves, or of what they need.

    `backups` are all that can be believed of their components, `sizes` those of all files.
    """
    known = {(backup.manifest.component, backup.manifest.backup_id): backup for backup in backups}
    found: dict[tuple[str, str], Lack] = {}
    children: dict[tuple[str, str], list[tuple[str, str]]] = collections.defaultdict(list)
    for key, backup in known.items():
        if problem := missing_file(backup.manifest, sizes):
            found[key] = Lack(problem, proved=True)
        for parent in backup.manifest.parents:
            needed = (key[0], parent.backup_id)
            children[needed].append(key)
            if needed not in known or known[needed].manifest_sha256 != parent.manifest_sha256:
                found.setdefault(key, Lack(_needs(key[1], parent.backup_id), proved=False))
    waiting = list(found)
    while waiting:
        needed = waiting.pop()
        for key in children[needed]:
            if key not in found:
                found[key] = Lack(_needs(key[1], needed[1]), found[needed].proved)
                waiting.append(key)
    return found


def _needs(identity: str, parent: str) -> str:
    return f"The backup {identity} is not complete: it needs {parent}, which is damaged or missing."


def believed(
    store: Store, trusted_keys: TrustedKeys, application: str, place: Place, now: Callable[[], datetime.datetime]
) -> Backup:
    """Return the backup whose manifest lies at `place`. Raise NotFound when it is gone, else Tampered."""
    component, backup_id = place.component, place.backup_id
    name = repository.manifest(application, component, backup_id)
    # What is larger than it may be is cut, and fails its parser.
    envelope = b"".join(store.get(name, 0, seals.envelope_limit("manifest") + 1))
    # The store's own time is what a thief of a signer cannot choose.
    signers = trusted_keys.record_signers(component, None, stored=place.stored)
    opened = seals.open_record("manifest", envelope, signers)
    record = parse(opened.payload, application, component, backup_id)
    signer = _signer(trusted_keys, opened.signers, record, place.stored)
    if max(record.started, record.finished) > now() + choosing.FUTURE:
        raise Tampered(
            f"{backup_id} claims a time in the future.",
            "Check the clock of this machine and of the host that made it.",
            backup_id=backup_id,
        )
    digest = hashlib.sha256(envelope).hexdigest()
    return Backup(record, digest, signer, store, trusted_keys)


def _signer(
    trusted_keys: TrustedKeys, signers: tuple[bytes, ...], record: Manifest, stored: datetime.datetime
) -> bytes:
    allowed = trusted_keys.record_signers(record.component, record.finished, stored=stored)
    for signer in signers:
        if signer in allowed:
            return signer
    raise Tampered(
        f"The signer of {record.backup_id} was not trusted at the time that it claims.",
        "Check the trust file: a compromised or retired signer may have made it.",
        backup_id=record.backup_id,
    )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Canaries: faults that are planted to see whether they are found. A validator that misses one can be trusted in nothing.

Stored bytes are answered changed by a store that lies over the real one, which is only read; a verification has to
refuse them at each of its levels. Data are changed in the trial's place, which is gone afterwards; the comparison has
to name them. What was not planted was right: the bytes as they are and the place as it was filled have passed.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ...drivers.crypto import seals
from ...drivers.crypto.keys import Signer
from ...drivers.stores.overlay import OverlayStore
from ...ground import verbs
from ...ground.errors import CanaryMissed, Tampered
from ...ground.units import human_count, human_size
from ...records.repository import names as repository
from ...records.repository.choosing import Place
from ...records.repository.stored_backup import believed
from ..verify import verification

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ...drivers.components.base import Answering
    from ...ground.model import World
    from ...records.repository.manifest import File
    from ...records.repository.stored_backup import Backup

LARGEST = 64 << 20
"""Bytes of a file beyond which nothing is planted in it: it is held in memory."""


@dataclasses.dataclass(frozen=True, slots=True)
class Canary:
    """What came of one: planted in `what`, and `found` or not; or not planted, for `reason`."""

    name: str
    what: str = ""
    found: bool = False
    reason: str = ""


def release(backup: Backup, place: Answering, world: World) -> tuple[Canary, ...]:
    """
    Plant every fault that `backup` and `place` can show, one after the other, and return what came of each.

    Raise Tampered when the bytes as they are do not pass, StoreError when they cannot be read.
    """
    return (*_in_stored_bytes(backup, world), *_in_data(place))


def facts(canaries: Iterable[Canary]) -> dict[str, t.Any]:
    """Return the canaries as a result tells them."""
    every = list(canaries)
    planted = [canary for canary in every if canary.what]
    return {
        "planted": len(planted),
        "found": sum(canary.found for canary in planted),
        "skipped": [{"name": canary.name, "reason": canary.reason} for canary in every if not canary.what],
        "missed": [{"name": canary.name, "what": canary.what} for canary in planted if not canary.found],
    }


def said(told: Mapping[str, t.Any]) -> str:
    """Return these facts in a few words."""
    skipped = f", {len(told['skipped'])} skipped" if told["skipped"] else ""
    return f"{told['found']} of {told['planted']} canaries found{skipped}"


def unnoticed(missed: Sequence[Mapping[str, str]], result: Mapping[str, t.Any]) -> CanaryMissed:
    """Return the error of a validation with this result that missed some."""
    first, more = missed[0], f", and {len(missed) - 1} more" if len(missed) > 1 else ""
    return CanaryMissed(
        f"A fault that was planted on purpose passed unnoticed: {first['name']} in {first['what']}{more}. So this "
        f"validation says nothing about {result['backup_id']}.",
        "Do not trust what this host validated or verified: install it again with playbook lifeboat.recovery.install, "
        "validate on another host, and report this as a bug.",
        validation=result,
    ).naming(first["what"])


def _in_stored_bytes(backup: Backup, world: World) -> Iterator[Canary]:
    record = backup.manifest
    name = repository.manifest(record.application, record.component, record.backup_id)
    planter = _BytePlanter(backup, backup.store.head(name).modified, world.now)
    small = (file for file in record.files if file.size <= LARGEST)
    yield from _in_files(planter, sorted(small, key=lambda file: (file.size, file.name))[:2])
    later = repository.backup_id(world.now(), secrets.token_hex(8))
    envelope = b"".join(backup.store.get(name, 0, seals.envelope_limit("manifest")))
    yield planter.in_manifest("old_manifest", later, envelope)
    forged = seals.seal_record("manifest", record.payload(), [Signer.generate()])
    yield planter.in_manifest("forged_manifest", record.backup_id, forged)


def _in_files(planter: _BytePlanter, files: Sequence[File]) -> Iterator[Canary]:
    """Yield the canaries of the two smallest files, or of what there is of them."""
    stored = {file.name: b"".join(planter.backup.store.get(file.name, 0, file.size)) for file in files}
    planter.require_sound(files, stored)
    if files:
        name = files[0].name
        yield planter.in_files("flipped_byte", files[:1], {name: _flipped(stored[name])})
        yield planter.in_files("truncated_file", files[:1], {name: stored[name][:-1]})
    else:
        yield from (Canary(canary, reason=_too_few(1)) for canary in ("flipped_byte", "truncated_file"))
    if len(files) > 1:
        one, other = stored
        yield planter.in_files("swapped_files", files, {one: stored[other], other: stored[one]})
    else:
        yield Canary("swapped_files", reason=_too_few(2))


def _flipped(data: bytes) -> bytes:
    """Return other bytes that differ in one bit, in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _too_few(wanted: int) -> str:
    return f"It has less than {human_count(wanted, 'file')} of at most {human_size(LARGEST)}."


@dataclasses.dataclass(frozen=True, slots=True)
class _BytePlanter:
    """Lets a verification read `backup` from a store in which some objects are others, as old as its manifest."""

    backup: Backup
    modified: datetime.datetime
    now: Callable[[], datetime.datetime]

    def require_sound(self, files: Iterable[File], stored: Mapping[str, bytes]) -> None:
        """Raise Tampered unless these files pass as they are: else whatever is planted in them would be refused."""
        for file in files:
            if damage := next(filter(None, (self._damage(file, stored, level) for level in verbs.LEVELS)), None):
                raise Tampered(damage, "Use another backup or a replica of this one.", name=file.name)

    def in_files(self, canary: str, files: Sequence[File], objects: Mapping[str, bytes]) -> Canary:
        """Tell whether each of these files, which are `objects` now, is refused at every level."""
        refused = all(self._damage(file, objects, level) for file in files for level in verbs.LEVELS)
        return Canary(canary, " and ".join(file.name for file in files), refused)

    def in_manifest(self, canary: str, backup_id: str, envelope: bytes) -> Canary:
        """Tell whether the backup of this id is refused when `envelope` is its manifest."""
        record = self.backup.manifest
        name = repository.manifest(record.application, record.component, backup_id)
        place = Place(record.component, backup_id, self.modified)
        store = self._store({name: envelope})
        try:
            believed(store, self.backup.trusted_keys, record.application, place, self.now)
        except Tampered:
            return Canary(canary, name, found=True)
        return Canary(canary, name)

    def _damage(self, file: File, objects: Mapping[str, bytes], level: str) -> str | None:
        return verification.damage_of(dataclasses.replace(self.backup, store=self._store(objects)), file, level)

    def _store(self, objects: Mapping[str, bytes]) -> OverlayStore:
        return OverlayStore(self.backup.store, objects, self.modified)


def _in_data(place: Answering) -> Iterator[Canary]:
    """Yield what the comparison makes of each fault that the place plants; what it named before does not count."""
    planted, known = False, frozenset[str]()
    for planting in place.plantings():
        planted = True
        if not planting.what:
            yield Canary(planting.canary, reason=planting.reason)
            continue
        differences = frozenset(place.compare().differences)
        named = any(planting.what in difference for difference in differences - known)
        known = differences
        yield Canary(planting.canary, planting.what, named)
    if not planted:
        yield Canary("data", reason="Nothing can be planted in backups of this kind.")

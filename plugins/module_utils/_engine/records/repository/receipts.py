# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The host's own memory of the backups it made: one line of JSON each, in `<state_dir>/receipts.jsonl`.

A bucket thief can hide a backup from a reader who knows only the bucket. Receipts let `backup_info` say that one is
missing or was exchanged, and let a host that may only write know how old its newest backup is. Each belongs to a store:
what one does not hold may lie in another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ...ground import disk, host_state
from ...ground.errors import StoreError
from ...ground.journal import Journal
from ...ground.units import point_in_time
from . import choosing
from . import names as repository

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from .marks import Mark


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """
    A finished backup: `began` and `finished` are ISO times in UTC, `manifest_sha256` hex over the stored envelope.

    `store` is where it went; lines that do not say it are believed of any store, while the host knows but one. Without
    `began` the id tells it, to the second. Of a server's own files `copy_sha256` and `checksums` are what the manifest
    has of the copy.
    """

    application: str
    component: str
    backup_id: str
    manifest_sha256: str
    scope: str
    reason: str
    finished: str
    size: int
    plain_size: int
    store: str = ""
    began: str = ""
    copy_sha256: str = ""
    checksums: bool = False

    @property
    def at(self) -> datetime.datetime:
        """When it ended, in a line that was damaged when it began."""
        return point_in_time(self.finished) or self.started

    @property
    def started(self) -> datetime.datetime:
        """When it began."""
        return point_in_time(self.began) or repository.began(self.backup_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Expired:
    """A backup that retention let go: its receipt says nothing any more."""

    application: str
    backup_id: str
    store: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class MarkSeen:
    """A mark that protects a backup, as it stood when this host last looked: its object's name, and its time."""

    application: str
    backup_id: str
    kind: str
    name: str
    at: str
    store: str = ""


class Receipts:
    """The receipts of one host for one store. Without a directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None, store: str = "", *, read_only: bool = False) -> None:
        self._store = store
        self._state_dir = state_dir or ""
        self._journal = Journal(state_dir, host_state.RECEIPTS, Receipt)
        self._expired = Journal(state_dir, host_state.EXPIRED, Expired)
        self._marks = Journal(state_dir, host_state.MARKS, MarkSeen)
        self._read_only = read_only

    def add(self, receipt: Receipt) -> None:
        """Append durably. Raise StoreError when the disk refuses."""
        self._journal.add(
            dataclasses.replace(receipt, store=receipt.store or self._store),
            unwritten="The receipt cannot be written to",
            remedy="The backup itself is complete; free space or grant write access there.",
        )

    def of(self, application: str, component: str | None = None) -> list[Receipt]:
        """Return the receipts of an application, or of one of its components or clusters, oldest first."""
        own = [receipt for receipt in self._journal.read() if receipt.application == application]
        several = any(receipt.store not in {"", self._store} for receipt in own)
        return [
            receipt
            for receipt in own
            if (receipt.store == self._store or not (receipt.store or several))
            and component in {None, receipt.component, receipt.component.partition("/")[0]}
        ]

    def believed(self, application: str, component: str | None, now: datetime.datetime) -> list[Receipt]:
        """Return the receipts of what may still be a recovery point: not let go, and not dated by a wrong clock."""
        expired = self.expired(application)
        return [
            receipt
            for receipt in self.of(application, component)
            # As the catalogue does: what claims to have ended in the future is no recovery point.
            if receipt.backup_id not in expired and receipt.at <= now + choosing.FUTURE
        ]

    def expired(self, application: str) -> set[str]:
        """Return the ids of the backups of an application that this host knows to have expired."""
        return {
            entry.backup_id
            for entry in self._expired.read()
            if entry.application == application and entry.store in {"", self._store}
        }

    def forget(self, application: str, backup_ids: Iterable[str]) -> None:
        """Remember that these expired. Where this user may not write, it is found out anew the next time."""
        with contextlib.suppress(StoreError):
            for backup_id in () if self._read_only else sorted(backup_ids):
                entry = Expired(application, backup_id, self._store)
                self._expired.add(
                    entry, unwritten="Deletions cannot be recorded in", remedy="Grant write access there."
                )

    def marks(self, application: str) -> dict[tuple[str, str], MarkSeen]:
        """Return the last mark of each kind that this host saw on each backup, by backup id and kind."""
        read = (seen for seen in self._marks.read() if (seen.application, seen.store) == (application, self._store))
        own = [seen for seen in read if point_in_time(seen.at)]  # the file is a memory, and may be damaged
        return {(seen.backup_id, seen.kind): seen for seen in sorted(own, key=lambda seen: seen.at)}

    def saw_marks(self, marks: Iterable[Mark]) -> None:
        """Remember that these stand. Where this user may not write, nothing is."""
        known = {seen.name for seen in self._marks.read() if seen.store == self._store}
        with contextlib.suppress(StoreError):
            for mark in marks:
                at = mark.at.isoformat()
                seen = MarkSeen(mark.application, mark.backup_id, mark.kind, mark.name, at, self._store)
                if not self._read_only and mark.name not in known:
                    self._marks.add(seen, unwritten="Marks cannot be recorded in", remedy="Grant write access there.")

    def trust_serial(self, application: str) -> int:
        """Return the serial of the newest trust file that this host has seen, or 0."""
        return self._seen(host_state.TRUST, application)

    def saw_trust(self, application: str, serial: int) -> None:
        """Remember a trust file, so that an older one is refused from now on."""
        self._saw(host_state.TRUST, application, serial)

    def kit_serial(self, application: str) -> int:
        """Return the serial of the newest recovery kit that this host has seen, or 0."""
        return self._seen(host_state.KIT, application)

    def saw_kit(self, application: str, serial: int) -> None:
        """Remember a recovery kit, so that an older one is noticed from now on."""
        self._saw(host_state.KIT, application, serial)

    def _seen(self, file: host_state.StateFile, application: str) -> int:
        return 0 if self._journal.path is None else _number(self._serial_path(file, application))

    def _saw(self, file: host_state.StateFile, application: str, serial: int) -> None:
        if self._journal.path is not None and serial > self._seen(file, application):
            # A reader without the right to write here still reads; the memory is then that of others.
            with contextlib.suppress(StoreError):
                disk.write_atomically(self._serial_path(file, application), [str(serial).encode()], shared=True)

    def _serial_path(self, file: host_state.StateFile, application: str) -> str:
        return file.path(self._state_dir, application=application, store=store_digest(self._store))


def store_digest(place: str) -> str:
    """Return what stands for a store in the names of files that a host keeps about it."""
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _number(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read(16))
    except (OSError, ValueError):
        return 0

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The host's own memory of the backups it made: one line of JSON each, in `<state_dir>/receipts.jsonl`.

A bucket thief can hide a backup from a reader who knows only the bucket. Receipts let `backup_info` say that one is
missing or was exchanged, and let a host that may only write know how old its newest backup is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from .. import disk
from ..errors import StoreError
from ..journal import Journal

if t.TYPE_CHECKING:
    from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """A finished backup: `finished` is an ISO time in UTC, `manifest_sha256` hex over the stored envelope."""

    application: str
    component: str
    backup_id: str
    manifest_sha256: str
    scope: str
    reason: str
    finished: str
    size: int
    plain_size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Expired:
    """A backup that retention let go: its receipt says nothing any more."""

    application: str
    backup_id: str


class Receipts:
    """The receipts of one host. Without a directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None, *, read_only: bool = False) -> None:
        self._journal = Journal(state_dir, "receipts.jsonl", Receipt)
        self._expired = Journal(state_dir, "expired.jsonl", Expired)
        self._read_only = read_only

    def add(self, receipt: Receipt) -> None:
        """Append durably. Raise StoreError when the disk refuses."""
        self._journal.add(
            receipt,
            unwritten="The receipt cannot be written to",
            remedy="The backup itself is complete; make room or give the right to write there.",
        )

    def of(self, application: str, component: str | None = None) -> list[Receipt]:
        """Give the receipts of an application, or of one of its components or clusters, oldest first."""
        return [
            receipt
            for receipt in self._journal.read()
            if receipt.application == application
            and component in {None, receipt.component, receipt.component.partition("/")[0]}
        ]

    def expired(self, application: str) -> set[str]:
        """Give the ids of the backups of an application that this host knows to have expired."""
        return {entry.backup_id for entry in self._expired.read() if entry.application == application}

    def forget(self, application: str, backup_ids: Iterable[str]) -> None:
        """Remember that these expired. Where this user may not write, it is found out anew the next time."""
        with contextlib.suppress(StoreError):
            for backup_id in () if self._read_only else sorted(backup_ids):
                entry = Expired(application, backup_id)
                self._expired.add(entry, unwritten="What expired cannot be remembered in", remedy="Give the right to.")

    def trust_serial(self, application: str) -> int:
        """Give the serial of the newest trust file that this host has seen, or 0."""
        if self._journal.path is None:
            return 0
        try:
            with open(self._trust_path(application), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0

    def saw_trust(self, application: str, serial: int) -> None:
        """Remember a trust file, so that an older one is refused from now on."""
        if self._journal.path is not None and serial > self.trust_serial(application):
            # A reader without the right to write here still reads; the memory is then that of others.
            with contextlib.suppress(StoreError):
                disk.write_atomically(self._trust_path(application), [str(serial).encode()])

    def _trust_path(self, application: str) -> str:
        return os.path.join(os.path.dirname(self._journal.path or ""), f"trust-{application}.serial")

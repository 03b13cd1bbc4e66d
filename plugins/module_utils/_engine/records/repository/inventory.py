# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which databases a server had when it was last asked, in `<state_dir>/databases.jsonl`.

A store knows only what was backed up. Who says that every database has a backup compares with this, and who cannot
compare says that.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...ground.host_state import DATABASES
from ...ground.journal import BoundedJournal, line
from ...ground.units import point_in_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST = 1 << 20

CURRENT = datetime.timedelta(hours=26)
"""How long an answer counts: nightly runs ask every night."""


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """
    The databases of a cluster, `asked` at an ISO time in UTC: those that are to be backed up, and those that are not.
    """

    application: str
    cluster: str
    asked: str
    wanted: list[str]
    left_out: list[str]

    @property
    def at(self) -> datetime.datetime:
        """When the server was asked."""
        return datetime.datetime.fromisoformat(self.asked)

    def is_current(self, now: datetime.datetime) -> bool:
        """Whether the answer is young enough to be compared with."""
        return now - CURRENT <= self.at <= now + CURRENT


class Inventories:
    """What one host knows of its servers. Without a directory nothing is kept and nothing is known."""

    def __init__(self, state_dir: str | None) -> None:
        self._journal = BoundedJournal(state_dir, DATABASES, Inventory, largest=LARGEST, sound=_sound, keep=_newest)

    def add(self, inventory: Inventory) -> None:
        """Append durably. Raise StoreError when the disk refuses."""
        self._journal.add(
            inventory,
            unwritten="The databases of the server cannot be recorded in",
            remedy="Free space or grant write access there; databases without a backup are found by this record.",
        )

    def of(self, application: str) -> dict[str, Inventory]:
        """Return the newest answer of each cluster of an application, by the cluster's name."""
        return {entry.cluster: entry for entry in self._journal.read() if entry.application == application}


def _newest(entries: Iterable[Inventory]) -> Iterator[bytes]:
    """Return the line of the newest answer of each cluster."""
    return map(line, {(entry.application, entry.cluster): entry for entry in entries}.values())


def _sound(entry: Inventory) -> bool:
    """Whether a line that was read is what it has to be."""
    names = [entry.wanted, entry.left_out]
    return point_in_time(entry.asked) is not None and all(
        isinstance(each, list) and all(isinstance(name, str) for name in each) for each in names
    )

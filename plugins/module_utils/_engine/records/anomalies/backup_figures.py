# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The figures of each backup that anomalies are looked for in: `<state_dir>/statistics.jsonl`, one line a backup.

A sealed host cannot open what it stored, so it remembers the figures while it has them. A reader who can open backups
takes them from the encrypted detail; one who cannot has the sizes, which are in the manifest. Names of tables are in
the file, and no row of them: it is readable by its owner only.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...drivers.components.base import Figures
from ...ground import journal
from ...ground.host_state import STATISTICS
from ...ground.units import point_in_time

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ..repository.manifest import Manifest

LARGEST = 16 << 20
"""Bytes of the file beyond which old lines are dropped; a database of a thousand tables makes 40 kB a backup."""

KEPT = 80
"""Lines of a component that survive this, fewer where there are so many components that half of the room is full."""


@dataclasses.dataclass(frozen=True, slots=True)
class Statistic:
    """
    One backup in figures: `tables` gives rows by part, `streams` stored bytes and bytes of data by large part.

    `rows` is None, and `tables` empty, when nobody counted. `began` and `finished` are ISO times in UTC. `store` is
    where it went; a line that does not say it counts for each store.
    """

    application: str
    component: str
    backup_id: str
    scope: str
    reason: str
    finished: str
    size: int
    plain_size: int
    compression: str = ""
    rows: int | None = None
    tables: dict[str, int] = dataclasses.field(default_factory=dict)
    streams: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    store: str = ""
    began: str = ""

    @property
    def started(self) -> datetime.datetime:
        """When it began, as far as a line says it."""
        return point_in_time(self.began) or self.at

    @property
    def at(self) -> datetime.datetime:
        """When it was finished."""
        return datetime.datetime.fromisoformat(self.finished)


def of(record: Manifest, figures: Figures | None = None) -> Statistic:
    """Return what the public record of a backup tells, and the component's figures where they are known."""
    told = figures or Figures()
    members = ((name, record.of_member(f"{number:04d}")) for name, number in told.members.items())
    return Statistic(
        application=record.application,
        component=record.component,
        backup_id=record.backup_id,
        scope=record.scope,
        reason=record.reason,
        began=record.started.isoformat(),
        finished=record.finished.isoformat(),
        size=record.size,
        plain_size=record.plain_size,
        compression=told.compression,
        rows=told.rows,
        tables=dict(told.parts),
        streams={name: [sum(one.size for one in own), sum(one.plain_size for one in own)] for name, own in members},
    )


class Statistics:
    """The figures that one host remembers, of one store or all. Without a directory nothing is kept or known."""

    def __init__(self, state_dir: str | None, store: str = "") -> None:
        self._store = store
        self._journal = journal.BoundedJournal(
            state_dir, STATISTICS, Statistic, largest=LARGEST, sound=_sound, keep=_newest
        )

    def add(self, statistic: Statistic) -> None:
        """Append durably. Raise StoreError when the disk refuses."""
        self._journal.add(
            dataclasses.replace(statistic, store=statistic.store or self._store),
            unwritten="The figures of the backup cannot be written to",
            remedy="The backup itself is complete; free space or grant write access there.",
        )

    def of(self, application: str, component: str | None = None) -> list[Statistic]:
        """Return the figures of an application, or of one of its components, oldest first, each backup once."""
        known = {
            entry.backup_id: entry
            for entry in self._journal.read()
            if entry.application == application and component in (None, entry.component)
            if not self._store or entry.store in {"", self._store}
        }
        return sorted(known.values(), key=lambda entry: entry.at)


def _newest(entries: Iterable[Statistic]) -> list[bytes]:
    """Return the lines that stay: the newest of each component, fewer where there are many components."""
    lines: dict[tuple[str, str, str], list[bytes]] = {}
    for entry in entries:
        lines.setdefault((entry.application, entry.component, entry.store), []).append(journal.line(entry))
    kept = KEPT
    while True:
        newest = [line for own in lines.values() for line in own[-kept:]]
        # With room for more, or each backup of thousands of databases would write all of it again.
        if kept == 1 or sum(map(len, newest)) <= LARGEST // 2:
            return newest
        kept //= 2


def _sound(entry: Statistic) -> bool:
    """Whether a line that was read is what it has to be."""
    try:
        pairs = [number for stored, plain in entry.streams.values() for number in (stored, plain)]
        numbers = [entry.size, entry.plain_size, entry.rows or 0, *entry.tables.values(), *pairs]
    except (AttributeError, TypeError, ValueError):
        return False
    return all(isinstance(number, int) for number in numbers) and point_in_time(entry.finished) is not None

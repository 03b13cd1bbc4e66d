# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The staging databases that restores of this host created: `<state_dir>/staging_databases.jsonl` gets one line of JSON
when one is created, and one when it is finished or dropped.

It is the only ground on which a database is dropped without being asked for: nobody who merely owns a database writes
here. Where it is lost, nothing is dropped.
"""

from __future__ import annotations

import dataclasses

from ....ground.host_state import STAGING_DATABASES
from ....ground.journal import Journal


@dataclasses.dataclass(frozen=True, slots=True)
class StagingRecord:
    """A staging database that a restore created. With this record, exactly that database may be dropped."""

    system_identifier: str
    oid: int
    name: str
    target: str
    owner: str
    mark: str


@dataclasses.dataclass(frozen=True, slots=True)
class Line(StagingRecord):
    """A line: a record, and whether the database is finished or dropped."""

    over: bool


class StagingRecords:
    """The records of one host. Without a directory none is kept, so nothing is ever dropped."""

    def __init__(self, state_dir: str | None) -> None:
        self._journal = Journal(state_dir, STAGING_DATABASES, Line)

    def add(self, record: StagingRecord) -> None:
        """Record durably that it was created. Raise StoreError when the disk refuses."""
        self._write(record, over=False)

    def end(self, record: StagingRecord) -> None:
        """Record that it is finished or dropped. Raise StoreError when the disk refuses."""
        self._write(record, over=True)

    def unfinished(self) -> list[StagingRecord]:
        """Return what was created, and neither finished nor dropped."""
        found: dict[StagingRecord, None] = {}
        for line in self._journal.read():
            fields = dataclasses.asdict(line)
            over = fields.pop("over")
            record = StagingRecord(**fields)
            if over:
                found.pop(record, None)
            else:
                found[record] = None
        return list(found)

    def _write(self, record: StagingRecord, *, over: bool) -> None:
        self._journal.add(
            Line(**dataclasses.asdict(record), over=over),
            unwritten=f"The staging database of {record.target!r} cannot be recorded in",
            remedy="Free space or grant write access there, and run again.",
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What this host noted about the databases that its restores made: in `<state_dir>/half_made.jsonl`, one line of JSON each
time that one is begun, and one when it is finished or gone.

It is the only ground on which a database is dropped without being asked for: nobody who merely owns a database writes
here. Where it is lost, nothing is dropped.
"""

from __future__ import annotations

import dataclasses

from ....ground.host_state import HALF_MADE
from ....ground.journal import Journal


@dataclasses.dataclass(frozen=True, slots=True)
class Warrant:
    """The note about a database that a restore made: whoever holds it may drop exactly that one."""

    system_identifier: str
    oid: int
    name: str
    target: str
    owner: str
    mark: str


@dataclasses.dataclass(frozen=True, slots=True)
class Noted(Warrant):
    """A line: a warrant, and whether it begins or ends."""

    over: bool


class StagingWarrants:
    """The warrants of one host. Without a directory none is kept, and so none is ever valid."""

    def __init__(self, state_dir: str | None) -> None:
        self._journal = Journal(state_dir, HALF_MADE, Noted)

    def issue(self, warrant: Warrant) -> None:
        """Keep it durably. Raise StoreError when the disk refuses."""
        self._write(warrant, over=False)

    def end(self, warrant: Warrant) -> None:
        """Forget it. Raise StoreError when the disk refuses."""
        self._write(warrant, over=True)

    def valid(self) -> list[Warrant]:
        """Return what was issued and not ended."""
        found: dict[Warrant, None] = {}
        for line in self._journal.read():
            fields = dataclasses.asdict(line)
            over = fields.pop("over")
            warrant = Warrant(**fields)
            if over:
                found.pop(warrant, None)
            else:
                found[warrant] = None
        return list(found)

    def _write(self, warrant: Warrant, *, over: bool) -> None:
        self._journal.add(
            Noted(**dataclasses.asdict(warrant), over=over),
            unwritten=f"What a restore has made of {warrant.target!r} cannot be noted in",
            remedy="Make room or give the right to write there, and run again.",
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pitr_targets.py and the peer beside it have in common: the rows that they write, and what became of them."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    import datetime

    from postgres_fixtures import Cluster

ROWS = 40
"""Rows of each part of the story, between a base backup or a switch and the next."""

SWITCHING = 0.4
"""How likely a segment ends after a row."""

HOLE = "a segment lacks"
LOSS = "the store goes away"
KINDS = (HOLE, LOSS)

LATEST = "the end of the log"
TIME = "a time"


class Wrong(Exception):
    """Something is not as it must be."""


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)


def commit(server: Cluster, number: int) -> datetime.datetime:
    """Commit a row, and return when that was."""
    server.execute(f"INSERT INTO public.told VALUES ({number})")
    committed = f"SELECT pg_xact_commit_timestamp(xmin) FROM public.told WHERE id = {number}"
    return t.cast("datetime.datetime", server.execute(committed)[0][0])


@dataclasses.dataclass
class Tally:
    """What became of the recoveries of one contender, to one kind of target, that broke in one way."""

    stopped: int = 0
    right: int = 0
    silent: int = 0

    @property
    def all(self) -> int:
        return self.stopped + self.right + self.silent

    def count(self, found: set[int] | None, wanted: set[int]) -> None:
        """Count one: stopped without rows, right, or promoted with other rows than those that were committed."""
        if found is None:
            self.stopped += 1
        elif found == wanted:
            self.right += 1
        else:
            self.silent += 1


def table(tallies: dict[tuple[str, str, str], Tally]) -> list[str]:
    """Return what to tell of all of them."""
    return [
        "| who | what breaks | target | recoveries | stopped | had what they needed | promoted without some rows |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {who} | {kind} | {target} | {one.all} | {one.stopped} | {one.right} | {one.silent} |"
            for (who, kind, target), one in tallies.items()
        ),
    ]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The history of a timeline, as its file tells it: on which timelines it is based, and where each of them was left.

PostgreSQL writes one line for each: number, position and reason (access/transam/timeline.c).
"""

from __future__ import annotations

import re
import typing as t

from . import wal_files

_LINE = re.compile(r"(\d{1,10})\s+([0-9A-F]{1,8}/[0-9A-F]{1,8})(?:\s.*)?")
LAST = (1 << 32) - 1


class Ancestor(t.NamedTuple):
    """A timeline on which another one is based, and the position at which it was left."""

    timeline: int
    end: int


def parse(history: str, timeline: int) -> tuple[Ancestor, ...]:
    """
    Return the ancestors of a timeline, the oldest first. Raise ValueError where its history is none.

    PostgreSQL itself refuses one whose timelines do not ascend.
    """
    found = []
    for line in history.splitlines():
        said = line.strip()
        if said and not said.startswith("#"):
            match = _LINE.fullmatch(said)
            if not match:
                raise ValueError(f"the history of timeline {timeline} has the line {said[:80]!r}")
            found.append(Ancestor(int(match[1]), wal_files.lsn(match[2])))
    check(found, timeline)
    return tuple(found)


def written(ancestors: t.Sequence[Ancestor]) -> bytes:
    """Return a history that says this, as PostgreSQL reads it."""
    return "".join(f"{one.timeline}\t{wal_files.shown(one.end)}\tas archived\n" for one in ancestors).encode()


def check(ancestors: t.Sequence[Ancestor], timeline: int) -> None:
    """
    Raise ValueError unless these can be the ancestors of the timeline: their numbers ascend.

    Their positions need not: a recovery towards a timeline may end before that one began.
    """
    last = 0
    for one in (*(ancestor.timeline for ancestor in ancestors), timeline):
        if not last < one <= LAST:
            raise ValueError(f"the history of timeline {timeline} does not ascend at timeline {one}")
        last = one

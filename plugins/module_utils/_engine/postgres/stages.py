# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
In which order the objects after the data are made, and which of them side by side.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .toc import Entry

_BUILT = frozenset({"CONSTRAINT", "INDEX"})
_SAID = frozenset({"COMMENT", "SECURITY LABEL"})
"""What pg_restore counts to the section of the entry before it: it must follow what it is about."""


def stages(entries: Sequence[Entry]) -> list[tuple[frozenset[int], bool]]:
    """
    Give the numbers of the entries in stages that follow each other, each with whether its objects may be made at once.

    Indexes of partitions are attached one after another. An index of a partitioned table becomes valid with the last of
    its parts, on each level: two sessions that attach on two levels at once miss what the other has not committed, and
    the index stays invalid for good. Foreign keys need those that are valid. Event triggers come last of all.
    """
    attached = frozenset(entry.number for entry in entries if entry.kind == "INDEX ATTACH")
    built = told(entries, {entry.number for entry in entries if attached and entry.kind in _BUILT})
    last = {entry.number for entry in entries if entry.kind == "EVENT TRIGGER"}
    last |= {entry.number for entry in entries if last & set(entry.needs)}
    rest = frozenset(entry.number for entry in entries) - attached - built - last
    return [(built, True), (attached, False), (rest, True), (frozenset(last), False)]


def told(entries: Sequence[Entry], numbers: Collection[int]) -> frozenset[int]:
    """Give `numbers` with the entries that say something about them."""
    wanted = set(numbers)
    return frozenset(wanted | {entry.number for entry in entries if entry.kind in _SAID and wanted & set(entry.needs)})

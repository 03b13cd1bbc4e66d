# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which names of a listing count: anyone who may write can take one, and may not decide by it where a log ends.

What no trusted signer made is passed over and reported, as long as nothing says that it is needed.
"""

from __future__ import annotations

import typing as t

from ...drivers.components.postgres import wal_files
from ...ground.errors import Tampered
from ...ground.units import human_count
from .reading import LOOKED_AT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ...drivers.components.postgres.timelines import Ancestor
    from .archive import Archive
    from .reading import WalReader


def histories(
    archive: Archive,
    reader: WalReader,
    read: Callable[[int], tuple[Ancestor, ...]],
    based: Collection[int],
    refuse: Callable[[str], None],
) -> dict[int, tuple[Ancestor, ...]]:
    """
    Return where the timelines come from, as `read` says it, and take out of the archive what is passed over.

    Raise Tampered for a history that cannot be read where backups are `based` on its timeline, or a trusted signer made
    anything of it.
    """
    found = {}
    for timeline in tuple(archive.histories):
        try:
            found[timeline] = read(timeline)
        except Tampered as exc:
            if timeline in based or reader.anything_of(timeline):
                raise
            refuse(f"{exc.cause} Timeline {timeline} was passed over; find out who stored it.")
            del archive.histories[timeline]
    return found


def ends(
    archive: Archive, reader: WalReader, refuse: Callable[[str], None], *, following: bool = False
) -> frozenset[str]:
    """
    Take out what is behind the last segment of each timeline that a trusted signer made, and return its names.

    What directly follows that one stays where it is `following`: it may be of the log, and was altered. Of much of it
    nothing is taken out: then it is not known where the log ends.
    """
    gone = []
    for timeline in tuple(archive.segments):
        strange = list[str]()
        held = archive.segments[timeline]
        for number in held.backwards():
            file = wal_files.parse(wal_files.segment(timeline, number, archive.segment_size))
            if len(strange) > LOOKED_AT:
                break
            if reader.holds(file):
                kept = held.until(number) - number if following else 0
                strange = strange[: len(strange) - kept]
                break
            strange.append(file.name)
        if not strange:
            continue
        what = strange[0] if len(strange) == 1 else f"{human_count(len(strange), 'segment')} from {strange[-1]}"
        said = f"No trusted signer made the last of timeline {timeline} in the store: {what}."
        if len(strange) > LOOKED_AT:
            refuse(f"{said} So it is not known where the log ends; find out who stored them, and remove them.")
            continue
        refuse(f"{said} It was passed over; find out who stored it.")
        for _name in strange:
            archive.drop_last(timeline)
        gone += strange
    return frozenset(gone)

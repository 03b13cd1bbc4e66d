# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of a server takes the place of its data directory, beside which it was made and which is kept there."""

from __future__ import annotations

import os
import shutil
import typing as t

from ....ground import disk, units
from ....ground.errors import DatabaseError

if t.TYPE_CHECKING:
    import datetime

SPARE = 1.1
"""The room that a copy needs, in sizes of what is copied: while it is made, WAL comes on top of that."""


def require_room(parent: str, size: int, what: str, earlier: str) -> None:
    """
    Raise DatabaseError unless the directory has room for a copy of so many bytes, and OSError where it is none.

    `what` needs it, in the words of its user, and `earlier` ones of that kind left what could be removed.
    """
    free = shutil.disk_usage(parent).free
    if free < size * SPARE:
        raise DatabaseError(
            f"{what} needs {units.human_size(size * SPARE)} beside the data that are there, and {parent} has "
            f"{units.human_size(free)}.",
            f"Make room, for example by removing the data directories that {earlier} kept.",
        )


def aside(data_directory: str, now: datetime.datetime) -> str:
    """Return where a data directory will be kept when a copy takes its place; empty if nothing is there."""
    place = os.path.normpath(data_directory)
    with disk.explained(place):
        return f"{place}.before-{now:%Y%m%dT%H%M%SZ}" if os.path.isdir(place) and os.listdir(place) else ""


def exchange(copy: str, data_directory: str, kept: str) -> None:
    """
    Put a copy into the place of a data directory, which is kept as `kept`; empty if nothing is there.

    Raise StoreError where the disk refuses; what was in the place is in it again then.
    """
    place = os.path.normpath(data_directory)
    with disk.explained(place):
        if kept:
            os.rename(place, kept)
        elif os.path.isdir(place):
            os.rmdir(place)
        try:
            os.rename(copy, place)
        except BaseException:
            if kept:
                os.rename(kept, place)
            raise
        disk.sync_directory(os.path.dirname(place))

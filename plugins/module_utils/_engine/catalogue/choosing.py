# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backup is the newest, and which one `latest` or `latest before <time>` means.

An id tells the second in which a backup began, so that most need not be read; two that began within one second do.
"""

from __future__ import annotations

import datetime
import itertools
import re
import typing as t

from ..errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .manifest import Manifest
    from .stored_backup import Backup

_BEFORE = re.compile(r"latest before (.+)")


class Place(t.NamedTuple):
    """Where a manifest lies, and since when by the store's own clock."""

    component: str
    backup_id: str
    stored: datetime.datetime


def age(backup: Backup) -> tuple[datetime.datetime, str, str]:
    """Give what sorts backups by age."""
    return (backup.manifest.started, backup.manifest.backup_id, backup.manifest.component)


def newest_first(places: Iterable[Place]) -> Iterator[list[Place]]:
    """Yield the places of each second in which backups began, the last second first."""

    def began(place: Place) -> str:
        return second(place.backup_id)

    for _second, group in itertools.groupby(sorted(places, key=began, reverse=True), began):
        yield list(group)


def second(backup_id: str) -> str:
    """Give what an id tells of when the backup began, as text that sorts."""
    return backup_id.rpartition("-")[0]


def is_latest(record: Manifest, before: datetime.datetime | None) -> bool:
    """Whether a backup may be meant by `latest`: a full one, no emergency backup, finished before that time."""
    counts = record.scope == "full" and record.reason != "emergency"
    return counts and (before is None or record.finished < before)


def deadline(selector: str) -> datetime.datetime | None:
    """Read a selector that is no id: give the time it names, None for plain `latest`. Raise UsageError otherwise."""
    if selector == "latest":
        return None
    match = _BEFORE.fullmatch(selector)
    try:
        at = datetime.datetime.fromisoformat(match[1]) if match else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(
            f"The backup {selector!r} is not understood.",
            "Give latest, a backup id, or 'latest before 2026-11-20T10:00:00Z' with a zone or Z.",
            field="backup",
        )
    return at

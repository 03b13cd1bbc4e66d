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

from ...drivers.components.base import COMPARABLE, WHOLE
from ...ground.errors import UsageError
from ...ground.units import point_in_time

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .manifest import Manifest

FUTURE = datetime.timedelta(hours=24)
"""How far ahead of our clock a backup may claim to have finished before it is no recovery point any more."""

EMERGENCY = "emergency"

_BEFORE = re.compile(r"latest before (.+)")


class Made(t.Protocol):
    """A backup: why it was made, and of how much of its component."""

    @property
    def scope(self) -> str:
        """How much of its component it holds."""

    @property
    def reason(self) -> str:
        """Why it was made."""


class Dated(Made, t.Protocol):
    """A backup and when it was made."""

    @property
    def component(self) -> str:
        """The database it is of."""

    @property
    def backup_id(self) -> str:
        """Its id."""

    @property
    def started(self) -> datetime.datetime:
        """When it began."""


Record = t.TypeVar("Record", bound=Dated)


class Place(t.NamedTuple):
    """Where a manifest lies, and since when by the store's own clock."""

    component: str
    backup_id: str
    stored: datetime.datetime


def age(record: Dated) -> tuple[datetime.datetime, str, str]:
    """Return what sorts backups by age: what a restore brings back is the database as it was when they began."""
    return (record.started, record.backup_id, record.component)


def is_whole(record: Made) -> bool:
    """Whether a backup restores the whole component, with its parents where it has some."""
    return record.scope in WHOLE


def is_comparable(record: Made) -> bool:
    """Whether the size of a backup tells something beside that of another such one."""
    return record.scope in COMPARABLE


def is_emergency(record: Made) -> bool:
    """Whether a backup was made because a restore was about to replace what is in it."""
    return record.reason == EMERGENCY


def is_latest(record: Made) -> bool:
    """Whether a backup may be meant by `latest`: one of the whole, and no emergency backup."""
    return is_whole(record) and not is_emergency(record)


def is_before(ended: datetime.datetime, before: datetime.datetime | None) -> bool:
    """Whether a backup that ended then had ended before a time, which None leaves open."""
    return before is None or ended < before


def is_latest_before(record: Manifest, before: datetime.datetime | None) -> bool:
    """Whether a backup may be meant by `latest before <time>`, or where that is None, by `latest`."""
    return is_latest(record) and is_before(record.finished, before)


def newest(records: Iterable[Record], accept: Callable[[Record], object] = lambda _record: True) -> Record | None:
    """Return the newest of those that `latest` may mean and that `accept` lets pass, None where there is none."""
    return max((record for record in records if is_latest(record) and accept(record)), key=age, default=None)


def newest_of_each(records: Iterable[Record]) -> dict[str, Record]:
    """Return the newest that `latest` may mean, of each component that has one."""
    by_component: dict[str, list[Record]] = {}
    for record in records:
        by_component.setdefault(record.component, []).append(record)
    found = ((component, newest(own)) for component, own in by_component.items())
    return {component: record for component, record in found if record is not None}


def newest_first(places: Iterable[Place]) -> Iterator[list[Place]]:
    """Yield the places of each second in which backups began, the last second first."""

    def began(place: Place) -> str:
        return second(place.backup_id)

    for _second, group in itertools.groupby(sorted(places, key=began, reverse=True), began):
        yield list(group)


def second(backup_id: str) -> str:
    """Return what an id tells of when the backup began, as text that sorts."""
    return backup_id.rpartition("-")[0]


def deadline(selector: str) -> datetime.datetime | None:
    """Read a selector that is no id: give the time it names, None for plain `latest`. Raise UsageError otherwise."""
    if selector == "latest":
        return None
    match = _BEFORE.fullmatch(selector)
    at = point_in_time(match[1]) if match else None
    if at is None:
        raise UsageError(
            f"backup: {selector!r} is not a backup.",
            "Use latest, a backup id, or 'latest before 2026-11-20T10:00:00Z', with Z or an offset.",
            field="backup",
        )
    return at

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that an audit looks at: a quarter such as `2026-Q4`, a month, a year, or a range of days, in a time zone."""

from __future__ import annotations

import dataclasses
import datetime
import re

from ...ground.errors import UsageError
from ...ground.units import parse_zone

_QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.ASCII | re.IGNORECASE)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_YEAR = re.compile(r"(\d{4})", re.ASCII)
_RANGE = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, before `until`, in the zone that its days are counted in."""

    name: str
    since: datetime.datetime
    until: datetime.datetime
    zone: str = "UTC"

    @property
    def days(self) -> str:
        """The first and the last day."""
        zone = parse_zone(self.zone, "zone")
        last = self.until.astimezone(zone) - datetime.timedelta(days=1)
        return f"{self.since.astimezone(zone):%Y-%m-%d} to {last:%Y-%m-%d}"


def parse(text: str, now: datetime.datetime, zone: str = "UTC") -> Period:
    """
    Return the period that `text` names; without text, the quarter of `now`.

    Raise UsageError on what is no period, and on a zone that is not known here.
    """
    known = parse_zone(zone, "zone")
    today = now.astimezone(known)
    name = text.strip().upper() or f"{today.year:04d}-Q{(today.month + 2) // 3}"
    try:
        first, after = _days(name)
        since, until = (datetime.datetime.combine(day, datetime.time(), known) for day in (first, after))
        if first < after:
            return Period(name, since.astimezone(datetime.UTC), until.astimezone(datetime.UTC), zone)
    except (ValueError, OverflowError):
        pass
    raise UsageError(
        f"period: {text!r} is not a period.",
        "Use one such as 2026-Q4, 2026-11, 2026 or 2026-10-01..2026-12-31, which includes its last day.",
        field="period",
    )


def _days(name: str) -> tuple[datetime.date, datetime.date]:
    """Return the first day, and the first one after it. Raise ValueError when there are none."""
    if match := _QUARTER.fullmatch(name):
        return _months(int(match[1]), 3 * int(match[2]) - 2, 3)
    if match := _MONTH.fullmatch(name):
        return _months(int(match[1]), int(match[2]), 1)
    if match := _YEAR.fullmatch(name):
        return _months(int(match[1]), 1, 12)
    if match := _RANGE.fullmatch(name):
        return datetime.date.fromisoformat(match[1]), datetime.date.fromisoformat(match[2]) + datetime.timedelta(days=1)
    raise ValueError(name)


def _months(year: int, month: int, count: int) -> tuple[datetime.date, datetime.date]:
    following = month + count
    after = datetime.date(year + (following > 12), (following - 1) % 12 + 1, 1)
    return datetime.date(year, month, 1), after

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The calendar of retention: ages as people write them, zones, and the periods that a slot counts.

A period is named by the local date and hour in the policy's zone, the hour together with its distance from UTC: when a
clock is set back, the repeated hour is a period of its own.
"""

from __future__ import annotations

import calendar
import dataclasses
import datetime
import re

from ...ground.errors import UsageError

SLOTS = ("hourly", "daily", "weekly", "monthly", "yearly")

FOREVER = "forever"

LONGEST_YEARS = 100
"""What is longer is meant to be forever, and date arithmetic must not run out of years."""

_AGE = re.compile(r"([0-9]{1,6}) ?([a-z]+)", re.ASCII)

_HOURS = dict.fromkeys(("h", "hour", "hours"), 1)
_HOURS |= dict.fromkeys(("d", "day", "days"), 24)
_HOURS |= dict.fromkeys(("w", "week", "weeks"), 168)

_MONTHS = dict.fromkeys(("mo", "month", "months"), 1)
_MONTHS |= dict.fromkeys(("y", "year", "years"), 12)


@dataclasses.dataclass(frozen=True, slots=True)
class Age:
    """How long: `hours` or calendar `months`; neither of them is forever. `text` is how it was written."""

    text: str
    hours: int = 0
    months: int = 0

    def before(self, now: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
        """Return the time that lies this long before `now`, in UTC; None when it is forever."""
        return self.after(now, zone, -1)

    def after(self, at: datetime.datetime, zone: datetime.tzinfo, times: int = 1) -> datetime.datetime | None:
        """Return the time that lies so many `times` this long after `at`, in UTC; None when it is forever."""
        if self.hours:
            return at + times * datetime.timedelta(hours=self.hours)
        if not self.months:
            return None
        local = at.astimezone(zone)
        years, month = divmod(local.year * 12 + local.month - 1 + times * self.months, 12)
        day = min(local.day, calendar.monthrange(years, month + 1)[1])
        return local.replace(year=years, month=month + 1, day=day).astimezone(datetime.UTC)


def parse_age(value: object, field: str) -> Age:
    """
    Return the age in a text such as `36h`, `30d`, `12w`, `12mo`, `1y` or `forever`. Raise UsageError on any other.
    """
    text = value.strip().lower() if isinstance(value, str) else ""
    if text == FOREVER:
        return Age(FOREVER)
    match = _AGE.fullmatch(text)
    if match and (number := int(match[1])):
        age = Age(text, number * _HOURS.get(match[2], 0), number * _MONTHS.get(match[2], 0))
        if 0 < age.hours <= LONGEST_YEARS * 8766 or 0 < age.months <= LONGEST_YEARS * 12:
            return age
    raise UsageError(
        f"{field}: {value!r} is not an age.",
        "Use a number above 0 with the unit h, d, w, mo (months) or y, such as 30d or 12mo, or forever.",
        field=field,
    )


def periods(at: datetime.datetime, zone: datetime.tzinfo) -> dict[str, str]:
    """Return the name of the period that `at` falls into, for each kind of slot."""
    local = at.astimezone(zone)
    year, week, _day = local.isocalendar()
    return {
        "hourly": f"{local:%Y-%m-%d %H:00%z}",
        "daily": f"{local:%Y-%m-%d}",
        "weekly": f"{year}-W{week:02d}",
        "monthly": f"{local:%Y-%m}",
        "yearly": f"{local:%Y}",
    }

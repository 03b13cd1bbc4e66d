# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Cron expressions: what they say, when they come, and the same in systemd's words.

The two schedulers differ twice a year, and this file follows each. When clocks go forward, cron runs what was skipped
at a fixed time right after the change, and systemd leaves it out. When they go back, both run a fixed time once; what
comes every hour or every few minutes, cron runs in the repeated hour too, and systemd leaves out.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from ...ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Refusal: t.TypeAlias = "Callable[[str], UsageError]"

Clock = t.Literal["cron", "systemd"]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

LONGEST_WAIT = 366 * 41
"""Days in which every expression comes: the 29th of February on one weekday, over 2100, which is no leap year."""

_ITEM = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", re.ASCII)


class _Field(t.NamedTuple):
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of the week", 0, 7, WEEKDAYS),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Cron:
    """
    A cron expression. `text` is its five fields in numbers; weekdays count from Sunday, which is 0.

    `either`: a day fits by its date or by its weekday, which is cron's rule when both are limited. `wild`: the hour or
    the minute begins with a star, so the time is no fixed one.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    wild: bool

    def fits(self, day: date) -> bool:
        """Tell whether it comes on that day."""
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (by_date or by_weekday if self.either else by_date and by_weekday)


def parse(text: str, field: str) -> Cron:
    """Read five fields or a nickname such as @daily. Raise UsageError that names `field` on any other."""

    def refuse(why: str) -> UsageError:
        return UsageError(
            f"{field}: {text!r} is not a cron expression: {why}.",
            "Use minute, hour, day of the month, month and day of the week, such as '30 2 * * *' or '0 */6 * * *'.",
            field=field,
        )

    words = text.split()
    if len(words) == 1 and words[0].startswith("@"):
        if words[0].lower() not in NICKNAMES:
            raise refuse(f"the names are {', '.join(NICKNAMES)}")
        words = NICKNAMES[words[0].lower()].split()
    if len(words) != len(_FIELDS):
        raise refuse(f"it has {len(words)} fields instead of five")
    read = [_read(word.lower(), known, refuse) for word, known in zip(words, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = (values for values, _text in read)
    day_text, weekday_text = read[2][1], read[4][1]
    cron = Cron(
        text=" ".join(field_text for _values, field_text in read),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either=not day_text.startswith("*") and not weekday_text.startswith("*"),
        wild=read[0][1].startswith("*") or read[1][1].startswith("*"),
    )
    if not cron.either and all(min(days) > LONGEST_MONTH[month - 1] for month in months):
        raise refuse("it never occurs, because no such month has that day")
    return cron


def _read(word: str, known: _Field, refuse: Refusal) -> tuple[frozenset[int], str]:
    """Return the values of one field, and its text with numbers for names."""
    values: set[int] = set()
    texts = []
    for item in word.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise refuse(f"the {known.name} {word!r} is malformed")
        whole, first, last, step = match.groups()
        if step is not None and first is not None and last is None:
            raise refuse(f"a step such as {item!r} needs a range: write {first}-{known.highest}/{step}")
        low = known.lowest if whole == "*" else _number(first, known, refuse)
        # Seven is Sunday once more: a star must not count it twice.
        top = min(known.highest, 6) if known.names is WEEKDAYS else known.highest
        high = top if whole == "*" else low if last is None else _number(last, known, refuse)
        if low > high:
            raise refuse(f"the {known.name} {item!r} runs backwards")
        if step is not None and not 1 <= int(step) <= known.highest:
            raise refuse(f"the {known.name} {item!r} has a step outside 1 to {known.highest}")
        values.update(range(low, high + 1, int(step or 1)))
        span = "*" if whole == "*" else str(low) if last is None else f"{low}-{high}"
        texts.append(span if step is None else f"{span}/{int(step)}")
    return frozenset(values), ",".join(texts)


def _number(text: str, known: _Field, refuse: Refusal) -> int:
    if text in known.names:
        return known.names.index(text) + known.lowest
    if not text.isdecimal():
        raise refuse(f"the {known.name} {text!r} is neither a number nor a name")
    value = int(text)
    if not known.lowest <= value <= known.highest:
        raise refuse(f"the {known.name} is {known.lowest} to {known.highest}, not {text}")
    return value


def system_zone(path: str = "/etc/localtime") -> zoneinfo.ZoneInfo:
    """Return this machine's own time zone, UTC where none is set."""
    try:
        with open(path, "rb") as file:
            return zoneinfo.ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def is_system_zone(name: str, path: str = "/etc/localtime") -> bool:
    """Tell whether this machine's own clock shows the time of that zone, which it knows by the same file."""
    own = os.path.realpath(path)
    return any(os.path.realpath(os.path.join(folder, name)) == own for folder in zoneinfo.TZPATH)


def following(cron: Cron, at: datetime, local: tzinfo, clock: Clock = "cron") -> datetime:
    """Return the first time after `at` at which the expression comes, in UTC."""
    return _nearest(cron, at, local, clock, 1)


def previous(cron: Cron, at: datetime, local: tzinfo, clock: Clock = "cron") -> datetime:
    """Return the last time before `at`, or at it, at which the expression came, in UTC."""
    return _nearest(cron, at, local, clock, -1)


def _nearest(cron: Cron, at: datetime, local: tzinfo, clock: Clock, way: int) -> datetime:
    """Look day by day. One more day is looked at than needed: a clock that goes back at midnight mixes two."""
    start = at.astimezone(local).date() - timedelta(days=way)
    best: datetime | None = None
    for number in range(LONGEST_WAIT):
        day = start + timedelta(days=number * way)
        found = [moment for moment in _moments(cron, day, local, clock) if (moment > at) == (way > 0)]
        if best is not None:
            found.append(best)
            return min(found) if way > 0 else max(found)
        if found:
            best = min(found) if way > 0 else max(found)
    raise ValueError(f"{cron.text} does not occur within {LONGEST_WAIT} days")  # parse lets no such one through


def _moments(cron: Cron, day: date, local: tzinfo, clock: Clock) -> set[datetime]:
    """Return when it comes on a day of the local calendar, in UTC."""
    if not cron.fits(day):
        return set()
    walls = [datetime.combine(day, time(hour, minute)) for hour in cron.hours for minute in cron.minutes]
    midnight = datetime.combine(day, time())
    edges = [each.replace(tzinfo=local, fold=fold) for each in (midnight, midnight + timedelta(1)) for fold in (0, 1)]
    offsets = {edge.utcoffset() or timedelta() for edge in edges}
    if len(offsets) == 1:  # as on nearly every day, and many times as fast
        offset = offsets.pop()
        return {wall.replace(tzinfo=UTC) - offset for wall in walls}
    found: set[datetime] = set()
    for wall in walls:
        if _exists(wall, local):
            found.add(_instant(wall, local))
            if cron.wild and clock == "cron":
                found.add(_instant(wall.replace(fold=1), local))
        elif clock == "cron" and not cron.wild:
            found.add(_after_gap(wall, local))
    return found


def _instant(wall: datetime, local: tzinfo) -> datetime:
    return wall.replace(tzinfo=local).astimezone(UTC)


def _exists(wall: datetime, local: tzinfo) -> bool:
    return _instant(wall, local).astimezone(local).replace(tzinfo=None, fold=0) == wall


def _after_gap(wall: datetime, local: tzinfo) -> datetime:
    while not _exists(wall, local):
        wall += timedelta(minutes=1)
    return _instant(wall, local)


def on_calendar(cron: Cron, zone_name: str = "") -> tuple[str, ...]:
    """Return OnCalendar= expressions that together come when `cron` does, seconds 0, in that zone or the host's own."""
    clock = f"{_listed(cron.hours, 23)}:{_listed(cron.minutes, 59)}:00"
    months, days = _listed(cron.months, 12, 1), _listed(cron.days, 31, 1)
    tail = f" {zone_name}" if zone_name else ""
    weekdays = "" if len(cron.weekdays) == len(WEEKDAYS) else f"{_weekdays(cron.weekdays)} "
    if cron.either:  # systemd wants both to fit, cron either: so one expression for each
        return f"*-{months}-{days} {clock}{tail}", f"{weekdays}*-{months}-* {clock}{tail}"
    return (f"{weekdays}*-{months}-{days} {clock}{tail}",)


def _listed(values: Iterable[int], highest: int, lowest: int = 0) -> str:
    """
    Return `*`, or a list with ranges such as 01,03..05.

    No step such as 00/8, whose first value after midnight systemd 252 passes over.
    """
    sorted_values = sorted(values)
    if sorted_values == list(range(lowest, highest + 1)):
        return "*"
    return ",".join(
        f"{run[0]:02d}" if run[0] == run[-1] else f"{run[0]:02d}..{run[-1]:02d}" for run in _runs(sorted_values)
    )


def _weekdays(values: Iterable[int]) -> str:
    # systemd's week begins on Monday.
    week = [WEEKDAYS[day].capitalize() for day in (1, 2, 3, 4, 5, 6, 0)]
    runs = _runs(sorted((day - 1) % 7 for day in values))
    return ",".join(week[run[0]] if run[0] == run[-1] else f"{week[run[0]]}..{week[run[-1]]}" for run in runs)


def _runs(values: Iterable[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return runs

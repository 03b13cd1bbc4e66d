# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Times and sizes as people write and read them: `12h`, `64MiB`, `about 18 s`.

Reading is strict, because a wrong unit in a guard is worse than an error; writing is short and always fits one line.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from .errors import MissingLibrary, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}

_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]*)", re.ASCII | re.IGNORECASE)

LONGEST = 100 * 365 * 86400.0
"""Seconds in the longest time that is taken for meant: a century, which date arithmetic still holds."""

LARGEST = 1 << 60
"""Bytes in the largest size that is taken for meant."""


def parse_duration(text: str, field: str) -> float:
    """
    Return the seconds in a time such as `90s`, `12h` or `1h30m`. Raise UsageError that names `field` on any other.
    """
    value = text.strip()
    if value == "0":
        return 0.0
    if _DURATION.fullmatch(value):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
        if seconds <= LONGEST:
            return seconds
    raise UsageError(
        f"{field}: {text!r} is not a duration.",
        "Use numbers with the units s, m, h, d or w, such as 90s, 12h or 1h30m.",
        field=field,
    )


def point_in_time(value: object) -> datetime.datetime | None:
    """Return the time of a text in ISO 8601 with a zone, None for anything else."""
    try:
        at = datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def parse_zone(name: object, field: str) -> datetime.tzinfo:
    """Return the time zone of an IANA name such as Europe/Amsterdam. Raise UsageError when there is none."""
    if name == "UTC":
        return datetime.UTC  # needs no database of zones, which a bare host may lack
    import zoneinfo  # noqa: PLC0415 - PostgreSQL waits for programs that know no zone

    try:
        return zoneinfo.ZoneInfo(t.cast("str", name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError) as exc:
        if isinstance(name, str) and not zoneinfo.available_timezones():
            raise MissingLibrary("tzdata", f"to know the time zone {name!r}") from exc
        raise UsageError(
            f"{field}: {name!r} is not a time zone that this host knows.",
            "Use a name such as UTC or Europe/Amsterdam; they are in Debian's package tzdata.",
            field=field,
        ) from exc


def parse_size(text: str, field: str) -> int:
    """
    Return the bytes in a size such as `512`, `64MiB` or `1.5GB`. Raise UsageError that names `field` on any other.
    """
    match = _SIZE.fullmatch(text.strip())
    factor = _BYTES.get((match[2] or "b").lower()) if match else None
    if match and factor is not None:
        # A fraction of a byte is a slip, and a fraction that a float cannot hold is not what people write.
        size = float(match[1]) * factor
        if size <= LARGEST and size == int(size):
            return int(size)
    raise UsageError(
        f"{field}: {text!r} is not a size.",
        "Use a number of bytes, or one with kB, MB, GB, TB (thousands) or KiB, MiB, GiB, TiB (1024s), such as 64MiB.",
        field=field,
    )


def human_size(count: float) -> str:
    """Return a size such as `512 B` or `1.2 GiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1023.95:
            return f"{value:.0f} B" if unit == "B" else f"{_short(value)} {unit}"
        value /= 1024
    return f"{_short(value)} TiB"


def human_rate(per_second: float) -> str:
    """Return a rate such as `210 MiB/s`."""
    return f"{human_size(per_second)}/s"


def human_duration(seconds: float) -> str:
    """Return a time such as `0.4 s`, `18 s`, `3 min 20 s` or `2 h 5 min`."""
    if seconds < 9.95:
        tenths = f"{max(seconds, 0.0):.1f}".removesuffix(".0")
        return f"{tenths} s"
    whole = round(seconds)
    for size, unit, smaller, smaller_unit in _STEPS:
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{whole} s"


_STEPS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def _short(value: float) -> str:
    """Return three digits at most: what a reader takes in, and no more than an estimate is worth."""
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}"


def human_count(number: int, noun: str) -> str:
    """Return a number of things, such as `1 backup` or `1,200 backups`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def human_list(names: Sequence[str], most: int) -> str:
    """Return the first of some names, and how many more there are: `a, b and 3 more`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a backup counts as suspicious: the option `anomalies`, read strictly."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import UsageError
from ...ground.units import point_in_time

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Thresholds:
    """
    When to be suspicious.

    `window` backups are looked back on (0: never suspicious), nothing is judged before there are `minimum`. `shrink`
    and `growth` are percent that are always plausible, `collapse` is the same for the stored bytes per hundred bytes
    of data; beyond them, `deviations` of the series' own noise are. Tables of fewer than `table_rows` rows are not
    judged. What is older than `since` is no baseline any more.
    """

    window: int = 20
    minimum: int = 5
    deviations: float = 4.0
    shrink: int = 25
    growth: int = 100
    collapse: int = 15
    table_rows: int = 100
    since: datetime.datetime | None = None


DEFAULTS = Thresholds()

_LIMITS = {
    "window": (0, 200),
    "minimum": (3, 200),
    "deviations": (1, 100),
    "shrink": (1, 99),
    "growth": (1, 100_000),
    "collapse": (1, 99),
    "table_rows": (1, 10**12),
}


def parse(options: Mapping[str, t.Any] | None, field: str = "anomalies") -> Thresholds:
    """Read the option of that name. Raise UsageError that names an unknown key or an impossible value."""
    given = {key: value for key, value in (options or {}).items() if value is not None}
    for key, value in given.items():
        if key == "since":
            given[key] = _time(value, f"{field}.since")
            continue
        if key not in _LIMITS:
            raise UsageError(
                f"{field} has no key {key!r}.", f"Use some of {', '.join(_LIMITS)}, since.", field=f"{field}.{key}"
            )
        low, high = _LIMITS[key]
        number = isinstance(value, int) or (key == "deviations" and isinstance(value, float))
        if not number or isinstance(value, bool) or not low <= value <= high:
            raise UsageError(
                f"{field}.{key} is {value!r}.", f"Use a number from {low} to {high}.", field=f"{field}.{key}"
            )
    made = Thresholds(**given)
    if made.window and made.window < made.minimum:
        raise UsageError(
            f"{field}.window is smaller than {field}.minimum.",
            "Set window to at least minimum.",
            field=f"{field}.window",
        )
    return made


def _time(value: object, field: str) -> datetime.datetime:
    at = point_in_time(str(value))
    if at is None:
        raise UsageError(
            f"{field} is {value!r}, which is not a time.", "Use one such as 2026-11-20T10:00:00Z.", field=field
        )
    return at

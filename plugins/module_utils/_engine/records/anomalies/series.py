# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One figure of a database over its backups, and what of it would still be plausible for the next one.

Pure numbers. The band is that of the last figures that raised no suspicion and of where the trend leads, widened by
the series' own noise: the median absolute deviation about a Theil-Sen line.
"""

from __future__ import annotations

import itertools
import math
import statistics as sums
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .thresholds import Thresholds

RECENT = 7
"""Figures that set the normal range; with daily backups the weekend is among them."""

CONSISTENT = 1.4826
"""Turns the median absolute deviation of normally distributed noise into its standard deviation."""

MOST_POINTS = 60
"""Points that a trend is made of; the pairs of a thousand would take seconds, and say the same."""

HABIT = 2
"""How often a figure must have gone as far and come back before that is its way."""


class Series(t.NamedTuple):
    """A figure as it was: one value a backup, and which of them raised no suspicion."""

    values: list[float]
    clean: list[bool]

    @property
    def good(self) -> list[float]:
        """Those that raised none; when all did, all."""
        good = [value for value, clean in zip(self.values, self.clean, strict=True) if clean]
        return good or self.values

    @property
    def recent(self) -> list[float]:
        """The last of the good ones."""
        return self.good[-RECENT:]


def normal(series: Series, thresholds: Thresholds) -> tuple[float, float]:
    """Return the lowest and the highest figure that is still plausible."""
    past = [math.log1p(value) for value in series.values]
    slope = _slope(past)
    middle = sums.median(value - slope * place for place, value in enumerate(past))
    noise = thresholds.deviations * spread([value - slope * place for place, value in enumerate(past)], middle)
    near = [*(math.log1p(value) for value in series.recent), middle + slope * len(past)]
    low = min(near) - max(-math.log1p(-thresholds.shrink / 100), noise)
    high = max(near) + max(math.log1p(thresholds.growth / 100), noise)
    # Noise may be so large that nothing would surprise; the numbers then still have to be numbers.
    return math.expm1(max(low, 0.0)), math.expm1(min(high, 500.0))


def habitual(past: Sequence[float], value: float, usual: float, thresholds: Thresholds) -> bool:
    """
    Whether a figure left what is usual as far as `value` before, and came back, more than once.

    A table that is emptied every weekend, or at each month's end, is no loss; and one that was lost does not come back
    by itself twice.
    """
    share = 1 - thresholds.shrink / 100 if value < usual else 1 + thresholds.growth / 100

    def reaches(figure: float, aim: float) -> bool:
        allowed = math.log1p(figure) + math.log(share) - math.log1p(aim)
        return allowed <= 0 if value < usual else allowed >= 0

    times, away, home = 0, False, False
    for figure in past:
        if reaches(figure, value):
            away = home
        elif not reaches(usual, figure):
            continue  # on its way
        else:
            times, away, home = times + away, False, True
    return times >= HABIT


def highest_ratio(series: Series, thresholds: Thresholds) -> float:
    """
    Return the ratio of stored bytes to data up to which the data is still what it was.

    Noise counts up to half of the way to data that does not compress at all, or a jumpy ratio would hide everything.
    """
    top, wide = max(series.recent), thresholds.collapse / 100
    noise = thresholds.deviations * spread(series.values, sums.median(series.recent))
    bound = top + max(wide, min(noise, (1 - top) / 2))
    if len(series.good) >= 2 * RECENT:
        # Who encrypts a part each night is below that every time. It shows against the beginning of the window.
        first = series.good[: len(series.good) // 3]
        noise = thresholds.deviations * spread(first, sums.median(first))
        if sums.median(series.recent) > max(first) + wide:
            bound = min(bound, max(first) + max(2 * wide, noise))
    return bound


def spread(values: Sequence[float], middle: float) -> float:
    """Return the noise about a middle, as a standard deviation that odd values do not make large."""
    return CONSISTENT * sums.median(abs(value - middle) for value in values)


def _slope(values: Sequence[float]) -> float:
    """Return the median slope between any two (Theil-Sen): a third of the values may lie anywhere."""
    apart = 1 + len(values) // MOST_POINTS
    points = [(place, values[place]) for place in range(0, len(values), apart)]
    steps = [(high - low) / (right - left) for (left, low), (right, high) in itertools.combinations(points, 2)]
    return sums.median(steps) if steps else 0.0

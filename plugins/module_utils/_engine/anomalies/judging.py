# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backups do not look like the ones before them: smaller, emptier, or no longer compressible.

Pure: figures in, reasons out. A figure is compared with the last ones that raised no suspicion and with where the trend
leads, within a band that the series' own noise sets (median absolute deviation about a Theil-Sen line), so that
neither growth nor a jumpy table alarms. What was suspicious stays in the baseline: a change that is there to stay
becomes the norm after about half a window.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import re
import statistics as sums
import typing as t

from ..units import human_size
from .thresholds import DEFAULTS, Thresholds, parse

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .statistics import Statistic

__all__ = ["DEFAULTS", "Suspicion", "Thresholds", "judge", "parse", "shown"]

RECENT = 7
"""Figures that set the normal range; with daily backups the weekend is among them."""

CONSISTENT = 1.4826
"""Turns the median absolute deviation of normally distributed noise into its standard deviation."""

RATIO_BYTES = 64 << 10
"""Bytes of data below which the ratio says more about heads and catalogues than about data."""

RATIO_LEAST = 0.4
"""Below this ratio data still compresses well, however much worse than before. Hex digits of noise reach 0.5."""

RATIO_FALL = 2.0
"""Data that suddenly compresses so many times better was replaced by something else."""

SHOWN = 20
"""Suspicions that are spelt out for one backup; a destroyed database of a thousand tables needs no thousand lines."""


@dataclasses.dataclass(frozen=True, slots=True)
class Suspicion:
    """
    One reason to look at a backup before counting on it.

    `kind` is `size_drop size_growth rows_drop rows_growth table_rows_drop table_vanished compression_collapse
    compression_drift`; `subject` is a table, or empty for the whole; `expected` is the middle of the normal range.
    """

    kind: str
    subject: str
    value: float
    expected: float
    cause: str


class _Series(t.NamedTuple):
    """A figure as it was: one value a backup, and which of them raised no suspicion."""

    values: list[float]
    clean: list[bool]

    @property
    def recent(self) -> list[float]:
        """The last ones that raised none; when all did, the last ones."""
        good = [value for value, clean in zip(self.values, self.clean, strict=True) if clean]
        return (good or self.values)[-RECENT:]


def judge(history: Sequence[Statistic], thresholds: Thresholds) -> dict[str, tuple[Suspicion, ...]]:
    """
    Give what is suspicious about each full backup of one component, by backup id; `history` is oldest first.

    An emergency backup is judged, and is nobody's baseline: it was made because something was wrong.
    """
    found: dict[str, tuple[Suspicion, ...]] = {}
    baseline: list[Statistic] = []
    for current in history:
        if current.scope != "full" or not thresholds.window:
            continue
        if thresholds.since and current.at < thresholds.since:
            continue
        judged = _Judge(baseline[-thresholds.window :], found, current, thresholds)
        found[current.backup_id] = tuple(judged.suspicions())
        if current.reason != "emergency":
            baseline.append(current)
    return found


def shown(suspicions: Sequence[Suspicion]) -> list[str]:
    """Give the causes, the most telling first, and how many more there are."""
    ordered = sorted(suspicions, key=lambda each: (each.kind != "compression_collapse", bool(each.subject)))
    causes = [each.cause for each in ordered[:SHOWN]]
    hidden = len(suspicions) - SHOWN
    return [*causes, f"And {hidden} more."] if hidden > 0 else causes


class _Judge:
    """Compares one backup with those before it."""

    def __init__(
        self,
        baseline: Sequence[Statistic],
        found: Mapping[str, tuple[Suspicion, ...]],
        current: Statistic,
        thresholds: Thresholds,
    ) -> None:
        self._baseline = baseline
        self._flagged = {
            entry.backup_id: {(each.kind.partition("_")[0], each.subject) for each in found.get(entry.backup_id, ())}
            for entry in baseline
        }
        self._current = current
        self._set = thresholds

    def suspicions(self) -> Iterator[Suspicion]:
        """Yield the reasons, those of the whole first."""
        if len(self._baseline) < self._set.minimum:
            return
        yield from self._ratio("", lambda entry: (entry.size, entry.plain_size))
        yield from self._amount("size", self._current.plain_size, lambda entry: entry.plain_size, human_size)
        if self._current.rows is not None:
            yield from self._amount("rows", self._current.rows, lambda entry: entry.rows, _rows)
        yield from self._tables()
        yield from self._streams()

    def _series(self, group: str, subject: str, figure: Callable[[Statistic], float | None]) -> _Series | None:
        """Give a figure's past; None when there is too little of it."""
        taken = [(figure(entry), (group, subject) not in self._flagged[entry.backup_id]) for entry in self._baseline]
        known = [(value, clean) for value, clean in taken if value is not None]
        if len(known) < self._set.minimum:
            return None
        return _Series([value for value, _clean in known], [clean for _value, clean in known])

    def _amount(
        self,
        group: str,
        value: float,
        figure: Callable[[Statistic], float | None],
        spoken: Callable[[float], str],
    ) -> Iterator[Suspicion]:
        series = self._series(group, "", figure)
        if series is None:
            return
        low, high = _normal(series, self._set)
        usual = sums.median(series.recent)
        what = "The data" if group == "size" else "All tables together"
        if value < low and usual - value >= (self._set.table_rows if group == "rows" else RATIO_BYTES):
            yield Suspicion(f"{group}_drop", "", value, usual, _fell(f"{what} shrank", value, usual, spoken))
        elif value > high and value - usual >= (self._set.table_rows if group == "rows" else RATIO_BYTES):
            cause = f"{what} grew to {spoken(value)}, where {spoken(usual)} are usual."
            yield Suspicion(f"{group}_growth", "", value, usual, cause)

    def _tables(self) -> Iterator[Suspicion]:
        most: dict[str, int] = {}
        for entry in self._baseline:
            for name, counted in entry.tables.items():
                if counted > most.get(name, -1):
                    most[name] = counted
        for name in sorted(most):
            rows = self._current.tables.get(name)
            least = (most[name] + 1) * (1 - self._set.shrink / 100) - 1
            if rows is not None and (most[name] - rows < self._set.table_rows or rows >= least):
                continue  # most tables, most of the time
            series = self._series("table", name, lambda entry, name=name: entry.tables.get(name))  # type: ignore[misc]
            if series is None or not self._current.tables:
                continue
            usual = sums.median(series.recent)
            if rows is None:
                # Of partitions by time, old ones go while others of the same family come.
                if usual >= self._set.table_rows and _family(name) not in self._families:
                    cause = f"Table {name} is gone; it had {_rows(usual)}."
                    yield Suspicion("table_vanished", name, 0, usual, cause)
            elif usual - rows >= self._set.table_rows and rows < _lowest(series, self._set):
                cause = _fell(f"Table {name} shrank", rows, usual, _rows)
                yield Suspicion("table_rows_drop", name, rows, usual, cause)

    @functools.cached_property
    def _families(self) -> set[str]:
        return {_family(name) for name in self._current.tables}

    def _streams(self) -> Iterator[Suspicion]:
        """Judge how the stored files compress: one for each large table, and one for all the small ones."""
        own = set(self._current.streams)
        if all(map(_mixed, own)):
            return  # that is all of it, and was judged as the whole
        for name in sorted(own):
            yield from self._ratio(
                name,
                # The file of the small tables is comparable while it holds the same ones.
                lambda entry, name=name: (  # type: ignore[misc]
                    entry.streams.get(name) if name != "" and (not _mixed(name) or set(entry.streams) == own) else None
                ),
            )

    def _ratio(
        self, subject: str, figure: Callable[[Statistic], tuple[int, int] | Sequence[int] | None]
    ) -> Iterator[Suspicion]:
        def ratio(entry: Statistic) -> float | None:
            pair = figure(entry)
            # Only a detail tells how it was compressed; what is not known is taken for the same.
            alike = len({entry.compression, self._current.compression} - {""}) < 2
            return pair[0] / pair[1] if alike and pair and pair[1] >= RATIO_BYTES else None

        value, series = ratio(self._current), self._series("compression", subject, ratio)
        if value is None or series is None:
            return
        usual = sums.median(series.recent)
        noise = self._set.deviations * _spread(series.values, usual)
        whose = f"of table {subject}" if subject and not _mixed(subject) else "of the small tables" if subject else ""
        said = f"The data {whose}".strip()
        told = f"{100 * value:.0f} % of it is stored, where {100 * usual:.0f} % are usual."
        if value >= RATIO_LEAST and value > max(series.recent) + max(self._set.collapse / 100, noise):
            cause = (
                f"{said} hardly compresses any more: {told} "
                "Encrypted data looks like this: a possible sign of ransomware."
            )
            yield Suspicion("compression_collapse", subject, round(value, 4), round(usual, 4), cause)
        elif value * RATIO_FALL < min(series.recent) and min(series.recent) - value > max(0.05, noise):
            cause = f"{said} compresses much better than before: {told} It may have been overwritten."
            yield Suspicion("compression_drift", subject, round(value, 4), round(usual, 4), cause)


def _normal(series: _Series, thresholds: Thresholds) -> tuple[float, float]:
    """Give the lowest and the highest figure that is still plausible."""
    past = [math.log1p(value) for value in series.values]
    slope = _slope(past)
    middle = sums.median(value - slope * place for place, value in enumerate(past))
    noise = thresholds.deviations * _spread([value - slope * place for place, value in enumerate(past)], middle)
    near = [*(math.log1p(value) for value in series.recent), middle + slope * len(past)]
    low = min(near) - max(-math.log1p(-thresholds.shrink / 100), noise)
    high = max(near) + max(math.log1p(thresholds.growth / 100), noise)
    # Noise may be so large that nothing would surprise; the numbers then still have to be numbers.
    return math.expm1(max(low, 0.0)), math.expm1(min(high, 500.0))


def _lowest(series: _Series, thresholds: Thresholds) -> float:
    return _normal(series, thresholds)[0]


def _slope(values: Sequence[float]) -> float:
    """Give the median slope between any two (Theil-Sen): a third of the values may lie anywhere."""
    steps = [
        (second - first) / (right - left)
        for (left, first), (right, second) in itertools.combinations(enumerate(values), 2)
    ]
    return sums.median(steps) if steps else 0.0


def _spread(values: Sequence[float], middle: float) -> float:
    return CONSISTENT * sums.median(abs(value - middle) for value in values)


def _fell(what: str, value: float, usual: float, spoken: Callable[[float], str]) -> str:
    share = 100 * (usual - value) / usual if usual else 0.0
    return f"{what} to {spoken(value)}, {share:.0f} % less than the {spoken(usual)} that are usual."


def _rows(count: float) -> str:
    return f"{count:,.0f} rows"


def _family(name: str) -> str:
    """Give the name with its numbers left out, which partitions by time or number share."""
    return re.sub(r"\d+", "#", name)


def _mixed(stream: str) -> bool:
    """Whether a stream is that of several tables: a table's own has a schema before a dot."""
    return "." not in stream

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backups do not look like the ones before them: smaller, emptier, or no longer compressible.

Pure: figures in, reasons out. What is plausible for a figure its own series says, so that neither growth nor a jumpy
table alarms, nor one that is emptied every weekend. What was suspicious stays in the baseline: a change that is there
to stay becomes the norm after about half a window.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import statistics as sums
import typing as t

from ...ground.units import human_size
from ..repository import choosing
from .series import Series, habitual, highest_ratio, normal, spread
from .thresholds import DEFAULTS, Thresholds, parse

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ..repository.choosing import Record
    from .backup_figures import Statistic

    Figure: t.TypeAlias = "Callable[[Statistic], float | None]"

__all__ = ["DEFAULTS", "Suspicion", "Thresholds", "judge", "judged", "parse", "shown", "windows"]

RATIO_BYTES = 64 << 10
"""Bytes of data below which the ratio says more about heads and catalogues than about data."""

RATIO_LEAST = 0.4
"""Below this ratio data still compresses well, however much worse than before. Hex digits of noise reach 0.5."""

RATIO_FALL = 2.0
"""Data that suddenly compresses so many times better was replaced by something else."""

DEPTH = 4
"""Windows of backups in which habits are looked for: with daily backups, two ends of months are among them."""

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


def windows(history: Iterable[Record], thresholds: Thresholds) -> list[list[Record]]:
    """Return what is judged together: of each component the newest full backups, oldest first."""
    groups: dict[str, list[Record]] = {}
    for one in sorted(filter(choosing.is_comparable, history), key=choosing.age):
        groups.setdefault(one.component, []).append(one)
    return [group[-DEPTH * thresholds.window :] for group in groups.values() if thresholds.window]


def judged(history: Iterable[Statistic], thresholds: Thresholds) -> dict[str, tuple[Suspicion, ...]]:
    """Return what is suspicious about each backup in the windows of a history, by backup id."""
    every = (judge(window, thresholds) for window in windows(history, thresholds))
    return {identity: suspicions for found in every for identity, suspicions in found.items()}


def judge(history: Sequence[Statistic], thresholds: Thresholds) -> dict[str, tuple[Suspicion, ...]]:
    """
    Return what is suspicious about each full backup of one component, by backup id; `history` is oldest first.

    An emergency backup is judged, and is nobody's baseline: it was made because something was wrong.
    """
    found: dict[str, tuple[Suspicion, ...]] = {}
    baseline: list[Statistic] = []
    for current in history:
        if not choosing.is_comparable(current) or not thresholds.window:
            continue
        if thresholds.since and current.at < thresholds.since:
            continue
        judged = _Judge(baseline[-DEPTH * thresholds.window :], found, current, thresholds)
        found[current.backup_id] = tuple(judged.suspicions())
        if not choosing.is_emergency(current):
            baseline.append(current)
    return found


def shown(suspicions: Sequence[Suspicion]) -> list[str]:
    """Return the causes, the most telling first, and how many more there are."""
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
        self._past = baseline
        self._window = baseline[-thresholds.window :]
        self._flagged = {
            entry.backup_id: {(each.kind.partition("_")[0], each.subject) for each in found.get(entry.backup_id, ())}
            for entry in self._window
        }
        self._current = current
        self._set = thresholds

    def suspicions(self) -> Iterator[Suspicion]:
        """Yield the reasons, those of the whole first."""
        if len(self._window) < self._set.minimum:
            return
        yield from self._ratio("", lambda entry: (entry.size, entry.plain_size))
        yield from self._amount("size", self._current.plain_size, lambda entry: entry.plain_size, human_size)
        if self._current.rows is not None:
            yield from self._amount("rows", self._current.rows, lambda entry: entry.rows, _rows)
        yield from self._tables()
        yield from self._streams()

    def _series(self, group: str, subject: str, figure: Figure) -> Series | None:
        """Return a figure's past in the window; None when there is too little of it."""
        taken = [(figure(entry), (group, subject) not in self._flagged[entry.backup_id]) for entry in self._window]
        known = [(value, clean) for value, clean in taken if value is not None]
        if len(known) < self._set.minimum:
            return None
        return Series([value for value, _clean in known], [clean for _value, clean in known])

    def _habitual(self, figure: Figure, value: float, usual: float) -> bool:
        past = [known for known in map(figure, self._past) if known is not None]
        return habitual(past, value, usual, self._set)

    def _amount(self, group: str, value: float, figure: Figure, spoken: Callable[[float], str]) -> Iterator[Suspicion]:
        series = self._series(group, "", figure)
        if series is None:
            return
        low, high = normal(series, self._set)
        usual = sums.median(series.recent)
        least = self._set.table_rows if group == "rows" else RATIO_BYTES
        if low <= value <= high or abs(value - usual) < least or self._habitual(figure, value, usual):
            return
        what = "The data" if group == "size" else "All tables together"
        if value < low:
            yield Suspicion(f"{group}_drop", "", value, usual, _fell(f"{what} shrank", value, usual, spoken))
        else:
            cause = f"{what} grew to {spoken(value)}, where {spoken(usual)} are usual."
            yield Suspicion(f"{group}_growth", "", value, usual, cause)

    def _tables(self) -> Iterator[Suspicion]:
        if not self._current.tables:
            return  # nobody counted
        most: dict[str, int] = {}
        for entry in self._window:
            for name, counted in entry.tables.items():
                if counted > most.get(name, -1):
                    most[name] = counted
        for name in sorted(most):
            rows = self._current.tables.get(name)
            least = (most[name] + 1) * (1 - self._set.shrink / 100) - 1
            if rows is None or (most[name] - rows >= self._set.table_rows and rows < least):
                yield from self._table(name, rows)  # few tables, most of the time

    def _table(self, name: str, rows: int | None) -> Iterator[Suspicion]:
        """Judge a table that has fewer rows than it ever had in the window, or is gone."""
        series = self._series("table", name, lambda entry: entry.tables.get(name))
        if series is None:
            return
        usual = sums.median(series.recent)
        # Of partitions by time, old ones go while others of the same family come.
        expected = rows is None and _family(name) in self._families
        if expected or usual - (rows or 0) < self._set.table_rows or (rows or 0) >= normal(series, self._set)[0]:
            return
        if self._habitual(lambda entry: entry.tables.get(name, 0) if entry.tables else None, rows or 0, usual):
            return
        if rows is None:
            yield Suspicion("table_vanished", name, 0, usual, f"Table {name} is missing; it had {_rows(usual)}.")
        else:
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
        noise = self._set.deviations * spread(series.values, usual)
        whose = f"of table {subject}" if subject and not _mixed(subject) else "of the small tables" if subject else ""
        said = f"The data {whose}".strip()
        told = f"{100 * value:.0f} % of it is stored, where {100 * usual:.0f} % are usual."
        if value >= RATIO_LEAST and value > highest_ratio(series, self._set):
            cause = f"{said} hardly compresses any more: {told} This can be a sign of ransomware that encrypted it."
            yield Suspicion("compression_collapse", subject, round(value, 4), round(usual, 4), cause)
        elif value * RATIO_FALL < min(series.recent) and min(series.recent) - value > max(0.05, noise):
            cause = f"{said} compresses much better than before: {told} It may have been overwritten."
            yield Suspicion("compression_drift", subject, round(value, 4), round(usual, 4), cause)


def _fell(what: str, value: float, usual: float, spoken: Callable[[float], str]) -> str:
    share = 100 * (usual - value) / usual if usual else 0.0
    return f"{what} to {spoken(value)}, {share:.0f} % less than the {spoken(usual)} that are usual."


def _rows(count: float) -> str:
    return f"{count:,.0f} rows"


def _family(name: str) -> str:
    """Return the name with its numbers left out, which partitions by time or number share."""
    return re.sub(r"\d+", "#", name)


def _mixed(stream: str) -> bool:
    """Whether a stream is that of several tables: a table's own has a schema before a dot."""
    return "." not in stream

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How long the steps of a plan will take, by how long such steps took before: the journals of earlier recoveries are all
that is read.

A step that moves data takes a fixed part, and the bytes at a rate; any other takes what it took. One that recovers a
server takes the bytes of its backup at one rate, and those of the log that is replayed at another. Of each the median
of the last runs counts. A drill is forecast by drills and a recovery by recoveries, where there are any.
"""

from __future__ import annotations

import statistics
import typing as t

from ..repository import names as repository
from .arriving import is_whole
from .events import Expected
from .step_types import PITR, TYPES

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from .events import End, Plan, PlannedStep, Point
    from .state import State

RUNS = 5
"""Runs of the same kind that count, the last ones."""

GUESS = 60
"""Seconds of a step of which nothing is known, and"""
RATE = 20_000_000
"""bytes per second that it moves."""

BYTES = "bytes"
MILLISECONDS = "data_milliseconds"
"""Facts of a step that moved data: how much, and how long its slowest host moved."""
LOG_BYTES = "log_bytes"
LOG_MILLISECONDS = "log_milliseconds"
"""Facts of a step that replayed a log, likewise."""


class Sample(t.NamedTuple):
    """
    One run of a step; `moving` are the seconds in which it moved its bytes, `replaying` those in which it replayed so
    many of the `log`, 0 where that is not known.
    """

    ended: datetime.datetime
    seconds: float
    size: int
    moving: float
    log: int = 0
    replaying: float = 0.0


def expect(
    plan: Plan,
    sizes: Mapping[str, int],
    mode: str,
    earlier: Iterable[State],
    *,
    but: Collection[str] = (),
    logs: Mapping[str, int] | None = None,
) -> dict[str, Expected]:
    """
    Return how long each step of a plan will take, except those in `but`.

    `sizes` are the bytes that a step has to move, `logs` those that it has to replay, `earlier` the recoveries and
    drills to learn from.
    """
    known, replayed = list(earlier), logs or {}
    return {
        step.id: _expected(step, sizes.get(step.id, 0), replayed.get(step.id, 0), _samples(step, mode, known))
        for step in plan.steps
        if step.id not in but
    }


def sizes(plan: Plan, points: Mapping[str, Point], clusters: Mapping[str, str]) -> dict[str, int]:
    """
    Return the bytes that each step has to move that moves data: those of the clusters of its hosts.

    `clusters` are by host; one that is not named has its own name. Where none of them has a recovery point, all count.
    """
    found = {}
    for step in plan.steps:
        if _moves_data(step):
            possible = {name: point for name, point in points.items() if is_whole(name) == (step.type == PITR)}
            own = {repository.cluster(clusters.get(host) or host) for host in step.hosts}
            chosen = [point for name, point in possible.items() if name.partition("/")[0] in own]
            found[step.id] = sum(point.plain_size for point in chosen or possible.values())
    return found


def replayed(state: State) -> dict[str, int]:
    """Return the bytes of the log that each step of a recovery replayed."""
    ended = {step: one.end for step, one in state.latest.items() if one.end}
    return {step: size for step, end in ended.items() if (size := _number(end.facts.get(LOG_BYTES)))}


def _expected(step: PlannedStep, size: int, log: int, samples: Sequence[Sample]) -> Expected:
    if not samples:
        own = TYPES.get(step.type)
        guess = own.guess if own else GUESS
        return Expected(guess + (round((size + log) / RATE) if _moves_data(step) else 0), None, 0)
    predict = _moving if _moves_data(step) else _plain
    seconds = round(predict(samples, size, log))
    if len(samples) == 1:
        return Expected(seconds, None, 1)
    errors = [
        abs(predict([*samples[:place], *samples[place + 1 :]], one.size, one.log) - one.seconds)
        for place, one in enumerate(samples)
    ]
    return Expected(seconds, round(statistics.median(errors)), len(samples))


def _plain(samples: Sequence[Sample], _size: int, _log: int) -> float:
    return statistics.median(one.seconds for one in samples)


def _moving(samples: Sequence[Sample], size: int, log: int) -> float:
    measured = [one for one in samples if one.moving and one.size]
    if not measured:
        return _plain(samples, size, log)
    rate = statistics.median(one.size / one.moving for one in measured)
    fixed = statistics.median(max(one.seconds - one.moving - one.replaying, 0.0) for one in measured)
    rates = [one.log / one.replaying for one in measured if one.log and one.replaying]
    return fixed + size / rate + (log / statistics.median(rates) if rates else 0.0)


def _samples(step: PlannedStep, mode: str, earlier: Sequence[State]) -> list[Sample]:
    """Return the last runs of such a step, of recoveries of this mode, else of others."""
    found = [(state.opened.mode == mode, one) for state in earlier for one in _runs(step, state)]
    same = [one for own, one in found if own] or [one for _own, one in found]
    return sorted(same)[-RUNS:]


def _runs(step: PlannedStep, state: State) -> Iterator[Sample]:
    for other in state.plan.steps:
        one = state.latest.get(other.id)
        if one and one.end and one.ended and _counts(other, one.end) and _kind(other) == _kind(step):
            names = (BYTES, MILLISECONDS, LOG_BYTES, LOG_MILLISECONDS)
            size, moving, log, replaying = (_number(one.end.facts.get(name)) for name in names)
            yield Sample(one.ended, one.seconds, size, moving / 1000, log, replaying / 1000)


def _counts(step: PlannedStep, end: End) -> bool:
    """Return whether a step that ended so did what it does: one that may fail did, unless it was to move data."""
    return end.result == "ok" or (end.result == "failed" and end.accepted and not _moves_data(step))


def _kind(step: PlannedStep) -> tuple[str, str]:
    """Return what makes steps alike: their type, and of those that users wrote their id too."""
    return (step.type, "" if step.type in TYPES else step.id)


def _moves_data(step: PlannedStep) -> bool:
    own = TYPES.get(step.type)
    return own is not None and own.moves_data


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a recovery would lose that began now.

A heartbeat whose position is stored says it: all that was committed by its time comes back. Without one there is only
when the last segment was stored, and what it holds may be older.
"""

from __future__ import annotations

import dataclasses
import statistics
import typing as t
from datetime import timedelta

from ...ground.units import human_duration

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ...drivers.components.postgres.heartbeat import Beat
    from .judging import Judge

HEARTBEAT = "heartbeat"
STORE = "store"

USUAL = timedelta(minutes=5)
"""How often a server beats of which fewer than two beats are known."""

STORING = timedelta(minutes=5)
"""What it may take to store a segment."""

MISSED = 3
"""Beats in a row that may fail before somebody hears of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pulse:
    """
    What a server's clock says, on which timeline it writes, after which time it ends a segment, and its beats, the
    oldest first. There may be none yet of one that `has_heartbeat`.
    """

    now: datetime
    timeline: int
    archive_timeout: timedelta
    beats: Sequence[Beat] = ()
    has_heartbeat: bool = True

    @property
    def interval(self) -> timedelta:
        """How long it usually is from one beat to the next."""
        pairs = zip(self.beats, self.beats[1:], strict=False)
        between = [(later.at - earlier.at).total_seconds() for earlier, later in pairs]
        return timedelta(seconds=statistics.median(between)) if between else USUAL

    @property
    def stopped(self) -> bool:
        """Whether no beat came for so long that it is no accident."""
        return not self.beats or self.now - self.beats[-1].at > max(MISSED * self.interval, MISSED * USUAL)


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """Up to which moment all comes back, how many seconds ago that was, and by what that is known."""

    until: datetime | None = None
    seconds: int | None = None
    source: str | None = None

    @property
    def facts(self) -> dict[str, t.Any]:
        """Return it for machines."""
        return {
            "rpo_seconds": self.seconds,
            "recoverable_until": self.until.isoformat() if self.until else None,
            "rpo_from": self.source,
        }


def measure(judge: Judge, pulse: Pulse | None, now: datetime) -> Loss:
    """
    Return what a recovery would lose from the log that `judge` knows; `pulse` is None where its server was not asked.

    Positions count on the timeline on which the server writes, so that what another server stored counts for nothing.
    """
    timeline = pulse.timeline if pulse else judge.newest
    reach = judge.reach(timeline)
    if reach is None:
        return Loss()
    if pulse:
        stored = [beat for beat in pulse.beats if beat.position <= reach.position]
        if stored:
            return _loss(stored[-1].at, pulse.now, HEARTBEAT)
    return _loss(reach.stored, now, STORE)


def problems(loss: Loss, pulse: Pulse, *, based: bool) -> Iterator[str]:
    """Yield what is wrong with that, as sentences. Of a log on which no backup is `based` it is open."""
    if pulse.has_heartbeat and pulse.stopped:
        last = human_duration((pulse.now - pulse.beats[-1].at).total_seconds()) if pulse.beats else ""
        when = f"was {last} ago" if last else "was never"
        yield f"The last heartbeat of the server {when}: see the log of job heartbeat on its host."
    elif loss.seconds is None and based:
        yield f"Nothing that is stored recovers to timeline {pulse.timeline}, on which the server writes."
    elif loss.seconds and pulse.beats and pulse.archive_timeout and loss.seconds > _allowed(pulse).total_seconds():
        yield (
            f"A recovery would lose up to the last {human_duration(loss.seconds)}; by archive_timeout and the "
            f"heartbeats it is {human_duration((pulse.archive_timeout + pulse.interval).total_seconds())}."
        )


def _allowed(pulse: Pulse) -> timedelta:
    return 2 * (pulse.archive_timeout + pulse.interval) + STORING


def _loss(until: datetime, now: datetime, source: str) -> Loss:
    return Loss(until, max(0, round((now - until).total_seconds())), source)

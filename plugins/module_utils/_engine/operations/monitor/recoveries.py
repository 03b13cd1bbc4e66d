# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics of recoveries and drills, and of what recoveries are to achieve."""

from __future__ import annotations

import typing as t

from ...records.recovery import objectives, outcome
from .gauges import Gauge, gauge, gauges

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ...ground.exposition import Family
    from ...records.repository.protection import Protection
    from .protection_status import ProtectionStatus


def families(status: ProtectionStatus) -> Iterable[Family]:
    """Yield what came of the last recovery and the last drill, and how long the next recovery will take."""
    labels = {"application": status.application}
    wanted = [one for one in status.objectives if one.kind == "rto"]
    yield gauge(
        "lifeboat_recovery_time_objective_seconds",
        "How long the recovery of a component may take.",
        ((labels | {"component": one.component}, one.seconds) for one in wanted),
    )
    if status.recoveries is None:
        return
    found = [(labels | {"mode": mode}, one) for mode, one in status.recoveries.items()]
    yield from gauges(_OF_MODE, found)
    yield from gauges(_OF_LAST, [(place | {"plan": one.plan}, one) for place, one in found if one])
    known = {component for one in status.recoveries.values() if one for component in one.forecast}
    forecasts = {
        component: outcome.expected(status.recoveries, component)
        for component in sorted(known | {one.component for one in wanted})
    }
    yield gauge(
        "lifeboat_recovery_forecast_seconds",
        "How long the next recovery of a component will take, by the recoveries and drills before it.",
        ((labels | {"component": name}, one.seconds if one else None) for name, one in forecasts.items()),
    )


def points(status: ProtectionStatus, subjects: Iterable[Protection]) -> Iterable[Family]:
    """Yield how old the newest backup of each database may be."""
    yield gauge(
        "lifeboat_recovery_point_objective_seconds",
        "How much time before an incident may be lost.",
        (
            (
                {"application": status.application, "cluster": one.cluster, "database": one.database},
                objectives.strictest(status.objectives, "rpo", one.component, objectives.DATABASE),
            )
            for one in subjects
        ),
    )


_OF_MODE: tuple[Gauge, ...] = (
    (
        "lifeboat_recovery_last_timestamp_seconds",
        "When the last recovery, or drill, ended, 0 for never.",
        lambda one: one.ended.timestamp() if one else 0,
    ),
)

_OF_LAST: tuple[Gauge, ...] = (
    ("lifeboat_recovery_last_success", "Whether it ended well.", lambda one: one.result == "ok"),
    ("lifeboat_recovery_last_duration_seconds", "How long it took.", lambda one: one.seconds),
    ("lifeboat_recovery_last_forecast_seconds", "How long it was to take.", lambda one: one.expected.seconds),
)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would a recovery be fast enough, and does it work? By the last recovery and the last drill, as the store tells."""

from __future__ import annotations

import typing as t

from ...ground.units import human_duration
from ...records.recovery import outcome
from .check import Case, Check, ok, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...records.recovery.events import Mode

    Found: t.TypeAlias = "Mapping[Mode, outcome.Outcome | None]"

_DRILL = "Run playbook lifeboat.recovery.drill."


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say, on a host that may read the store."""
    if case.opened is None or not case.listed:
        return
    found = outcome.both(case.opened.trusted_keys, case.opened.store, case.application)
    yield from _drill(found)
    yield from _time(case, found)


def _drill(found: Found) -> Iterator[Check]:
    last = found["drill"]
    if last is None:
        return
    about = {"recovery_id": last.recovery_id, "plan": last.plan, "ended": last.ended.isoformat()}
    when = f"of plan {last.plan} at {last.ended:%Y-%m-%d %H:%M} UTC"
    if last.result == "failed":
        remedy = "Its report has the cause. Remove that, and drill again."
        yield warning("drill", f"The last recovery drill, {when}, failed.", remedy, **about)
    else:
        yield ok("drill", f"The last recovery drill, {when}, succeeded in {human_duration(last.seconds)}.", **about)


def _time(case: Case, found: Found) -> Iterator[Check]:
    wanted = [one for one in case.request.objectives if one.kind == "rto"]
    if not wanted:
        return
    if not any(found.values()):
        yield warning("recovery_time", "Nobody knows how long a recovery takes: there was none, and no drill.", _DRILL)
        return
    forecasts = {one.component: outcome.expected(found, one.component) for one in wanted}
    within = True
    for one in wanted:
        expected = forecasts[one.component]
        if expected and expected.seconds > one.seconds:
            within = False
            yield warning(
                "recovery_time",
                f"The recovery of {one.component} would take {human_duration(expected.seconds)}; its objective is "
                f"{human_duration(one.seconds)}.",
                "The report of the last recovery or drill shows which steps take how long.",
                component=one.component,
                seconds=expected.seconds,
            )
    if within:
        seconds = {name: expected.seconds for name, expected in forecasts.items() if expected}
        longest = human_duration(max(seconds.values(), default=0))
        yield ok(
            "recovery_time",
            f"By the last ones, a recovery would take {longest}, within its objectives.",
            seconds=seconds,
        )

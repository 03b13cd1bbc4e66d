# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long several steps will take together, and a forecast in words."""

from __future__ import annotations

import typing as t

from ...ground import units
from .events import Expected

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .events import Plan


def total(plan: Plan, expected: Mapping[str, Expected], *, but: Collection[str] = (), until: str = "") -> Expected:
    """
    Return how long the steps of a plan take together, except those in `but`, up to the stage of the step `until`.

    Of steps that run side by side the longest counts. Its runs are those of the step of which least is known.
    """
    stages: dict[int, Expected] = {}
    last = next((step.stage for step in plan.steps if step.id == until), None)
    for step in plan.steps:
        one = expected.get(step.id)
        if one and step.id not in but and (last is None or step.stage <= last):
            stages[step.stage] = max(stages.get(step.stage, one), one, key=lambda each: each.seconds)
    parts = list(stages.values())
    errors = [part.error for part in parts if part.error is not None]
    return Expected(
        seconds=sum(part.seconds for part in parts),
        error=sum(errors) if parts and len(errors) == len(parts) else None,
        runs=min((part.runs for part in parts), default=0),
    )


def said(expected: Expected) -> str:
    """Return a forecast as people read it, such as `2 min ± 5 s`, and whether it is a guess."""
    took = units.human_duration(expected.seconds)
    if expected.error is not None:
        return f"{took} ± {units.human_duration(expected.error)}"
    return f"{took} (guess)" if not expected.runs else f"{took} ({units.human_count(expected.runs, 'run')})"

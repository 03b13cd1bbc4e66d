# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a retention policy means for each backup that is there: by which of its rules it stays, and until when at least.

A pure view of `retention.plan`. A rule that counts has no date: it lets go when enough others came.
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import planner

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from .planner import Candidate, Decision
    from .policy import Policy

ORDER = ("yearly", "monthly", "weekly", "daily", "hourly", "keep_within", "keep_partial")
"""The rules that give a backup its type, the longest first."""


@dataclasses.dataclass(frozen=True, slots=True)
class Forecast:
    """
    `type` is one of ORDER, `count` for a backup that stays by number alone, or `none` for one that no rule keeps.

    It stays until `expires` at least, by a rule or because the store locks it; None when that is no date.
    """

    type: str
    expires: datetime.datetime | None


def forecast(candidates: Iterable[Candidate], policy: Policy, now: datetime.datetime) -> dict[Candidate, Forecast]:
    """Return each backup's forecast. Nothing is deleted by it, so limits on how much goes at once have no say."""
    plan = planner.plan(candidates, policy, now, force=True)
    return {decision.candidate: _of(decision, policy) for decision in plan.decisions}


def _of(decision: Decision, policy: Policy) -> Forecast:
    one = decision.candidate
    section = policy.section(one.component)
    rules = dict(section.by_reason).get(one.reason, section.rules)
    if decision.action == "retained":
        return Forecast("none", one.locked_until)
    if decision.action != "keep":
        age = rules.keep_within
        return Forecast("none", age.after(one.finished, policy.zone) if age else one.finished)
    spans = {**dict(rules.slots), "keep_within": rules.keep_within, "keep_partial": section.keep_partial}
    found = {rule: span for rule in decision.rules if (span := spans.get(rule))}
    named = [name for name in ORDER if name in found]
    ends = [span.after(one.finished, policy.zone) for span in found.values() if not isinstance(span, int)]
    dated = [end for end in ends if end is not None]
    # Forever among them, or a rule that counts and nothing else, is no date.
    return Forecast(named[0] if named else "count", max(dated) if dated and len(dated) == len(ends) else None)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Three years of backups under each preset, and what remains: python tests/campaigns/three_years.py [--daily]

One job runs each hour, one each night at 02:15, one on Sundays at 03:30, and one on the first of the month at 04:45.
By default the policy is applied once, at the end; with --daily every day at 05:30, as a schedule does.
"""

from __future__ import annotations

import collections
import datetime
import importlib
import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import calendar, planner
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import (
    policy as retention_policy,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.planner import Candidate

if t.TYPE_CHECKING:
    from collections.abc import Iterator

END = datetime.datetime(2026, 11, 20, 5, 30, tzinfo=datetime.UTC)
BEGIN = END.replace(year=2023)
HOUR = datetime.timedelta(hours=1)


def backups(begin: datetime.datetime = BEGIN, end: datetime.datetime = END) -> Iterator[Candidate]:
    """Yield what the four jobs make, in the order of time."""
    at = begin.replace(minute=0) + HOUR
    while at <= end:
        yield _made("hourly", at)
        if at.hour == 2:
            yield _made("daily", at.replace(minute=15))
        if at.hour == 3 and at.isoweekday() == 7:
            yield _made("weekly", at.replace(minute=30))
        if at.hour == 4 and at.day == 1:
            yield _made("monthly", at.replace(minute=45))
        at += HOUR


def remaining(preset: str) -> list[planner.Decision]:
    """Return what remains when the policy is applied once, at the end."""
    policy = retention_policy.parse({"preset": preset})
    return list(planner.plan(backups(), policy, END, force=True).of("keep"))


def remaining_daily(
    preset: str, begin: datetime.datetime = BEGIN, end: datetime.datetime = END
) -> list[planner.Decision]:
    """Return what remains when the policy is applied every day, without force."""
    policy = retention_policy.parse({"preset": preset})
    coming = collections.deque(backups(begin, end))
    kept: tuple[planner.Decision, ...] = ()
    now = begin
    while now < end:
        now += datetime.timedelta(days=1)
        there = [decision.candidate for decision in kept]
        while coming and coming[0].finished <= now:
            there.append(coming.popleft())
        plan = planner.plan(there, policy, now)
        if plan.refusals:
            raise AssertionError(f"{now}: {plan.refusals}")
        kept = plan.of("keep")
    return list(kept)


def _made(job: str, at: datetime.datetime) -> Candidate:
    return Candidate("main/shop", f"backup-{at:%Y%m%dT%H%M%SZ}-{job}", at, at)


def main() -> None:
    count = sum(1 for _backup in backups())
    print(f"{count} backups from {BEGIN:%Y-%m-%d} to {END:%Y-%m-%d %H:%M} UTC")
    for preset, options in retention_policy.PRESETS.items():
        kept = remaining_daily(preset) if "--daily" in sys.argv else remaining(preset)
        rules = ", ".join(f"{key} {value}" for key, value in options.items())
        print(f"\n{preset} ({rules}): {len(kept)} remain")
        groups = collections.defaultdict(list)
        for decision in kept:
            groups[" + ".join(sorted({_rule(reason) for reason in decision.reasons}))].append(
                decision.candidate.finished
            )
        for rule, times in sorted(groups.items(), key=lambda item: item[1][0]):
            print(f"  {len(times):5}  {times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M}  {rule}")


def _rule(reason: str) -> str:
    slot = reason.split(" ", 1)[0]
    return slot if slot in calendar.SLOTS else reason


if __name__ == "__main__":
    main()

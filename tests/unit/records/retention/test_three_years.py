# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Three years of hourly, daily, weekly and monthly backups under each preset: what remains, against a count by hand.

All times are UTC, the last run is on Friday, 20 November 2026, at 05:30. The hourly job runs at minute 0, the others at
02:15, on Sundays at 03:30, and on the first at 04:45.
"""

from __future__ import annotations

import datetime
import importlib.util
import sys
from pathlib import Path

import pytest

_PATH = Path(__file__).resolve().parents[3] / "campaigns" / "three_years.py"
_SPEC = importlib.util.spec_from_file_location("three_years", _PATH)
three_years = sys.modules["three_years"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(three_years)

# Within 30 days, that is since 21 October, 05:30: 30 times 24 hourly ones, 30 nightly ones (22 October to
# 20 November), those of the Sundays 25 October, 1, 8 and 15 November, and that of 1 November.
THIRTY_DAYS = 30 * 24 + 30 + 4 + 1


@pytest.mark.parametrize(
    ("preset", "by_hand"),
    [
        ("thirty_days", THIRTY_DAYS),
        ("thirty_days_hundred", 100),
        # The first backups of December to October (that of November is within 30 days), and those of the years 2023
        # (made on 20 November), 2024 and 2025; that of 2026 is the one of January.
        ("days_months_years", THIRTY_DAYS + 11 + 3),
        # 7 days of hours; 30 days of which 7 (14 to 20 November) hold an hourly one already; the Mondays from 24 August
        # to 16 November but the 4 since 22 October; the firsts of December to October.
        ("hours_days_weeks_months", 7 * 24 + (30 - 7) + (13 - 4) + 11),
        # The days, the Mondays that are none of them, and the newest three.
        ("days_weeks", 30 + (13 - 4) + 3),
    ],
)
def test_what_remains_is_what_one_counts_by_hand(preset, by_hand):
    kept = three_years.remaining(preset)
    assert len(kept) == by_hand
    assert kept[-1].candidate.finished == datetime.datetime(2026, 11, 20, 5, 0, tzinfo=datetime.UTC)


def test_the_slots_hold_the_very_backups_that_the_policy_names():
    kept = three_years.remaining("days_months_years")
    yearly = [d.candidate.finished for d in kept if any(reason.startswith("yearly") for reason in d.reasons)]
    assert [f"{at:%Y-%m-%d %H:%M}" for at in yearly] == [
        "2023-11-20 06:00",
        "2024-01-01 00:00",
        "2025-01-01 00:00",
        "2026-01-01 00:00",
    ]
    monthly = [d.candidate.finished for d in kept if any(reason.startswith("monthly") for reason in d.reasons)]
    assert [at.month for at in monthly] == [12, *range(1, 12)]
    assert {at.day for at in monthly} == {1}


@pytest.mark.parametrize(
    "preset", ["thirty_days", "thirty_days_hundred", "days_months_years", "hours_days_weeks_months"]
)
def test_applied_every_day_it_comes_to_the_same_and_is_never_refused(preset):
    end = three_years.END
    begin = end - datetime.timedelta(days=100)
    daily = {decision.candidate for decision in three_years.remaining_daily(preset, begin, end)}
    policy = three_years.retention_policy.parse({"preset": preset})
    at_once = three_years.planner.plan(three_years.backups(begin, end), policy, end, force=True).of("keep")
    assert daily == {decision.candidate for decision in at_once}


def test_hourly_backups_under_a_policy_of_days_exceed_the_share():
    """Of the first day's 25 backups all but five would go: that is asked about, not done."""
    with pytest.raises(AssertionError, match="would delete 20 of the 25 backups of main/shop, more than 30 percent"):
        three_years.remaining_daily("days_weeks")

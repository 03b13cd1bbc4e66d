# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people write as a policy: read as it is meant, or refused with the key named."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import units
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import MissingLibrary, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import calendar
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import (
    policy as retention_policy,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.calendar import Age

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({}, "policy"),
        ({"daily": None}, "policy"),
        ({"daily": 0}, "policy"),
        ({"min_keep": 3}, "policy"),
        ({"zone": "UTC"}, "policy"),
        ({"dayly": 3}, "policy.dayly"),
        ({"daily": "30"}, None),
        ({"daily": "30m"}, "policy.daily"),
        ({"daily": "30 fortnights"}, "policy.daily"),
        ({"daily": "1d12h"}, "policy.daily"),
        ({"daily": -1}, "policy.daily"),
        ({"daily": True}, "policy.daily"),
        ({"daily": 1.5}, "policy.daily"),
        ({"daily": ["30d"]}, "policy.daily"),
        ({"daily": "0d"}, "policy.daily"),
        ({"keep_within": 30}, "policy.keep_within"),
        ({"keep_within": "200y"}, "policy.keep_within"),
        ({"keep_within": ""}, "policy.keep_within"),
        ({"max_count": 0}, "policy.max_count"),
        ({"daily": 3, "min_keep": 0}, "policy.min_keep"),
        ({"max_count": 2, "min_keep": 3}, "policy.max_count"),
        ({"max_count": 5, "daily": 7}, "policy.max_count"),
        ({"max_count": 5, "keep_last": 7}, "policy.max_count"),
        ({"daily": 3, "max_delete_share": 0}, "policy.max_delete_share"),
        ({"daily": 3, "max_delete_share": 101}, "policy.max_delete_share"),
        ({"daily": 3, "zone": "Mars/Olympus"}, "policy.zone"),
        ({"daily": 3, "zone": "../etc/passwd"}, "policy.zone"),
        ({"daily": 3, "zone": ""}, "policy.zone"),
        ({"daily": 3, "zone": 5}, "policy.zone"),
        ({"preset": "ten_days"}, "policy.preset"),
        ({"preset": ["thirty_days"]}, "policy.preset"),
        ({"daily": 3, "keep_partial": "x"}, "policy.keep_partial"),
        ({"daily": 3, "by_reason": {"automatic": {"daily": 3}}}, "policy.by_reason.automatic"),
        ({"daily": 3, "by_reason": {"manual": {}}}, "policy.by_reason.manual"),
        ({"daily": 3, "by_reason": {"manual": {"min_keep": 3}}}, "policy.by_reason.manual.min_keep"),
        ({"daily": 3, "by_reason": {"manual": "forever"}}, "policy.by_reason.manual"),
        ({"daily": 3, "by_component": {"main/*": {"zone": "UTC", "daily": 1}}}, "policy.by_component.main/*.zone"),
        ({"daily": 3, "by_component": {"main/*": {}}}, "policy.by_component.main/*"),
        ({"daily": 3, "by_component": ["main/*"]}, "policy.by_component"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(policy, field):
    if field is None:
        assert retention_policy.parse(policy).main.rules.slots == (("daily", 30),)
        return
    with pytest.raises(UsageError) as caught:
        retention_policy.parse(policy)
    assert caught.value.details["field"] == field
    assert caught.value.remedy


def test_another_name_for_the_option_is_named():
    with pytest.raises(UsageError) as caught:
        retention_policy.parse({"days": 3}, "lifeboat_retention")
    assert caught.value.details["field"] == "lifeboat_retention.days"
    assert "hourly, daily, weekly" in caught.value.remedy


def test_a_policy_that_is_no_dictionary_is_refused():
    with pytest.raises(UsageError, match="not a dictionary"):
        retention_policy.parse("30d")


@pytest.mark.parametrize("preset", retention_policy.PRESETS)
def test_every_preset_is_a_policy_and_its_keys_can_be_overridden(preset):
    assert not retention_policy.parse({"preset": preset}).main.rules.only_limits
    changed = retention_policy.parse({"preset": preset, "keep_within": "60d"})
    assert changed.main.rules.keep_within == Age("60d", hours=1440)


def test_the_first_pattern_that_fits_decides_and_the_rest_is_inherited():
    policy = retention_policy.parse(
        {
            "daily": 7,
            "by_reason": {"manual": {"keep_within": "forever"}},
            "keep_partial": "2d",
            "by_component": {"files/*": {"preset": "days_weeks"}, "*": {"daily": 1}},
        }
    )
    files, others = policy.section("files/uploads"), policy.section("main/shop")
    assert [slot for slot, _span in files.rules.slots] == ["daily", "weekly"]
    assert others.rules.slots == (("daily", 1),)
    assert files.by_reason[0][0] == "manual"
    assert files.keep_partial == Age("2d", hours=48)


def test_min_keep_follows_a_small_max_count_where_it_was_not_set():
    assert retention_policy.parse({"max_count": 2}).min_keep == 2
    assert retention_policy.parse({"max_count": 20}).min_keep == retention_policy.MIN_KEEP


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("36h", Age("36h", hours=36)),
        ("30 days", Age("30 days", hours=720)),
        ("2W", Age("2w", hours=336)),
        ("12mo", Age("12mo", months=12)),
        ("1 year", Age("1 year", months=12)),
        ("forever", Age("forever")),
    ],
)
def test_ages_are_read_as_people_write_them(text, age):
    assert calendar.parse_age(text, "x") == age


@pytest.mark.parametrize(
    ("now", "age", "before"),
    [
        ("2024-03-31T12:00:00", "1mo", "2024-02-29T12:00:00"),
        ("2025-03-31T12:00:00", "1mo", "2025-02-28T12:00:00"),
        ("2024-02-29T12:00:00", "1y", "2023-02-28T12:00:00"),
        ("2026-01-15T00:00:00", "12mo", "2025-01-15T00:00:00"),
        ("2026-01-15T00:00:00", "13mo", "2024-12-15T00:00:00"),
        ("2026-03-01T00:00:00", "1d", "2026-02-28T00:00:00"),
    ],
)
def test_months_are_the_calendars(now, age, before):
    at = datetime.datetime.fromisoformat(now).replace(tzinfo=datetime.UTC)
    found = calendar.parse_age(age, "x").before(at, datetime.UTC)
    assert found == datetime.datetime.fromisoformat(before).replace(tzinfo=datetime.UTC)


def test_forever_has_no_beginning():
    assert calendar.parse_age("forever", "x").before(NOW, datetime.UTC) is None


def test_the_hour_that_comes_twice_is_two_periods():
    zone = zoneinfo.ZoneInfo("Europe/Amsterdam")
    first = datetime.datetime(2026, 10, 25, 0, 30, tzinfo=datetime.UTC)
    names = [calendar.periods(first + datetime.timedelta(hours=hour), zone)["hourly"] for hour in range(3)]
    assert names == ["2026-10-25 02:00+0200", "2026-10-25 02:00+0100", "2026-10-25 03:00+0100"]


def test_the_turn_of_the_year_falls_into_the_right_week():
    at = datetime.datetime(2027, 1, 1, 12, 0, tzinfo=datetime.UTC)
    assert calendar.periods(at, datetime.UTC)["weekly"] == "2026-W53"


def test_a_host_without_zones_knows_utc_and_says_what_the_others_need(monkeypatch):
    """As on a minimal system: neither /usr/share/zoneinfo nor the package tzdata."""
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    monkeypatch.setattr(zoneinfo, "ZoneInfo", _no_zone)
    assert units.parse_zone("UTC", "x") is datetime.UTC
    with pytest.raises(MissingLibrary, match="tzdata"):
        units.parse_zone("Europe/Amsterdam", "x")


def _no_zone(name):
    raise zoneinfo.ZoneInfoNotFoundError(name)

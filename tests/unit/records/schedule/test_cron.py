# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cron expressions against a model that looks at every minute, the clock's changes, and systemd's own reading."""

from __future__ import annotations

import functools
import subprocess
import typing as t
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import units
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.schedule import cron as schedule
from hypothesis import example, given, settings
from hypothesis import strategies as st

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
UTC_ZONE = zoneinfo.ZoneInfo("UTC")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu")
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@st.composite
def fields(draw: st.DrawFn, lowest: int, highest: int) -> str:
    def item() -> str:
        low = draw(st.integers(lowest, highest))
        high = draw(st.integers(low, highest))
        step = draw(st.integers(1, highest))
        return draw(st.sampled_from(["*", f"*/{step}", f"{low}", f"{low}-{high}", f"{low}-{high}/{step}"]))

    return ",".join(item() for _item in range(draw(st.integers(1, 2))))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    return " ".join(draw(st.one_of(st.just("*"), fields(*limits))) for limits in RANGES)


@functools.cache
def values(text: str, lowest: int, highest: int) -> set[int]:
    """Return a field's values in the dullest way: try each number against each item."""
    found = set()
    for item in text.split(","):
        span, _slash, step = item.partition("/")
        first, _dash, last = span.partition("-")
        low, high = (lowest, highest) if span == "*" else (int(first), int(last or first))
        found |= {number for number in range(low, high + 1) if (number - low) % int(step or 1) == 0}
    return found


@functools.cache
def fields_of(text: str) -> list[set[int]]:
    return [values(word, *limits) for word, limits in zip(text.split(), RANGES, strict=True)]


def model(text: str, wall: datetime) -> bool:
    """Tell whether an expression fits a minute of the wall's clock, from what cron's manual says."""
    words = text.split()
    minutes, hours, days, months, weekdays = fields_of(text)
    by_date, by_weekday = wall.day in days, bool({wall.isoweekday(), wall.isoweekday() % 7} & weekdays)
    limited = not words[2].startswith("*") and not words[4].startswith("*")
    day = by_date or by_weekday if limited else by_date and by_weekday
    return wall.minute in minutes and wall.hour in hours and wall.month in months and day


def parsed(text: str) -> schedule.Cron | None:
    """Return the expression, None when it is one of those that never come."""
    try:
        return schedule.parse(text, "cron")
    except UsageError as exc:
        if "never occurs" not in str(exc):
            raise
        return None


@settings(max_examples=150, deadline=None)
@given(expressions(), st.datetimes(datetime(2020, 1, 1), datetime(2032, 1, 1)), st.sampled_from(["cron", "systemd"]))
def test_the_next_and_the_last_time_are_those_of_a_minute_by_minute_search(
    text: str, start: datetime, clock: schedule.Clock
) -> None:
    cron = parsed(text)
    if cron is None:
        return
    at = start.replace(tzinfo=UTC)
    span = [at.replace(second=0, microsecond=0) + MINUTE * number for number in range(-2000, 2001)]
    fitting = [moment for moment in span if model(text, moment)]
    after, before = schedule.following(cron, at, UTC_ZONE, clock), schedule.previous(cron, at, UTC_ZONE, clock)
    assert next((moment for moment in fitting if moment > at), None) == (after if after <= span[-1] else None)
    assert max((moment for moment in fitting if moment <= at), default=None) == (before if before >= span[0] else None)
    assert before <= at < after
    assert model(text, after.replace(tzinfo=None))
    assert model(text, before.replace(tzinfo=None))


@settings(max_examples=60, deadline=None)
@given(
    expressions(),
    st.sampled_from([zoneinfo.ZoneInfo(name) for name in ZONES]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from(["cron", "systemd"]),
)
def test_next_and_last_agree_in_every_zone(
    text: str, zone: zoneinfo.ZoneInfo, start: datetime, clock: schedule.Clock
) -> None:
    cron = parsed(text)
    if cron is None:
        return
    at, second = start.replace(tzinfo=UTC, microsecond=0), timedelta(seconds=1)
    after = schedule.following(cron, at, zone, clock)
    assert schedule.previous(cron, after, zone, clock) == after
    assert schedule.previous(cron, after - second, zone, clock) <= at
    assert schedule.following(cron, at - second, zone, clock) in {after, at}


@settings(max_examples=200, deadline=None)
@given(expressions())
def test_the_text_in_numbers_means_the_same(text: str) -> None:
    cron = parsed(text)
    if cron is not None:
        assert schedule.parse(cron.text, "cron") == cron


@pytest.mark.parametrize(
    ("clock", "text", "at", "expected"),
    [
        # On 29 March 2026 02:00 became 03:00 in Berlin: cron makes up for what it skipped, systemd leaves it out.
        ("cron", "30 2 * * *", "2026-03-28T12:00", "2026-03-29T01:00"),
        ("systemd", "30 2 * * *", "2026-03-28T12:00", "2026-03-30T00:30"),
        ("cron", "*/20 * * * *", "2026-03-29T00:40", "2026-03-29T01:00"),
        ("systemd", "*/20 * * * *", "2026-03-29T00:40", "2026-03-29T01:00"),
        # On 25 October 2026 the hour from 02:00 came twice: a fixed time comes once.
        ("cron", "30 2 * * *", "2026-10-25T00:00", "2026-10-25T00:30"),
        ("cron", "30 2 * * *", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("systemd", "30 2 * * *", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("cron", "*/30 * * * *", "2026-10-25T00:30", "2026-10-25T01:00"),
        ("systemd", "*/30 * * * *", "2026-10-25T00:30", "2026-10-25T02:00"),
        # Asked in the hour that comes again, what had its turn in the first one lies behind.
        ("cron", "28 0-3 * * *", "2026-10-25T01:11", "2026-10-25T02:28"),
        ("systemd", "28 0-3 * * *", "2026-10-25T01:11", "2026-10-25T02:28"),
    ],
)
def test_the_clock_changes(clock: schedule.Clock, text: str, at: str, expected: str) -> None:
    assert schedule.following(schedule.parse(text, "cron"), utc(at), BERLIN, clock) == utc(expected)


def test_what_comes_every_hour_comes_where_a_clock_changes_by_half_of_one() -> None:
    # On Lord Howe Island 02:00 became 02:30 on 4 October 2026.
    cron, place = schedule.parse("46 * * * *", "cron"), zoneinfo.ZoneInfo("Australia/Lord_Howe")
    assert schedule.previous(cron, utc("2026-10-03T15:31"), place) == utc("2026-10-03T15:16")
    assert schedule.following(cron, utc("2026-10-03T14:30"), place) == utc("2026-10-03T15:16")


def test_a_day_that_a_zone_left_out_is_no_hole() -> None:
    # Samoa went from the 29th to the 31st of December 2011.
    apia = zoneinfo.ZoneInfo("Pacific/Apia")
    cron = schedule.parse("0 12 30 12 *", "cron")
    assert schedule.following(cron, utc("2011-12-01T00:00"), apia, "cron") == utc("2011-12-30T10:00")
    assert schedule.following(cron, utc("2011-12-01T00:00"), apia, "systemd") == utc("2012-12-29T22:00")


def test_a_leap_day_on_a_weekday_is_found_over_a_year_that_is_no_leap_year() -> None:
    # A Sunday that is a leap day: after 2088 the next would be in 2116, were 2100 a leap year.
    cron = schedule.parse("0 0 29 2 */7", "cron")
    assert schedule.following(cron, utc("2088-03-01T00:00"), UTC_ZONE) == utc("2128-02-29T00:00")


@pytest.mark.parametrize(
    ("text", "numbers", "calendar"),
    [
        ("0 2 * * *", "0 2 * * *", ("*-*-* 02:00:00",)),
        ("0 */6 * * *", "0 */6 * * *", ("*-*-* 00,06,12,18:00:00",)),
        ("*/30 * * * *", "*/30 * * * *", ("*-*-* *:00,30:00",)),
        ("0 5 * * SUN", "0 5 * * 0", ("Sun *-*-* 05:00:00",)),
        ("0 5 * * 5-7", "0 5 * * 5-7", ("Fri..Sun *-*-* 05:00:00",)),
        ("15 8-18 * jan-mar,dec mon-fri", "15 8-18 * 1-3,12 1-5", ("Mon..Fri *-01..03,12-* 08..18:15:00",)),
        ("0 2 1-7 * sun", "0 2 1-7 * 0", ("*-*-01..07 02:00:00", "Sun *-*-* 02:00:00")),
        ("0 2 1-7 * */7", "0 2 1-7 * */7", ("Sun *-*-01..07 02:00:00",)),
        ("0 2 */2 * sun", "0 2 */2 * 0", ("Sun *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 02:00:00",)),
        ("@weekly", "0 0 * * 0", ("Sun *-*-* 00:00:00",)),
        ("@Hourly", "0 * * * *", ("*-*-* *:00:00",)),
    ],
)
def test_an_expression_in_numbers_and_in_the_words_of_systemd(
    text: str, numbers: str, calendar: tuple[str, ...]
) -> None:
    cron = schedule.parse(text, "cron")
    assert cron.text == numbers
    assert schedule.on_calendar(cron) == calendar


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("61 * * * *", "the minute is 0 to 59, not 61"),
        ("* 24 * * *", "the hour is 0 to 23, not 24"),
        ("* * 0 * *", "the day of the month is 1 to 31"),
        ("* * * 13 *", "the month is 1 to 12"),
        ("* * * * 8", "the day of the week is 0 to 7"),
        ("* * * * funday", "'funday' is neither a number nor a name"),
        ("* * * *", "it has 4 fields"),
        ("0 0 2 * * *", "it has 6 fields"),
        ("", "it has 0 fields"),
        ("5/10 * * * *", "write 5-59/10"),
        ("*/0 * * * *", "step"),
        ("0 22-2 * * *", "runs backwards"),
        ("0 0 ? * *", "is malformed"),
        ("0 0 L * *", "neither a number nor a name"),
        ("0 0 * * mon#1", "is malformed"),
        ("1, * * * *", "is malformed"),
        ("0 0 30 2 *", "never occurs"),
        ("0 0 31 4,6,9,11 *", "never occurs"),
        ("@reboot", "@daily"),
        ("\u0663 * * * *", "is malformed"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        schedule.parse(text, "lifeboat_schedule[3].cron")
    assert named in str(caught.value)
    assert caught.value.details["field"] == "lifeboat_schedule[3].cron"


@pytest.mark.parametrize(
    "name", ["Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "Europe", "Europe/Berlin ", ""]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        units.parse_zone(name, "lifeboat_schedule_zone")
    assert caught.value.details["field"] == "lifeboat_schedule_zone"


def test_the_system_zone_is_read_from_its_file(tmp_path: t.Any) -> None:
    localtime = tmp_path / "localtime"
    assert schedule.system_zone(str(localtime)).key == "UTC"
    localtime.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    moment = utc("2026-07-01T12:00").astimezone(schedule.system_zone(str(localtime)))
    assert moment.hour == 14
    assert schedule.is_system_zone("Europe/Berlin", str(localtime))
    assert not schedule.is_system_zone("Europe/Amsterdam", str(localtime))


def systemd_times(expressions_: t.Sequence[str], at: datetime, count: int) -> list[datetime]:
    """Return the first times after `at` at which systemd would come, by its own program."""
    done = subprocess.run(
        [
            "systemd-analyze",
            "calendar",
            f"--iterations={count}",
            f"--base-time={at:%Y-%m-%d %H:%M:%S} UTC",
            *expressions_,
        ],
        env={"TZ": "UTC", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "deadlock avoided" in done.stderr:  # systemd gives up where it has to look far ahead
        return []
    done.check_returncode()
    found = set()
    for line in done.stdout.splitlines():
        label, _colon, value = line.partition(": ")
        if ("elapse" in label or "Iter" in label) and value.strip() != "never":  # of the 30th of February, perhaps
            found.add(datetime.strptime(value.strip(), "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC))
    return sorted(found)[:count]


@settings(max_examples=60, deadline=None)
@example("*/8 * * * *", datetime(2026, 1, 1, 23, 32), "UTC")
@example("* * 30 2 0", datetime(2026, 1, 1), "UTC")
@given(
    expressions(), st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)), st.sampled_from(["UTC", "Europe/Berlin"])
)
def test_systemd_comes_when_we_say(text: str, start: datetime, zone: str) -> None:
    cron = parsed(text)
    if cron is None:
        return
    at = start.replace(tzinfo=UTC, microsecond=0)
    theirs = systemd_times(schedule.on_calendar(cron, zone), at, 4)
    ours, moment = [], at
    for _time in theirs:
        moment = schedule.following(cron, moment, zoneinfo.ZoneInfo(zone), "systemd")
        ours.append(moment)
    assert ours == theirs


@pytest.mark.parametrize("at", ["2026-03-28T20:00:00", "2026-10-24T20:00:00"])
@pytest.mark.parametrize("text", ["30 2 * * *", "0 2,3 * * *", "*/30 * * * *", "0 * * * *"])
def test_systemd_changes_its_clock_as_we_say(text: str, at: str) -> None:
    cron, moment, ours = schedule.parse(text, "cron"), utc(at), []
    theirs = systemd_times(schedule.on_calendar(cron, "Europe/Berlin"), moment, 30)
    for _time in theirs:
        moment = schedule.following(cron, moment, BERLIN, "systemd")
        ours.append(moment)
    assert ours == theirs

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The planner against the model, and against what it must never do, on histories that hypothesis makes up.

LIFEBOAT_HISTORIES says how many; a nightly run takes 100000.
"""

from __future__ import annotations

import os
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
import retention_model as model
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import (
    policy as retention_policy,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.planner import (
    CLOCKS,
    Candidate,
    plan,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HISTORIES = int(os.environ.get("LIFEBOAT_HISTORIES", "500"))
ZONES = ["UTC", "Europe/Amsterdam", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]

NOWS = [
    datetime(2026, 11, 20, 3, 0, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, tzinfo=UTC),  # a leap day
    datetime(2025, 3, 1, 0, 30, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),  # clocks go forward in Europe
    datetime(2026, 10, 25, 0, 45, tzinfo=UTC),  # and back
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
]

AGES = st.sampled_from(["1h", "6h", "2d", "7d", "30d", "4w", "90d", "1mo", "12mo", "1y", "forever"])
SPANS = st.one_of(st.integers(1, 6), AGES)
SLOTS = dict.fromkeys(("hourly", "daily", "weekly", "monthly", "yearly"), SPANS)
LIMITS = {"keep_last": st.integers(0, 5), "keep_within": AGES, "max_count": st.integers(6, 12)}
RULES = st.fixed_dictionaries({}, optional={**SLOTS, **LIMITS}).filter(lambda rules: any(rules.values()))
REASONS = ["scheduled", "scheduled", "scheduled", "manual", "pre_deployment", "emergency"]


@st.composite
def policies(draw):
    options = dict(draw(RULES))
    options |= draw(
        st.fixed_dictionaries(
            {"zone": st.sampled_from(ZONES)},
            optional={
                "min_keep": st.integers(1, 5),
                "max_delete_share": st.integers(1, 100),
                "keep_partial": AGES,
                "by_reason": st.dictionaries(st.sampled_from(REASONS), RULES, max_size=2),
                "by_component": st.dictionaries(st.sampled_from(["main/*", "*/blog"]), RULES, max_size=1),
            },
        )
    )
    return retention_policy.parse(options)


SECONDS = st.one_of(
    st.integers(-3 * 86400, 400 * 86400),
    st.integers(-3600, 3 * 86400),
    st.integers(0, 72).map(lambda hours: hours * 3600),
    st.integers(0, 800).map(lambda days: days * 86400),
)
LENGTHS = st.one_of(st.just(0), st.integers(0, 3 * 86400))
RARELY = st.sampled_from([False] * 7 + [True])


@st.composite
def histories(draw):
    now = draw(st.sampled_from(NOWS))
    made = []
    for number in range(draw(st.integers(0, 14))):
        finished = now - timedelta(seconds=draw(SECONDS))
        lock = draw(st.sampled_from([None] * 7 + [-1, 5]))
        made.append(
            Candidate(
                component=draw(st.sampled_from(["main/shop", "main/shop", "other/blog"])),
                backup_id=f"backup-{number:02d}",
                started=finished - timedelta(seconds=draw(LENGTHS)),
                finished=finished,
                scope=draw(st.sampled_from(["full"] * 6 + ["partial"])),
                reason=draw(st.sampled_from(REASONS)),
                size=1,
                parents=tuple(draw(st.lists(st.sampled_from([one.backup_id for one in made]), max_size=2)))
                if made and draw(RARELY)
                else (),
                restore_tested=draw(RARELY),
                pinned=draw(RARELY) and draw(RARELY),
                held=draw(RARELY) and draw(RARELY),
                locked_until=None if lock is None else now + timedelta(days=lock),
                failed=draw(RARELY),
                misdated=draw(RARELY) and draw(RARELY),
            )
        )
    return now, made


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), policies(), st.booleans())
def test_the_plan_is_the_models_and_breaks_no_promise(history, policy, force):
    now, backups = history
    made = plan(backups, policy, now, force=force)
    gone = {decision.candidate for decision in made.of("delete")}
    expected = model.deleted(backups, policy, now)
    clock_is_wrong = sum(one.finished > now + CLOCKS for one in backups) * 2 > len(backups)
    stopped = clock_is_wrong or (not force and model.refused(backups, expected, policy, now))
    assert gone == (set() if stopped else expected)
    assert bool(made.refusals) == stopped
    assert len(made.decisions) == len(backups)
    assert all(decision.reasons for decision in made.decisions)
    check_promises(made, backups, policy, now)


def check_promises(made, backups, policy, now):
    """What holds for any plan, whatever the policy, said without the model."""
    gone = {decision.candidate for decision in made.of("delete")}
    stays = [one for one in backups if one not in gone]
    for one in gone:
        assert not one.pinned
        assert not one.held
        assert one.finished <= now + CLOCKS
        assert not one.misdated
        assert one.locked_until is None or one.locked_until <= now
        assert one.backup_id not in {parent for other in stays for parent in other.parents}
    for component in {one.component for one in backups}:
        here = [one for one in backups if one.component == component and not one.failed and not one.misdated]
        here = [one for one in here if one.finished <= now + CLOCKS]
        here.sort(key=lambda one: (one.started, one.backup_id))
        full = [one for one in here if one.scope == "full" and one.reason != "emergency"]
        if tested := [one for one in full if one.restore_tested]:
            assert tested[-1] not in gone
        elif [one for one in here if one.restore_tested]:
            assert [one for one in here if one.restore_tested and one not in gone]
        alone = [one for one in full if not one.parents]
        assert len([one for one in alone if one not in gone]) >= min(policy.min_keep, len(alone))
        assert not full or full[-1] not in gone
        if here:
            assert [one for one in here if one not in gone]
    for decision in made.of("retained"):
        assert decision.candidate.locked_until > now


@settings(max_examples=max(200, HISTORIES // 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), policies())
def test_what_cannot_be_believed_changes_nothing_for_the_others(history, policy):
    """Backups from the future, and such as the store contradicts, neither fill slots nor push others out."""
    now, backups = history
    believed = [one for one in backups if one.finished <= now + CLOCKS and not one.misdated]
    needed = {parent for one in backups if one not in believed for parent in one.parents}
    if any(one.backup_id in needed for one in believed):
        return
    with_all = {decision.candidate for decision in plan(backups, policy, now, force=True).of("delete")}
    without = {decision.candidate for decision in plan(believed, policy, now, force=True).of("delete")}
    clock_is_wrong = sum(one.finished > now + CLOCKS for one in backups) * 2 > len(backups)
    assert with_all == (set() if clock_is_wrong else without)


@settings(max_examples=max(200, HISTORIES // 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), policies())
def test_a_second_run_at_once_deletes_nothing_more(history, policy):
    now, backups = history
    if policy.main.rules.max_count or policy.by_component or policy.main.by_reason:
        return  # a limit that parents have lifted above may cut again
    gone = {decision.candidate for decision in plan(backups, policy, now, force=True).of("delete")}
    left = [one for one in backups if one not in gone]
    assert not plan(left, policy, now, force=True).of("delete")


def changes(zone, year):
    """Return the times in UTC at which the zone's offset changes in a year; one in June where it never does."""
    step, at, found = timedelta(hours=1), datetime(year, 1, 1, tzinfo=UTC), []
    offset = at.astimezone(zone).utcoffset()
    while at.year == year:
        day = at + timedelta(days=1)
        if day.astimezone(zone).utcoffset() != offset:
            while at.astimezone(zone).utcoffset() == offset:
                at += step / 4
            found.append(at)
            offset = at.astimezone(zone).utcoffset()
        at = day
    return found or [datetime(year, 6, 1, tzinfo=UTC)]


def zones():
    """Return a zone for each way in which clocks go in the year: most zones have the clock of another."""
    found = {}
    for name in sorted(zoneinfo.available_timezones()) or ["UTC"]:
        zone = zoneinfo.ZoneInfo(name)
        moments = [at + hours for at in changes(zone, 2026) for hours in (-timedelta(hours=1), timedelta())]
        found.setdefault(tuple((at, at.astimezone(zone).utcoffset()) for at in moments), name)
    return sorted(found.values())


@pytest.mark.parametrize("zone", zones())
def test_every_change_of_the_clock_of_a_year(zone):
    """Around each change in each zone: hourly backups, and the slots are the model's."""
    policy = retention_policy.parse({"hourly": "12h", "daily": 3, "weekly": 2, "zone": zone, "min_keep": 1})
    for change in changes(zoneinfo.ZoneInfo(zone), 2026):
        now = change + timedelta(hours=5, minutes=3)
        backups = [
            Candidate("main/shop", f"backup-{half:03d}", at, at)
            for half in range(-24, 10)
            for at in [change + timedelta(minutes=30 * half)]
        ]
        made = plan(backups, policy, now, force=True)
        assert {decision.candidate for decision in made.of("delete")} == model.deleted(backups, policy, now)
        hours = [reason for d in made.of("keep") for reason in d.reasons if reason.startswith("hourly")]
        assert len(hours) == len(set(hours))
        assert 11 <= len(hours) <= 14  # one for each hour that really passed, however the clocks stood

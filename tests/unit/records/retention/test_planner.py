# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Single decisions that an operator would ask about, each with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import (
    policy as retention_policy,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.planner import Candidate, plan

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def made(days, component="main/shop", **facts):
    """Return a backup that is so many days old."""
    at = NOW - days * DAY
    return Candidate(component, f"backup-{component}-{days}", facts.pop("started", at), at, **facts)


def judged(backups, force=True, **policy):
    """Return the action and reasons for each backup, by its age in days."""
    done = plan(backups, retention_policy.parse({"min_keep": 1, **policy}), NOW, force=force)
    return {(NOW - d.candidate.finished) / DAY: (d.action, d.reasons) for d in done.decisions}, done


def test_every_decision_says_why():
    found, _plan = judged([made(0), made(3, restore_tested=True), made(5), made(40)], daily=2, keep_within="4d")
    assert found[0] == ("keep", ("younger than 4d", "daily 2026-11-20", "one of the newest 1 (min_keep)"))
    assert found[3] == ("keep", ("younger than 4d", "daily 2026-11-17", "newest restore-tested"))
    assert found[5] == ("delete", ("no rule keeps it",))


def test_the_newest_restore_tested_backup_stays_however_old():
    found, _plan = judged(
        [made(0), made(1), made(700, restore_tested=True), made(800, restore_tested=True)], keep_within="2d"
    )
    assert found[700] == ("keep", ("newest restore-tested",))
    assert found[800][0] == "delete"


def test_an_emergency_backup_or_chosen_tables_stand_in_for_no_full_one():
    backups = [made(0, reason="emergency", restore_tested=True), made(1, scope="partial", restore_tested=True)]
    backups += [made(100), made(200, restore_tested=True), made(300)]
    found, _plan = judged(backups, keep_within="10d")
    assert found[100] == ("keep", ("one of the newest 1 (min_keep)",))
    assert found[200] == ("keep", ("newest restore-tested",))
    assert found[300][0] == "delete"


def test_where_there_is_nothing_else_they_are_what_stays():
    found, _plan = judged([made(90, scope="partial"), made(100, reason="emergency")], keep_within="10d")
    assert found[90] == ("keep", ("one of the newest 1 (min_keep)",))
    assert found[100][0] == "delete"


def chain(full, *days):
    """Return a full backup of so many days ago, and incremental ones, each of which needs the one before."""
    links = [made(full)]
    for one in days:
        links.append(made(one, scope="incremental", parents=(links[-1].backup_id,)))
    return links


def test_an_incremental_backup_is_none_of_the_newest_few():
    backups = [*chain(60, 59, 58), *chain(50, 49), *chain(40, 39, 38)]
    found, _plan = judged(backups, keep_within="10d", min_keep=2)
    assert found[50] == found[40] == ("keep", ("one of the newest 2 (min_keep)",))
    assert found[38] == ("keep", ("newest",))
    assert found[39] == ("keep", ("needed by backup-main/shop-38",))
    assert [days for days, (action, _why) in found.items() if action == "delete"] == [60, 59, 58, 49]


def test_incremental_backups_take_no_place_of_full_ones_below_a_limit():
    backups = [made(5), *chain(4, 3.5), *chain(3, 2.5, 2, 1.5)]
    found, _plan = judged(backups, max_count=2)
    assert [days for days, (action, _why) in found.items() if action == "delete"] == [5]
    assert found[5] == ("delete", ("beyond max_count",))
    found, _plan = judged(backups, max_count=1)
    assert [days for days, (action, _why) in found.items() if action == "delete"] == [5, 4, 3.5]


def test_where_only_incremental_backups_are_left_they_are_what_stays():
    lone = [made(days, scope="incremental", parents=("lost",)) for days in (90, 80, 70)]
    found, _plan = judged(lone, keep_within="10d", min_keep=2)
    assert [days for days, (action, _why) in found.items() if action == "delete"] == [90]


def test_an_emergency_backup_takes_no_slot_from_a_scheduled_one():
    same_day = [made(1.2, reason="emergency"), made(1.1), made(0)]
    found, _plan = judged(same_day, daily="30d")
    assert found[1.1][1] == ("daily 2026-11-19",)
    assert found[1.2][1] == ("daily 2026-11-19",)


def test_chosen_tables_stay_by_their_own_age_and_fill_no_slot():
    backups = [made(1.3, scope="partial"), made(1.2, scope="partial"), made(1.1), made(40, scope="partial"), made(0)]
    found, _plan = judged(backups, daily="30d", keep_partial="7d")
    assert found[1.3] == found[1.2] == ("keep", ("partial, younger than 7d",))
    assert found[1.1] == ("keep", ("daily 2026-11-19",))
    assert found[40][0] == "delete"


def test_of_a_period_the_restore_tested_backup_is_taken():
    found, _plan = judged(
        [made(10.4), made(10.3, restore_tested=True), made(10.2, restore_tested=True), made(0)], daily="30d"
    )
    assert [found[age][0] for age in (10.4, 10.3)] == ["delete", "keep"]
    assert found[10.2] == ("keep", ("newest restore-tested",))


def test_what_a_backup_that_stays_needs_stays_with_it():
    full, first, second = (
        made(30),
        made(20, parents=("backup-main/shop-30",)),
        made(0, parents=("backup-main/shop-20",)),
    )
    found, _plan = judged([full, first, second, made(25), made(24)], keep_within="1d")
    assert found[20] == ("keep", ("needed by backup-main/shop-0",))
    assert found[30] == ("keep", ("needed by backup-main/shop-20",))
    assert found[25][0] == "delete"


def test_a_locked_backup_is_retained_and_so_is_what_it_needs():
    locked = made(20, parents=("backup-main/shop-30",), locked_until=NOW + DAY)
    found, _plan = judged([made(30), locked, made(0)], keep_within="1d")
    assert found[20] == ("retained", ("no rule keeps it", "locked until 2026-11-21 12:00 UTC"))
    assert found[30] == ("keep", ("needed by backup-main/shop-20",))


def test_a_lock_that_is_over_is_none():
    found, _plan = judged([made(20, locked_until=NOW - DAY), made(0)], keep_within="1d")
    assert found[20][0] == "delete"


def test_pins_and_holds_stay_also_when_incomplete_and_beyond_the_limit():
    backups = [made(0), made(1), made(2, pinned=True), made(3, held=True), made(90, held=True, failed=True)]
    found, _plan = judged(backups, max_count=1)
    assert found[1] == ("delete", ("beyond max_count",))
    assert [found[age] for age in (2, 3, 90)] == [("keep", ("pinned",)), ("keep", ("on hold",)), ("keep", ("on hold",))]


def test_an_incomplete_backup_counts_for_nothing_and_stays_a_week():
    backups = [made(0, failed=True), made(1, failed=True), made(2), made(8, failed=True)]
    found, _plan = judged(backups, keep_last=1)
    assert found[0] == ("keep", ("incomplete, kept 7 days for investigation",))
    assert found[2][1] == ("one of the newest 1", "one of the newest 1 (min_keep)")
    assert found[8] == ("delete", ("incomplete",))


def test_reasons_have_rules_and_slots_of_their_own():
    backups = [made(0), made(1.2, reason="manual"), made(1.1), made(500, reason="manual"), made(501)]
    found, _plan = judged(backups, daily="30d", by_reason={"manual": {"keep_within": "2y"}})
    assert found[1.1][1] == ("daily 2026-11-19",)
    assert found[500] == ("keep", ("younger than 2y",))
    assert found[501][0] == "delete"


def test_components_are_judged_apart():
    backups = [made(1, "main/shop"), made(2, "main/shop"), made(1.5, "files/uploads"), made(3, "files/uploads")]
    found, _plan = judged(backups, keep_last=1, by_component={"files/*": {"keep_last": 2}})
    assert [found[age][0] for age in (1, 2, 1.5, 3)] == ["keep", "delete", "keep", "keep"]


def test_a_count_is_of_periods_that_hold_a_backup():
    """A server that was off for a year keeps its last week of backups when it comes back."""
    found, _plan = judged([made(0), *(made(days) for days in range(365, 375))], daily=7)
    assert [age for age, (action, _reasons) in found.items() if action == "keep"] == [370, 369, 368, 367, 366, 365, 0]


@pytest.mark.parametrize(("going", "refused"), [(3, False), (4, True)])
def test_more_than_the_share_is_refused_and_nothing_goes(going, refused):
    backups = [made(days) for days in range(10 - going)] + [made(100 + days) for days in range(going)]
    found, done = judged(backups, force=False, keep_within="30d", max_delete_share=30)
    assert bool(done.refusals) == refused
    assert len(done.of("delete")) == (0 if refused else going)
    if refused:
        assert done.refusals[0].kind == "share"
        assert found[100] == ("keep", ("no rule keeps it", "nothing is deleted: share"))


def test_the_share_is_each_components():
    many = [made(days, "main/big") for days in range(100)]
    found, done = judged([*many, made(0.5), made(200), made(201)], force=False, keep_within="100d")
    assert "main/shop" in done.refusals[0].cause
    assert "delete" not in {action for action, _reasons in found.values()}


def test_of_three_backups_one_may_go():
    _found, done = judged([made(0), made(1), made(2)], force=False, keep_last=2)
    assert len(done.of("delete")) == 1


def test_force_lifts_the_share_and_no_clock():
    backups = [made(days) for days in range(10)]
    policy = retention_policy.parse({"keep_last": 1, "min_keep": 1})
    assert len(plan(backups, policy, NOW, force=True).of("delete")) == 9
    for store_time in (NOW + DAY, NOW - DAY):
        done = plan(backups, policy, NOW, force=True, store_time=store_time)
        assert [refusal.kind for refusal in done.refusals] == ["clock"]
        assert not done.of("delete")


def test_a_clock_that_went_back_deletes_nothing():
    done = plan([made(days) for days in range(10)], retention_policy.parse({"keep_last": 1}), NOW - 6 * DAY, force=True)
    assert done.refusals[0].kind == "clock"
    assert not done.of("delete")


def test_a_backup_from_the_future_neither_counts_nor_goes_nor_pushes_others_out():
    found, done = judged([made(-2), made(0), made(1), made(2)], keep_last=2)
    assert found[-2] == ("keep", ("claims a time in the future",))
    assert [found[age][0] for age in (0, 1, 2)] == ["keep", "keep", "delete"]
    assert not done.refusals


def test_a_backdated_backup_takes_no_month_from_a_true_one():
    """A stolen host cannot make old backups expire by forging older ones."""
    forged = made(30, misdated=True)
    found, _plan = judged([made(0), made(29), forged], monthly="12mo")
    assert found[29][1] == ("monthly 2026-10",)
    assert found[30] == ("keep", ("claims a time that the store contradicts",))


def test_a_decision_names_the_keys_of_the_policy_that_say_it():
    policy = retention_policy.parse({"keep_within": "4d", "daily": 2, "keep_last": 1, "min_keep": 1})
    backups = [made(0), made(3), made(5), made(1, scope="partial")]
    rules = {(NOW - d.candidate.finished) / DAY: d.rules for d in plan(backups, policy, NOW, force=True).decisions}
    assert rules == {
        0: ("keep_within", "keep_last", "daily", ""),
        1: ("keep_partial",),
        3: ("keep_within", "daily"),
        5: (),
    }


def test_of_two_that_overlap_the_one_that_began_later_is_the_newest():
    """As for `latest`: its data is the younger, though the other one ended later."""
    early, later = made(1, started=NOW - 3 * DAY, restore_tested=True), made(2, restore_tested=True)
    found, _plan = judged([early, later], keep_last=1)
    assert found[2] == ("keep", ("one of the newest 1", "one of the newest 1 (min_keep)", "newest restore-tested"))
    assert found[1][0] == "delete"
    found, _plan = judged([early, later], max_count=1)
    assert (found[1], found[2][0]) == (("delete", ("beyond max_count",)), "keep")


def test_one_that_took_long_takes_no_slot_from_one_that_ended_before_it():
    """What stands for a day stands for it also when one comes that began before it."""
    first, late = made(1.3), made(1.2, started=NOW - 2 * DAY)
    for backups in ([first, made(0)], [first, late, made(0)]):
        found, _plan = judged(backups, daily="30d")
        assert found[1.3] == ("keep", ("daily 2026-11-19",))


def test_one_that_claims_to_have_begun_in_the_future_is_not_the_newest():
    forged = made(0.5, started=NOW + 365 * DAY, restore_tested=True)
    found, _plan = judged([forged, made(1, restore_tested=True), made(2)], keep_last=1)
    assert found[0.5] == ("keep", ("claims a time in the future",))
    assert found[1] == ("keep", ("one of the newest 1", "one of the newest 1 (min_keep)", "newest restore-tested"))


def test_nothing_at_all_is_a_plan_too():
    assert plan([], retention_policy.parse({"daily": 1}), NOW).decisions == ()

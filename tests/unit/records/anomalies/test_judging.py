# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plausible noise and growth raise no alarm; halved tables, vanished ones, and data that no longer compresses do."""

from __future__ import annotations

import datetime
import time

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies import judging
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies.backup_figures import (
    Statistic,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies.judging import (
    Thresholds,
    judge,
)
from hypothesis import given, settings
from hypothesis import strategies as st

START = datetime.datetime(2026, 11, 1, 2, tzinfo=datetime.UTC)
MIB = 1 << 20


def statistic(day, plain=100 * MIB, ratio=0.25, rows=1_000_000, tables=None, streams=None, **values):
    return Statistic(
        application="shop",
        component="main/shop",
        backup_id=f"backup-{day:04d}",
        scope=values.pop("scope", "full"),
        reason=values.pop("reason", "scheduled"),
        finished=(START + datetime.timedelta(days=day)).isoformat(),
        size=int(plain * ratio),
        plain_size=int(plain),
        compression=values.pop("compression", "zstd:3"),
        rows=rows,
        tables=tables or {},
        streams=streams or {},
    )


def kinds(history, thresholds=judging.DEFAULTS):
    """Return the kinds and subjects that are found in the last backup."""
    found = judge(history, thresholds)[history[-1].backup_id]
    return {(each.kind, each.subject) for each in found}


noise = st.lists(st.floats(0.9, 1.1), min_size=6, max_size=45)
small_noise = st.lists(st.floats(0.95, 1.05), min_size=6, max_size=45)
growth = st.floats(0.0, 0.03)


@settings(max_examples=150, deadline=None)
@given(noise=noise, growth=growth, ratios=st.lists(st.floats(-0.05, 0.05), min_size=45, max_size=45))
def test_plausible_noise_and_growth_raise_no_alarm(noise, growth, ratios):
    history = []
    for day, factor in enumerate(noise):
        level = factor * (1 + growth) ** day
        rows = int(500_000 * level)
        tables = {"public.orders": rows, "public.settings": 12}
        pair = [int(30 * MIB * level * (0.3 + ratios[day])), int(30 * MIB * level)]
        streams = {"public.orders": pair, "rest": pair}
        history.append(statistic(day, 100 * MIB * level, 0.3 + ratios[day], rows, tables, streams))
    assert not any(judge(history, judging.DEFAULTS).values())


@settings(max_examples=150, deadline=None)
@given(noise=small_noise, growth=growth, table=st.booleans())
def test_halved_rows_raise_the_alarm(noise, growth, table):
    level = [factor * (1 + growth) ** day for day, factor in enumerate(noise)]
    level[-1] /= 2
    if table:
        history = [statistic(day, tables={"public.a": int(50_000 * each)}) for day, each in enumerate(level)]
        assert kinds(history) == {("table_rows_drop", "public.a")}
    else:
        history = [statistic(day, rows=int(1_000_000 * each)) for day, each in enumerate(level)]
        assert kinds(history) == {("rows_drop", "")}


@settings(max_examples=100, deadline=None)
@given(ratios=st.lists(st.floats(0.22, 0.28), min_size=5, max_size=30), after=st.floats(0.5, 1.05))
def test_a_collapse_of_compressibility_raises_the_alarm_and_says_what_it_may_mean(ratios, after):
    history = [statistic(day, ratio=ratio) for day, ratio in enumerate([*ratios, after])]
    (found,) = judge(history, judging.DEFAULTS)[history[-1].backup_id]
    assert found.kind == "compression_collapse"
    assert "ransomware" in found.cause


def test_one_table_that_no_longer_compresses_is_named_among_others_that_do():
    def streams(ratio):
        return {"public.notes": [int(MIB * ratio), MIB], "rest": [20 * MIB, 100 * MIB]}

    history = [statistic(day, streams=streams(0.25)) for day in range(8)]
    history.append(statistic(8, streams=streams(0.76)))
    assert kinds(history) == {("compression_collapse", "public.notes")}


def test_the_small_tables_are_compared_while_they_are_the_same_ones():
    big = [20 * MIB, 100 * MIB]
    before = [statistic(day, streams={"rest": [2 * MIB, 10 * MIB], "public.big": big}) for day in range(8)]
    among_themselves = statistic(8, streams={"rest": [6 * MIB, 10 * MIB], "public.big": big})
    without_one = statistic(8, streams={"rest": [6 * MIB, 10 * MIB], "public.big": big, "public.too": [1, 2]})
    assert kinds([*before, among_themselves]) == {("compression_collapse", "rest")}
    assert kinds([*before, without_one]) == set()


def test_another_compression_is_no_collapse():
    history = [statistic(day) for day in range(8)]
    assert kinds([*history, statistic(8, ratio=0.9, compression="none")]) == set()
    assert ("compression_collapse", "") in kinds([*history, statistic(8, ratio=0.9)])


def test_data_that_suddenly_compresses_much_better_was_replaced():
    history = [statistic(day, ratio=0.4) for day in range(8)]
    assert kinds([*history, statistic(8, ratio=0.02)]) == {("compression_drift", "")}


def test_nothing_is_judged_before_there_is_a_baseline():
    assert kinds([statistic(day) for day in range(4)] + [statistic(4, rows=1)]) == set()
    assert kinds([statistic(day) for day in range(5)] + [statistic(5, rows=1)]) == {("rows_drop", "")}


def test_a_constant_series_has_no_noise_and_still_allows_for_a_little():
    history = [statistic(day) for day in range(20)]
    assert kinds([*history, statistic(20, plain=80 * MIB, rows=800_000)]) == set()
    assert kinds([*history, statistic(20, plain=70 * MIB)]) == {("size_drop", "")}
    assert kinds([*history, statistic(20, plain=190 * MIB)]) == set()
    assert kinds([*history, statistic(20, plain=210 * MIB)]) == {("size_growth", "")}


def test_growth_that_stops_or_a_halving_on_the_way_up():
    growing = [statistic(day, rows=int(100_000 * 1.05**day)) for day in range(20)]
    stopped = [statistic(20 + day, rows=growing[-1].rows) for day in range(15)]
    assert not any(judge([*growing, *stopped], judging.DEFAULTS).values())
    assert kinds([*growing, statistic(20, rows=growing[-1].rows // 2)]) == {("rows_drop", "")}


def test_a_jumpy_table_sets_its_own_band():
    jumpy = [statistic(day, tables={"public.queue": 10_000 * (day % 3)}) for day in range(20)]
    assert kinds([*jumpy, statistic(20, tables={"public.queue": 0})]) == set()


def series(rows):
    return [statistic(day, tables={"public.a": each}) for day, each in enumerate(rows)]


def alarms(history):
    """Return on which days something was found."""
    return [day for day, found in enumerate(judge(history, judging.DEFAULTS).values()) if found]


@settings(max_examples=40, deadline=None)
@given(
    noise=st.lists(st.floats(0.93, 1.07), min_size=70, max_size=70), dip=st.floats(0.0, 0.5), start=st.integers(0, 6)
)
def test_weekends_alarm_twice_at_most_and_then_are_normal(noise, dip, start):
    rows = [20_000 * each * (dip if (day + start) % 7 > 4 else 1) for day, each in enumerate(noise)]
    history = series([int(each) for each in rows])
    assert all(day < 21 for day in alarms(history))


def test_what_is_less_than_every_weekend_is_a_loss():
    rows = [5_000 if day % 7 > 4 else 20_000 for day in range(47)]
    assert kinds(series(rows)) == set()
    assert kinds(series([*rows, 2_000])) == {("table_rows_drop", "public.a")}


def test_a_table_that_is_emptied_every_month_is_known_by_the_third_time():
    history = series([1000 * (day % 30) for day in range(160)])
    found = alarms(history)
    assert found[0] == 30
    assert all(day < 90 for day in found)


def test_a_second_loss_after_a_restore_is_told_as_the_first_was():
    rows = [20_000] * 20 + [0] + [20_000] * 20 + [0]
    assert alarms(series(rows)) == [20, 41]


def test_a_loss_that_stays_is_no_habit():
    rows = [20_000] * 20 + [0] * 5
    assert alarms(series(rows)) == [20, 21, 22, 23, 24]


def test_an_hourly_backup_that_meets_the_nightly_load_is_normal_after_some_nights():
    history = [statistic(hour, plain=(250 if hour % 24 == 3 else 100) * MIB) for hour in range(24 * 8)]
    assert alarms(history)[0] == 27
    assert all(hour < 24 * 3 for hour in alarms(history))


@settings(max_examples=50, deadline=None)
@given(ratios=st.lists(st.floats(0.2, 0.6), min_size=20, max_size=40))
def test_a_jumpy_ratio_hides_no_ciphertext(ratios):
    history = [statistic(day, ratio=ratio) for day, ratio in enumerate([*ratios, 0.99])]
    assert ("compression_collapse", "") in kinds(history)


@pytest.mark.parametrize("nights", [5, 8, 14])
def test_who_encrypts_a_part_each_night_is_seen(nights):
    history = [statistic(day, ratio=0.25) for day in range(30)]
    history += [statistic(30 + night, ratio=0.25 + 0.7 * min(night / nights, 1)) for night in range(1, nights + 3)]
    found = judge(history, judging.DEFAULTS)
    seen = [night for night in range(1, nights + 3) if found[f"backup-{29 + night + 1:04d}"]]
    assert seen
    assert seen[0] <= nights + 1
    assert {each.kind for each in found[history[-1].backup_id]} == {"compression_collapse"}


@settings(max_examples=40, deadline=None)
@given(ratios=st.lists(st.floats(-0.04, 0.04), min_size=60, max_size=60), drift=st.floats(0.0, 0.008))
def test_a_ratio_that_drifts_raises_no_alarm(ratios, drift):
    history = [statistic(day, ratio=0.25 + drift * day + ratio) for day, ratio in enumerate(ratios)]
    assert alarms(history) == []


def test_the_widest_window_is_judged_in_seconds():
    history = [statistic(day, rows=1_000_000 + day % 9 * 1000, plain=(100 + day % 5) * MIB) for day in range(801)]
    began = time.process_time()
    judge(history, judging.parse({"window": 200}))
    assert time.process_time() - began < 4


def test_an_emptied_table_and_one_that_is_gone_are_named():
    tables = {"public.a": 5000, "public.b": 7000, "public.tiny": 20}
    history = [statistic(day, tables=tables) for day in range(8)]
    assert kinds([*history, statistic(8, tables={"public.a": 0, "public.other": 1})]) == {
        ("table_rows_drop", "public.a"),
        ("table_vanished", "public.b"),
    }


def test_partitions_that_rotate_are_no_loss():
    def tables(day):
        return {f"public.events_2026_{month:02d}": 40_000 for month in range(day, day + 9)}

    history = [statistic(day, tables=tables(day)) for day in range(1, 20)]
    assert not any(judge(history, judging.DEFAULTS).values())


def test_the_alarm_lasts_and_then_the_change_is_the_norm():
    history = [statistic(day) for day in range(20)] + [statistic(20 + day, rows=400_000) for day in range(20)]
    suspicious = [bool(found) for found in judge(history, judging.DEFAULTS).values()]
    assert suspicious[20:27] == [True] * 7
    assert suspicious[-1] is False
    assert not any(suspicious[:20])


def test_a_backup_that_is_accepted_begins_a_baseline():
    history = [statistic(day) for day in range(20)] + [statistic(20 + day, rows=400_000) for day in range(3)]
    thresholds = Thresholds(since=START + datetime.timedelta(days=20))
    assert not any(judge(history, thresholds).values())


def test_partial_backups_are_left_out_and_emergencies_are_nobodys_baseline():
    history = [statistic(day) for day in range(8)]
    partial = statistic(8, rows=5, scope="partial")
    emergencies = [statistic(9 + day, rows=5, reason="emergency") for day in range(12)]
    found = judge([*history, partial, *emergencies, statistic(30)], judging.DEFAULTS)
    assert partial.backup_id not in found
    assert found[emergencies[-1].backup_id]
    assert not found["backup-0030"]


def test_what_changed_says_nothing_about_the_size_of_the_whole():
    history = [
        statistic(day, scope="incremental" if day % 2 else "full", plain=100 * MIB >> day % 2) for day in range(20)
    ]
    found = judge([*history, statistic(20, plain=40 * MIB)], judging.DEFAULTS)
    assert found.keys() == {one.backup_id for one in history[::2]} | {"backup-0020"}
    assert [kind.kind for kind in found["backup-0020"]] == ["size_drop"]


def test_a_backup_without_counts_is_judged_by_its_size():
    history = [statistic(day, rows=None) for day in range(8)]
    assert kinds([*history, statistic(8, plain=10 * MIB, rows=None)]) == {("size_drop", "")}


def test_a_thousand_destroyed_tables_are_told_in_a_few_lines():
    history = [statistic(day, tables={f"public.t{name}x": 9000 for name in range(1000)}) for day in range(8)]
    history.append(statistic(8, tables={f"public.t{name}x": 0 for name in range(1000)}))
    began = time.process_time()
    found = judge(history, judging.DEFAULTS)[history[-1].backup_id]
    assert time.process_time() - began < 10
    assert len(found) == 1000
    assert len(judging.shown(found)) == judging.SHOWN + 1
    assert judging.shown(found)[-1] == "And 980 more."


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"windw": 3}, "anomalies.windw"),
        ({"shrink": 0}, "anomalies.shrink"),
        ({"minimum": True}, "anomalies.minimum"),
        ({"window": 4}, "anomalies.window"),
        ({"since": "yesterday"}, "anomalies.since"),
        ({"since": "2026-11-20T10:00:00"}, "anomalies.since"),
    ],
)
def test_an_impossible_threshold_is_refused_by_name(options, field):
    with pytest.raises(UsageError) as caught:
        judging.parse(options)
    assert caught.value.details["field"] == field


def test_thresholds_are_read_and_nothing_is_the_default():
    assert judging.parse(None) == judging.parse({"shrink": None}) == Thresholds()
    assert judging.parse({"window": 0}) == Thresholds(window=0)
    assert judge([statistic(day, rows=10 ** (day % 9)) for day in range(30)], Thresholds(window=0)) == {}

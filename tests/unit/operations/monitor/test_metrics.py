# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What metrics and status page say about a store, a host's memory and its schedule."""

from __future__ import annotations

import datetime
import os
import re
import stat
import typing as t
from datetime import timedelta

import pytest
import sample_host
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.login import Login
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import directory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    NotFound,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.printing import printable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import watching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.examining import (
    WalInfoRequest,
    examine,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies import backup_figures
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import inventory
from recovery_fixtures import STEPS, controller

if t.TYPE_CHECKING:
    from sample_host import SampleHost

SHOP = 'application="shop",cluster="main",database="shop"'


def ago(hours: float) -> float:
    return (sample_host.NOW - datetime.timedelta(hours=hours)).timestamp()


def test_the_newest_backup_that_counts_is_measured(sample: SampleHost) -> None:
    sample.back_up(hours=29)
    newest = sample.back_up(hours=5, data=4 << 20, seconds=42)
    sample.back_up(hours=2, reason="emergency")
    sample.back_up(hours=1, scope="partial")
    sample.log("backup", backup_id=newest, rows=1234)
    values = sample.values()
    assert values[f"lifeboat_backup_newest_timestamp_seconds{{{SHOP}}}"] == ago(5)
    assert values[f"lifeboat_backup_newest_data_bytes{{{SHOP}}}"] == (4 << 20) + 2
    assert values[f"lifeboat_backup_newest_duration_seconds{{{SHOP}}}"] == 42
    assert values[f"lifeboat_backup_newest_rows{{{SHOP}}}"] == 1234
    stored = values[f"lifeboat_backup_newest_stored_bytes{{{SHOP}}}"]
    assert values[f"lifeboat_backup_newest_compression_ratio{{{SHOP}}}"] == pytest.approx(((4 << 20) + 2) / stored)
    assert values[f"lifeboat_backups{{{SHOP}}}"] == 4
    on_disk = sum(path.stat().st_size for path in (sample.home / "store").rglob("*") if path.is_file())
    assert values['lifeboat_store_bytes{application="shop"}'] == on_disk


def test_only_a_restore_that_was_compared_makes_a_backup_restore_tested(sample: SampleHost) -> None:
    first, second, third = (sample.back_up(hours=hours) for hours in (53, 29, 5))
    name = f"lifeboat_backup_newest_restore_tested_timestamp_seconds{{{SHOP}}}"
    assert sample.values()[name] == 0
    sample.validated(first)
    sample.log("validation", "failed", backup_id=third, mode="scratch")
    sample.log("validation", backup_id=second, mode="scratch", proof="none")
    sample.log("verification", backup_id=third, level="opens")
    sample.log("restore", backup_id=third)
    assert sample.values()[name] == ago(53)
    sample.validated(third)
    assert sample.values()[name] == ago(5)
    assert sample.values()[f"lifeboat_backups_restore_tested{{{SHOP}}}"] == 2


def test_a_database_whose_backup_never_succeeded_is_not_forgotten(sample: SampleHost) -> None:
    sample.log("backup", "failed", component="main/orders")
    values = sample.values()
    place = 'application="shop",cluster="main",database="orders"'
    assert values[f"lifeboat_backup_newest_timestamp_seconds{{{place}}}"] == 0
    assert values[f'lifeboat_run_last_success{{{place},operation="backup"}}'] == 0
    assert sample.watch().facts["answer"] == "no"


def test_a_database_of_the_server_that_was_never_backed_up_is_told(sample: SampleHost) -> None:
    """Nobody ever tried, so the store and the log know nothing of it."""
    sample.validated(sample.back_up())
    sample.server("shop", "orders", left_out=("scratch",))
    values = sample.values()
    place = 'application="shop",cluster="main",database="orders"'
    assert values[f"lifeboat_backup_newest_timestamp_seconds{{{place}}}"] == 0
    assert values['lifeboat_databases_without_backup{application="shop",cluster="main"}'] == 1
    assert values['lifeboat_databases_left_out{application="shop",cluster="main"}'] == 1
    assert values['lifeboat_server_asked_timestamp_seconds{application="shop",cluster="main"}'] == ago(1)
    outcome = sample.watch()
    assert outcome.facts["answer"] == "no"
    assert "no backup of orders" in outcome.facts["summary"]
    page = sample.html()
    assert ">orders</h3>" in page
    assert "scratch" in page


@pytest.mark.parametrize("hours", [None, 48, -48])
def test_that_all_is_backed_up_is_said_only_when_it_was_compared(sample: SampleHost, hours: float | None) -> None:
    for database in ("shop", "orders"):
        sample.validated(sample.back_up(database), component=f"main/{database}")
    if hours is not None:
        sample.server("shop", "orders", hours=hours)
    said = sample.watch().facts["summary"]
    assert "All 2 databases" not in said
    assert "without a backup was not compared with the server" in said
    sample.server("shop", "orders", hours=0)
    assert sample.watch().facts["summary"].startswith("Yes. All 2 databases could be restored: ")
    assert "not compared" not in sample.watch().facts["summary"]


def test_a_damaged_memory_of_the_server_is_no_memory(sample: SampleHost) -> None:
    sample.back_up()
    path = sample.home / "state" / "databases.jsonl"
    path.write_text(
        '{"application":"shop","cluster":"main","asked":"now","wanted":["a"],"left_out":[]}\n'
        '{"application":"shop","cluster":"main","asked":"2026-11-21T07:00:00+00:00","wanted":5,"left_out":[]}\n[]\n'
    )
    assert "not compared" in sample.watch().facts["summary"]


def test_the_memory_of_the_server_stays_small_and_keeps_the_last_answers(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "LARGEST", 2000)
    for hours in range(60, 0, -1):
        for cluster in ("main", "other"):
            sample.server("shop", f"db{hours}", hours=hours, cluster=cluster)
    assert (sample.home / "state" / "databases.jsonl").stat().st_size < 2200
    known = inventory.Inventories(str(sample.home / "state")).of("shop")
    assert {name: found.wanted for name, found in known.items()} == {"main": ["shop", "db1"], "other": ["shop", "db1"]}


def test_a_misspelt_database_is_forgotten_after_a_while(sample: SampleHost) -> None:
    sample.back_up()
    sample.log("backup", "failed", hours=24 * 8, component="main/shpo")
    assert sample.values()['lifeboat_databases{application="shop"}'] == 1


def test_names_that_nobody_uses_any_more_leave_no_metrics(sample: SampleHost) -> None:
    """The log knows each name there ever was; Prometheus must not."""
    sample.back_up()
    for day in range(8, 40):
        sample.log("backup", "failed" if day % 2 else "ok", hours=24 * day, component=f"main/try_{day}")
    sample.log("validation", "failed", hours=24 * 40)
    sample.log("retention", "failed", hours=24 * 40, component="main")
    sample.log("backup", "failed", hours=24 * 6, component="main/shpo")
    values = sample.values()
    assert "try_" not in "".join(values)
    run = 'lifeboat_run_last_success{application="shop",cluster="main"'
    assert values[f'{run},database="shop",operation="validation"}}'] == 0
    assert values[f'{run},operation="retention"}}'] == 0
    assert values[f'{run},database="shpo",operation="backup"}}'] == 0


def test_a_clock_that_ran_ahead_hides_nothing(sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a host did while its clock was a year ahead is not the newest for a year."""
    sample.schedule()
    sample.back_up(hours=29)
    sample.log("backup", hours=29)
    sample.back_up(hours=-24 * 365)
    sample.log("backup", hours=-24 * 365)
    late = 'lifeboat_schedule_last_run_timestamp_seconds{application="shop",job_name="nightly",operation="backup"}'
    newest = f"lifeboat_backup_newest_timestamp_seconds{{{SHOP}}}"
    for deny in (False, True):
        if deny:
            monkeypatch.setattr(directory.DirectoryStore, "list", refuse("AccessDenied", 403))
        values = sample.values()
        assert values[newest] == ago(29)
        assert values[late] == ago(29)


def test_runs_are_counted_by_result_and_lately(sample: SampleHost) -> None:
    for hours, result in ((24 * 9, "failed"), (72, "ok"), (48, "failed"), (24, "refused"), (5, "ok")):
        sample.log("backup", result, hours=hours, seconds=hours)
    sample.log("backup", application="other")
    values = sample.values()
    run = f'{SHOP},operation="backup"'
    results = ("ok", "failed", "refused")
    assert [values[f'lifeboat_runs_total{{{run},result="{result}"}}'] for result in results] == [2, 2, 1]
    assert [values[f'lifeboat_runs_recent{{{run},result="{result}"}}'] for result in results] == [2, 1, 1]
    assert values[f"lifeboat_run_last_timestamp_seconds{{{run}}}"] == ago(5)
    assert values[f"lifeboat_run_last_duration_seconds{{{run}}}"] == 5
    assert values[f"lifeboat_run_last_success{{{run}}}"] == 1
    sample.log("backup", "failed", hours=1)
    values = sample.values()
    assert values[f"lifeboat_run_last_success{{{run}}}"] == 0
    assert values[f"lifeboat_run_last_success_timestamp_seconds{{{run}}}"] == ago(5)


def test_hosts_that_share_a_store_speak_of_their_own(sample: SampleHost) -> None:
    sample.back_up(cluster="main")
    other = sample.back_up(cluster="db2")
    text = "".join(sample.values())
    assert 'cluster="main"' in text
    assert 'cluster="db2"' not in text
    sample.validated(other, component="db2/shop")
    assert sample.values()[f"lifeboat_backups_restore_tested{{{SHOP.replace('main', 'db2')}}}"] == 1
    assert 'cluster="db2"' in "".join(sample.values(cluster=None))
    assert "cluster db2" in sample.html()


def test_what_is_excluded_is_left_out(sample: SampleHost) -> None:
    sample.back_up("shop")
    sample.back_up("old_shop")
    sample.log("backup", "failed", component="main/old_shop")
    text = "".join(sample.values(exclude=("*/old_*",)))
    assert 'database="shop"' in text
    assert "old_shop" not in text


@pytest.mark.parametrize("database", ['a"b', "a\\b", "two\nlines", "a/b", "ünïcödé", "a b", "{}=,"])
def test_odd_names_are_labels_like_others(sample: SampleHost, database: str) -> None:
    sample.back_up(database)
    escaped = printable(database).replace("\\", "\\\\").replace('"', '\\"')
    sample.watch()
    text = sample.path.read_text(encoding="utf-8")
    assert f'lifeboat_backups{{application="shop",cluster="main",database="{escaped}"}} 1\n' in text


def test_names_that_decode_to_the_same_stay_apart(sample: SampleHost) -> None:
    sample.log("backup", "failed", component="main/a%FF")
    sample.log("backup", "failed", component="main/a%FE")
    sample.log("backup", "failed", component="main/b<")
    sample.log("backup", "failed", component="main/b%3C")
    text = "".join(sample.values())
    assert 'database="a%FF (not decoded)"' in text
    assert 'database="a%FE (not decoded)"' in text
    assert text.count('operation="backup",result="failed"') == 8


def refuse(code: str, status: int) -> t.Callable[..., t.NoReturn]:
    def refused(*_given: object) -> t.NoReturn:
        raise AccessDenied("Access is denied.", "", code=code, status=status)

    return refused


LOG = f'application="shop",cluster="main",system_identifier="{sample_host.SYSTEM}"'


class TestLog:
    def of(self, values: dict[str, float]) -> dict[str, float]:
        """Return the metrics of the log by their names."""
        return {
            name.removesuffix(f"{{{LOG}}}").removeprefix("lifeboat_wal_"): value
            for name, value in values.items()
            if LOG in name
        }

    def stored(self, sample: SampleHost) -> int:
        """Return the bytes of all logs."""
        return sum(path.stat().st_size for path in (sample.home / "store" / "shop" / "wal").rglob("*.lbx"))

    def test_a_log_is_watched_wherever_its_backups_are_listed(self, sample: SampleHost) -> None:
        sample.base(hours=50)
        sample.base(hours=20, first=5)
        sample.archive(range(2, 9), hours=1)
        found = self.of(sample.values())
        assert found == {
            "listed_timestamp_seconds": ago(0),
            "recoverable_from_timestamp_seconds": ago(50),
            "newest_base_timestamp_seconds": ago(20),
            "recoverable_until_timestamp_seconds": ago(1),
            "gaps": 0,
            "forked_timelines": 0,
            "stored_bytes": self.stored(sample),
        }

    def test_what_does_not_reach_as_far_does_not_count(self, sample: SampleHost) -> None:
        sample.base(hours=50)
        sample.base(hours=20, first=6)
        sample.archive([2, 3, 4, 6, 7], hours=1)
        found = self.of(sample.values())
        assert found["recoverable_from_timestamp_seconds"] == found["newest_base_timestamp_seconds"] == ago(20)
        assert found["gaps"] == 1

    def test_a_log_without_a_backup_recovers_nothing(self, sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> None:
        sample.archive(range(2, 9))
        monkeypatch.setattr(watching, "ask", lambda _login: (sample.answer(waiting=3, waiting_seconds=400), None))
        found = self.of(sample.values(archiving=watching.Archiving(Login())))
        assert found["recoverable_until_timestamp_seconds"] == found["recoverable_from_timestamp_seconds"] == 0
        assert (found["waiting_files"], found["waiting_seconds"], found["server_answers"]) == (3, 400, 1)
        [log] = sample.watch(archiving=watching.Archiving(Login())).facts["status"]["logs"]
        assert log["state"] == "recovers nothing"

    def test_a_log_that_should_be_there_is_missed(self, sample: SampleHost) -> None:
        values = sample.values(archiving=watching.Archiving())
        assert values['lifeboat_wal_recoverable_until_timestamp_seconds{application="shop",cluster="main"}'] == 0
        assert not [name for name in sample.values() if name.startswith("lifeboat_wal")]

    def test_a_backup_that_has_its_log_itself_is_no_archive(self, sample: SampleHost) -> None:
        sample.base()
        assert not [name for name in sample.values() if name.startswith("lifeboat_wal")]

    def test_what_a_stranger_stored_recovers_to_nothing_and_is_told(self, sample: SampleHost) -> None:
        sample.base(hours=50)
        sample.archive(range(2, 9), hours=3)
        sample.archive([9, 12], hours=1)
        for name in ("000000010000000000000009", "00000001000000000000000C"):
            [path] = (sample.home / "store").rglob(f"{name}.lbx")
            path.write_bytes(b"junk")
        (path.parents[1] / "../000000FE").resolve().mkdir()
        (path.parents[1] / "../000000FE/000000FE.history.lbx").resolve().write_bytes(b"junk")
        for _look in range(2):
            [log] = examine(WalInfoRequest(sample.settings), sample.world()).facts["wal"]
            assert log["recoverable_until"] == (sample.now - timedelta(hours=3)).isoformat()
            assert [one["timeline"] for one in log["timelines"]] == [1]
            assert log["size"] == self.stored(sample) - 2 * len("junk")
            ends, history = log["problems"]
            assert "2 segments from 000000010000000000000009" in ends
            assert "000000FE.history" in history
            found = self.of(sample.values())
            assert found["recoverable_until_timestamp_seconds"] == ago(3)
            assert found["gaps"] == 0

    def test_the_size_of_the_store_has_the_logs_of_all_clusters(self, sample: SampleHost) -> None:
        sample.back_up()
        before = sample.values()
        sample.archive(range(2, 9))
        after = sample.values()
        name = 'lifeboat_store_{}{{application="shop"}}'
        assert after[name.format("bytes")] - before[name.format("bytes")] == self.stored(sample)
        assert after[name.format("objects")] - before[name.format("objects")] == 7

    def test_a_host_that_may_not_list_says_nothing_of_the_store(
        self, sample: SampleHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def denied(*_given: object) -> t.NoReturn:
            raise AccessDenied("No.", "Ask.")

        monkeypatch.setattr(directory.DirectoryStore, "list", denied)
        monkeypatch.setattr(watching, "ask", lambda _login: (sample.answer(), None))
        found = self.of(sample.values(archiving=watching.Archiving(Login())))
        assert found["server_answers"] == 1
        assert not {"listed_timestamp_seconds", "gaps", "recoverable_until_timestamp_seconds"} & set(found)


class TestStore:
    """A store that is damaged, cannot be read, or fills."""

    def test_damage_is_counted_by_kind(self, sample: SampleHost) -> None:
        gone, cut = sample.back_up(hours=29), sample.back_up(hours=5)
        next((sample.home / "store").rglob(f"{gone}.json")).unlink()
        next((sample.home / "store").rglob(f"{cut}/0001.lbx")).write_bytes(b"cut")
        values = sample.values()
        assert values['lifeboat_store_problems{application="shop",kind="missing"}'] == 1
        assert values['lifeboat_store_problems{application="shop",kind="incomplete"}'] == 1
        assert values['lifeboat_store_problems{application="shop",kind="exchanged"}'] == 0
        assert f"lifeboat_backups{{{SHOP}}}" not in values
        page = sample.html()
        assert "<h2>Problems</h2>" in page
        assert gone in page

    def test_an_unreachable_store_is_a_metric_and_no_failure(self, sample: SampleHost) -> None:
        identity = sample.back_up()
        sample.log("backup", backup_id=identity, seconds=18)
        (sample.home / "store").rename(sample.home / "unmounted")
        outcome = sample.watch()
        values = sample_host.values_of(sample.path.read_text())
        assert outcome.facts["answer"] == "unknown"
        assert "Only the backups that this host has recorded are shown." in outcome.warnings[0]
        assert values['lifeboat_catalogue_readable{application="shop"}'] == 0
        # What this host remembers is still told, so that its age goes on counting.
        assert values[f"lifeboat_backup_newest_timestamp_seconds{{{SHOP}}}"] == ago(5)
        assert values[f"lifeboat_backup_newest_duration_seconds{{{SHOP}}}"] == 18
        assert not any(name.startswith("lifeboat_store_problems") for name in values)
        assert "Unknown." in sample.html()

    def test_a_host_that_may_only_write_speaks_of_what_it_made(
        self, sample: SampleHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sample.validated(sample.back_up())

        monkeypatch.setattr(directory.DirectoryStore, "list", refuse("AccessDenied", 403))
        outcome = sample.watch()
        values = sample_host.values_of(sample.path.read_text())
        assert outcome.warnings == ()
        assert outcome.facts["answer"] == "yes"
        assert outcome.facts["summary"].endswith("This host may not read the store, and reports what it has recorded.")
        assert not any(name.startswith("lifeboat_catalogue_readable") for name in values)
        assert values[f"lifeboat_backup_newest_restore_tested_timestamp_seconds{{{SHOP}}}"] == ago(5)

    def test_what_a_host_that_may_only_write_cannot_know_is_missing_and_not_never(
        self, sample: SampleHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sample.back_up()
        known = ("lifeboat_objects", "lifeboat_objects_never_reread", "lifeboat_backup_newest_reread_timestamp_seconds")
        assert [sample.values().get(f"{name}{{{SHOP}}}") for name in known] == [2, 2, 0]
        monkeypatch.setattr(directory.DirectoryStore, "list", refuse("AccessDenied", 403))
        assert [sample.values().get(f"{name}{{{SHOP}}}") for name in known] == [None, None, None]

    def test_a_host_that_may_not_read_and_remembers_nothing_does_not_know(
        self, sample: SampleHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sample.back_up(receipt=False)
        monkeypatch.setattr(directory.DirectoryStore, "list", refuse("AccessDenied", 403))
        assert sample.watch().facts["summary"] == (
            "Unknown. This host may not read the store, and has no record of a backup of shop."
        )

    @pytest.mark.parametrize(("code", "status"), [("InvalidAccessKeyId", 403), ("ExpiredToken", 400), ("", 401)])
    def test_credentials_that_count_no_more_are_no_host_that_may_only_write(
        self, sample: SampleHost, monkeypatch: pytest.MonkeyPatch, code: str, status: int
    ) -> None:
        sample.validated(sample.back_up())
        monkeypatch.setattr(directory.DirectoryStore, "list", refuse(code, status))
        outcome = sample.watch()
        assert outcome.facts["answer"] == "unknown"
        assert outcome.warnings
        assert sample_host.values_of(sample.path.read_text())['lifeboat_catalogue_readable{application="shop"}'] == 0

    def test_room_is_that_of_the_file_system_or_of_the_quota(self, sample: SampleHost) -> None:
        sample.back_up()
        values = sample.values()
        room = os.statvfs(sample.home / "store")
        capacity = values['lifeboat_store_capacity_bytes{application="shop"}']
        assert capacity == pytest.approx((room.f_blocks - room.f_bfree + room.f_bavail) * room.f_frsize, rel=0.01)
        used = values['lifeboat_store_bytes{application="shop"}']
        values = sample.values(capacity=int(used * 4))
        assert values['lifeboat_store_capacity_bytes{application="shop"}'] == used * 4
        assert values['lifeboat_store_available_bytes{application="shop"}'] == used * 3
        assert "25 % of" in sample.html(capacity=int(used * 4))


class TestSchedule:
    """Jobs that ran, and jobs that did not."""

    NAME = 'application="shop",job_name="nightly",operation="backup"'

    def test_a_job_that_ran_is_in_time(self, sample: SampleHost) -> None:
        sample.schedule()
        sample.log("backup", hours=4.9)
        values = sample.values()
        assert values[f"lifeboat_schedule_due_timestamp_seconds{{{self.NAME}}}"] == ago(5)
        assert values[f"lifeboat_schedule_last_run_timestamp_seconds{{{self.NAME}}}"] == ago(4.9)
        assert values[f"lifeboat_schedule_next_timestamp_seconds{{{self.NAME}}}"] == ago(-19)
        assert "in time" in sample.html()

    def test_a_job_that_did_not_run_is_late(self, sample: SampleHost) -> None:
        sample.schedule()
        sample.log("backup", hours=28.9)
        values = sample.values()
        due = values[f"lifeboat_schedule_due_timestamp_seconds{{{self.NAME}}}"]
        assert values[f"lifeboat_schedule_last_run_timestamp_seconds{{{self.NAME}}}"] < due
        assert "late since 21 Nov 2026, 03:00" in sample.html()

    def test_a_job_that_was_made_since_is_not_late(self, sample: SampleHost) -> None:
        sample.schedule(hours=1)
        assert sample.values()[f"lifeboat_schedule_due_timestamp_seconds{{{self.NAME}}}"] == 0

    def test_a_broken_schedule_is_told_and_the_rest_is_written(self, sample: SampleHost) -> None:
        sample.back_up()
        (sample.home / "config" / "schedule.json").write_text("{}")
        outcome = sample.watch()
        assert "is not a schedule" in outcome.warnings[0]
        assert f"lifeboat_backups{{{SHOP}}} 1" in sample.path.read_text()


def test_what_is_unusual_about_the_newest_backup_is_told(sample: SampleHost) -> None:
    for day in range(9, 0, -1):
        sample.back_up(hours=24 * day, data=100 << 20)
    name = f'lifeboat_backup_newest_suspicions{{{SHOP},kind="size_drop"}}'
    assert sample.values()[name] == 0
    sample.back_up(hours=1, data=10 << 20)
    assert sample.values()[name] == 1
    assert "The newest backup is suspicious: size drop" in sample.html()


def test_the_next_expiry_is_that_of_the_policy(sample: SampleHost) -> None:
    for hours in (24 * 12, 24 * 10, 24 * 8, 24 * 2, 24):
        sample.back_up(hours=hours)
    name = f"lifeboat_backup_next_expiry_timestamp_seconds{{{SHOP}}}"
    assert name not in sample.values()
    assert sample.values(policy={"keep_within": "30d"})[name] == ago(24 * (12 - 30))
    # What is overdue is in the past, so that a retention that does not run is seen.
    assert sample.values(policy={"keep_within": "11d"})[name] == ago(24 * (12 - 11))
    assert name not in sample.values(policy={"daily": 7})
    assert "Next expiry" not in sample.html()
    with pytest.raises(UsageError, match="keep_whithin"):
        sample.watch(policy={"keep_whithin": "30d"})


def test_rows_come_from_what_the_host_remembers(sample: SampleHost) -> None:
    identity = sample.back_up()
    backup_figures.Statistics(str(sample.home / "state")).add(
        backup_figures.Statistic(
            "shop", "main/shop", identity, "full", "scheduled", sample_host.NOW.isoformat(), 1, 2, rows=77
        )
    )
    assert sample.values()[f"lifeboat_backup_newest_rows{{{SHOP}}}"] == 77


class TestWriting:
    """The file of the metrics: when it changes, who may read it, and that it is whole."""

    def test_time_alone_is_no_change(self, sample: SampleHost) -> None:
        sample.back_up()
        assert sample.watch().changed
        sample.now += datetime.timedelta(minutes=5)
        before = sample.path.read_text()
        assert not sample.watch().changed
        # It is written all the same, or a writer that died could not be told from one with nothing to say.
        assert sample.path.read_text() != before
        sample.log("backup")
        assert sample.watch().changed

    def test_check_mode_writes_nothing_and_foretells_the_change(self, sample: SampleHost) -> None:
        sample.back_up()
        before = sorted(sample.home.rglob("*"))
        planned = sample.watch(dry_run=True)
        assert sorted(sample.home.rglob("*")) == before
        real = sample.watch()
        assert (planned.changed, planned.before) == (real.changed, real.before)
        assert [line for line in planned.after.splitlines() if "available" not in line] == [
            line for line in real.after.splitlines() if "available" not in line
        ]

    def test_others_may_read_what_is_written_whatever_the_umask(self, sample: SampleHost) -> None:
        sample.back_up()
        before = os.umask(0o077)
        try:
            sample.watch()
        finally:
            os.umask(before)
        assert stat.S_IMODE(sample.path.stat().st_mode) == 0o644

    def test_there_is_no_moment_at_which_node_exporter_may_not_read(
        self, sample: SampleHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        modes = []
        real = os.rename
        monkeypatch.setattr(
            os, "rename", lambda *names: (modes.append(os.stat(names[0]).st_mode & 0o777), real(*names))
        )
        before = os.umask(0o077)
        try:
            sample.watch()
            assert os.umask(0o077) == 0o077
        finally:
            os.umask(before)
        assert modes[-1:] == [0o644]

    def test_a_directory_that_is_not_there_is_refused(self, sample: SampleHost) -> None:
        with pytest.raises(NotFound, match="absent"):
            sample.watch(path=str(sample.home / "absent" / "shop.prom"))

    def test_a_name_that_node_exporter_does_not_read_is_refused(self, sample: SampleHost) -> None:
        with pytest.raises(UsageError, match=r"\.prom"):
            sample.watch(path=str(sample.home / "out" / "shop.txt"))

    def test_a_link_is_not_written_through(self, sample: SampleHost) -> None:
        """The file is replaced as a whole: what a link of that name points to stays."""
        victim = sample.home / "victim"
        victim.write_text("untouched")
        sample.path.symlink_to(victim)
        sample.watch()
        assert victim.read_text() == "untouched"


def test_fifty_databases_are_told_in_a_page_that_one_reads(sample: SampleHost) -> None:
    """Those in trouble have a card and come first; of the others, a row each says enough."""
    for number in range(20):
        sample.validated(sample.back_up(f"fine{number:02d}", files=1), component=f"main/fine{number:02d}")
    sample.back_up("doubtful", files=1)
    sample.log("backup", "failed", component="main/broken")
    sample.server(*(f"fine{number:02d}" for number in range(20)), "doubtful", "broken", "forgotten")
    page = sample.html()
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["broken", "forgotten", "doubtful"]
    assert len(page) < 60_000
    assert page.index("forgotten") < page.index("fine00")
    assert "20 successful runs" in page
    runs = page.partition("Last runs")[2]
    assert runs.index("broken") < runs.index("fine00")


def test_nothing_on_the_page_says_how_old_it_is(sample: SampleHost) -> None:
    """The page may be read a week after it was written, where no script runs."""
    sample.schedule()
    sample.validated(sample.back_up())
    sample.log("backup", "failed", hours=30)
    sample.server("shop", hours=40)
    text = re.sub(r"<script>.*?</script>", "", sample.html(), flags=re.DOTALL)
    assert not re.findall(r"\b(?:ago|old|now)\b", text.partition("<body>")[2], re.IGNORECASE)


class TestPage:
    """The status page, as text. How it looks in a browser is tested in tests/integration/roles/monitoring."""

    def test_yes_says_how_old_the_newest_restore_tested_backup_is(self, sample: SampleHost) -> None:
        sample.validated(sample.back_up(hours=5))
        assert (
            said(sample)
            == "Yes. shop could be restored: its newest restore-tested backup is from 21 Nov 2026, 03:00 UTC."
        )

    def test_several_databases_are_as_good_as_the_worst(self, sample: SampleHost) -> None:
        sample.validated(sample.back_up("shop", hours=5))
        sample.validated(sample.back_up("sessions", hours=7), component="main/sessions")
        assert said(sample) == (
            "Yes. All 2 databases could be restored: the newest restore-tested backup of each is from 21 Nov 2026, "
            "01:00 UTC or younger."
        )
        sample.back_up("orders")
        assert said(sample) == "Probably. Each database has a backup, but no backup of orders was ever restore-tested."
        sample.log("backup", "failed", component="main/stock")
        assert said(sample) == "No. There is no backup of stock, and no backup of orders was ever restore-tested."
        sample.validated(sample.back_up("orders", hours=3), component="main/orders")
        assert said(sample) == (
            "No. There is no backup of stock; the newest restore-tested backup of each other one is "
            "from 21 Nov 2026, 01:00 UTC or younger."
        )

    def test_databases_of_one_name_are_told_apart_by_their_cluster(self, sample: SampleHost) -> None:
        sample.validated(sample.back_up(cluster="main"))
        sample.back_up(cluster="db2")
        assert (
            said(sample) == "Probably. Each database has a backup, but no backup of db2/shop was ever restore-tested."
        )

    def test_a_suspicious_backup_is_no_reason_for_a_yes(self, sample: SampleHost) -> None:
        for day in range(9, 0, -1):
            good = sample.back_up(hours=24 * day, data=100 << 20)
        sample.validated(good, hours=23)
        emptied = sample.back_up(hours=1, data=10 << 20)
        warned = "The newest backup of shop is suspicious: check it before you restore it."
        # One could restore the one before it, which was restore-tested a day ago.
        yes = "Yes. shop could be restored: its newest restore-tested backup is from 20 Nov 2026, 08:00 UTC."
        assert said(sample) == f"{yes} {warned}"
        sample.validated(emptied, hours=0)
        assert said(sample).startswith(yes)
        assert said(sample, restore_tested_age=3600 * 12) == (
            f"Probably. A backup is there, but every recent restore-tested backup of shop is suspicious. {warned}"
        )
        assert "! suspicious" in sample.html(restore_tested_age=3600 * 12)

    def test_a_restore_tested_backup_that_is_too_old_is_doubted(self, sample: SampleHost) -> None:
        sample.validated(sample.back_up(hours=100))
        sample.back_up(hours=4)
        assert (
            said(sample)
            == "Probably. A backup is there, but the newest restore-tested one of shop is from 17 Nov 2026, 04:00 UTC."
        )
        assert said(sample, restore_tested_age=8 * 86400).startswith("Yes.")

    def test_nothing_at_all_is_a_no(self, sample: SampleHost) -> None:
        assert said(sample) == "No. There is no backup of shop."

    def test_everything_that_comes_from_outside_is_escaped(self, sample: SampleHost) -> None:
        evil = "<script>alert(1)</script>&\"'"
        identity = sample.back_up(evil)
        sample.log("backup", "failed", component=f"main/{evil}", backup_id=identity, message=evil)
        page = sample.html(causes=True)
        assert page.count("<script>") == 1
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page

    def test_it_names_neither_hosts_nor_causes_unless_asked(self, sample: SampleHost) -> None:
        sample.back_up()
        sample.log("backup", "failed", message="db1.secret-network.example refused /srv/secret")
        page = sample.html()
        assert "secret" not in page
        assert "refused /srv/secret" in sample.html(causes=True)
        (sample.home / "store").rename(sample.home / "unmounted")
        assert said(sample).startswith("Unknown. The store cannot be read")
        assert str(sample.home) not in sample.html()
        assert str(sample.home) in sample.html(causes=True)
        sample.watch()
        assert "secret" not in sample.path.read_text()

    def test_no_key_and_no_place_of_the_store_gets_out(self, sample: SampleHost) -> None:
        sample.validated(sample.back_up())
        for written in (sample.html(), sample.path.read_text()):
            assert sample_host.KEY not in written
            assert str(sample.home) not in written

    def test_it_refers_to_nothing_outside(self, sample: SampleHost) -> None:
        sample.back_up()
        page = sample.html()
        assert not re.findall(r"(?:src|href)=\"(?!data:)|url\(|@import|https?://", page)
        assert "default-src 'none'" in page

    def test_the_charts_say_in_words_what_they_show(self, sample: SampleHost) -> None:
        sample.validated(sample.back_up(hours=29, data=3 << 20))
        sample.back_up(hours=5, data=2 << 20)
        page = sample.html()
        assert "<title>20 Nov 2026, 03:00: 3.0 MiB of data, restore-tested</title>" in page
        assert "<title>21 Nov 2026, 03:00: 2.0 MiB of data, not restore-tested</title>" in page
        assert page.count('role="img" aria-label="') >= 2


def said(sample: SampleHost, **style: t.Any) -> str:
    """Return the first line that a reader sees, where the servers have no more than the store."""
    for cluster in ("main", "db2"):
        sample.server(hours=0, cluster=cluster)
    found = re.search(r'<body><header><p id="verdict"[^>]*>(.*?)</p>', sample.html(**style))
    assert found
    return re.sub(r"<[^>]+>", "", found[1]).replace("\u00a0", " ")


def test_the_answer_is_also_the_result(sample: SampleHost) -> None:
    identity = sample.back_up(hours=5)
    sample.validated(identity)
    sample.server("shop")
    facts = sample.watch().facts
    assert facts["answer"] == "yes"
    assert facts["summary"] == "Yes. shop could be restored: its newest restore-tested backup is 5 h old."
    assert facts["databases"] == [
        {
            "cluster": "main",
            "database": "shop",
            "answer": "yes",
            "backups": 1,
            "newest": identity,
            "newest_age_seconds": 18000.0,
            "newest_restore_tested": identity,
            "newest_restore_tested_age_seconds": 18000.0,
        }
    ]


def test_recoveries_and_drills_are_measured_beside_their_objectives(sample: SampleHost) -> None:
    sample.back_up(hours=5)
    wanted = objectives.parse({"database": {"rto": "2h", "rpo": "1d"}, "main/shop": {"rpo": "15m", "rto": "1h"}})
    values = sample.values(objectives=wanted)
    mode = 'application="shop",mode'
    for each in ("recover", "drill"):
        assert values[f'lifeboat_recovery_last_timestamp_seconds{{{mode}="{each}"}}'] == 0
    assert values[f"lifeboat_recovery_point_objective_seconds{{{SHOP}}}"] == 900
    assert values['lifeboat_recovery_time_objective_seconds{application="shop",component="database"}'] == 7200
    assert not any(name.startswith("lifeboat_recovery_forecast") for name in values)

    here = controller(sample)
    here.open()
    here.done(*STEPS)
    here.close("failed")
    values = sample.values(objectives=wanted)
    assert values[f'lifeboat_recovery_last_timestamp_seconds{{{mode}="recover"}}'] == sample.now.timestamp()
    assert values[f'lifeboat_recovery_last_success{{{mode}="recover",plan="data_loss"}}'] == 0
    assert values[f'lifeboat_recovery_last_duration_seconds{{{mode}="recover",plan="data_loss"}}'] == 0
    assert values[f'lifeboat_recovery_last_forecast_seconds{{{mode}="recover",plan="data_loss"}}'] > 0
    assert values['lifeboat_recovery_forecast_seconds{application="shop",component="main/shop"}'] == 0


def test_a_host_that_may_not_read_the_store_knows_of_no_recoveries(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample.back_up()
    monkeypatch.setattr(directory.DirectoryStore, "list", refuse("AccessDenied", 403))
    assert not any(name.startswith("lifeboat_recovery_last") for name in sample.values())

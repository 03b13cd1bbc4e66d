# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus' own promtool on the rules and the metrics: each alert fires when it should, and only then."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import typing as t

import pytest
import yaml
from running import play

if t.TYPE_CHECKING:
    from pathlib import Path

    from sample_host import SampleHost

SHOP = {"application": "shop", "cluster": "main", "database": "shop"}
CLUSTER = {"application": "shop", "cluster": "main"}
LOG = {**CLUSTER, "system_identifier": "7312345678901234567"}
APPLICATION = {"application": "shop"}
DATABASE = {"application": "shop", "component": "database"}
DRILLED = {"drill": "1 0 1", "recover": "0 1 1"}
JOB = {"application": "shop", "job_name": "nightly", "operation": "backup"}


@dataclasses.dataclass(frozen=True)
class Case:
    """
    When an alert is quiet and when it fires, in hours since the beginning, with which labels.

    `series` are given one value an hour, in promtool's notation: 0+3600x9 counts on by an hour each hour.
    """

    alert: str
    series: dict[str, str]
    quiet: tuple[int, ...]
    fires: tuple[int, ...]
    labels: dict[str, str]
    severity: str = "warning"


def metric(name: str, labels: dict[str, str], **more: str) -> str:
    given = ",".join(f'{key}="{value}"' for key, value in {**labels, **more}.items())
    return f"lifeboat_{name}{{{given}}}"


def suspicion(kind: str) -> dict[str, str]:
    return {metric("backup_newest_suspicions", SHOP, kind=kind): "0 1 0"}


def last_run(operation: str) -> dict[str, str]:
    return {metric("run_last_success", SHOP, operation=operation, instance="db1"): "1 0 1"}


def ran(operation: str) -> dict[str, str]:
    return {**SHOP, "operation": operation, "instance": "db1"}


CASES = [
    Case("LifeboatBackupFailed", last_run("backup"), (0, 2), (1,), ran("backup"), "critical"),
    Case("LifeboatBackupFailed", last_run("restore"), (0, 1, 2), (), {}),
    Case("LifeboatProofFailed", last_run("validation"), (0, 2), (1,), ran("validation"), "critical"),
    Case("LifeboatProofFailed", last_run("verification"), (0, 2), (1,), ran("verification"), "critical"),
    Case("LifeboatRunFailed", last_run("retention"), (0, 2), (1,), ran("retention")),
    Case(
        "LifeboatSuccessRateLow",
        {
            metric("runs_recent", SHOP, operation="backup", result="ok", instance="db1"): "4 4 4 4",
            metric("runs_recent", SHOP, operation="backup", result="ok", instance="db2"): "4 4 4 4",
            # 8 of 8, 8 of 10 which is 80 % and enough, 8 of 11; what was refused does not count.
            metric("runs_recent", SHOP, operation="backup", result="failed", instance="db2"): "0 2 3 0",
            metric("runs_recent", SHOP, operation="backup", result="refused", instance="db2"): "9 9 9 9",
        },
        (0, 1, 3),
        (2,),
        {"application": "shop", "operation": "backup"},
    ),
    Case(
        "LifeboatNoRestoreTestedBackup",
        # Never, then one that ended in the hour 50.
        {metric("backup_newest_restore_tested_timestamp_seconds", SHOP): "0x50 180000x99"},
        (48, 51, 98),
        (49, 50, 99),
        SHOP,
        "critical",
    ),
    Case(
        "LifeboatNoRestoreTestedBackup",
        # A validator knows better than the host itself.
        {
            metric("backup_newest_restore_tested_timestamp_seconds", SHOP, instance="db1"): "0x99",
            metric("backup_newest_restore_tested_timestamp_seconds", SHOP, instance="validator"): "180000x99",
        },
        (60,),
        (99,),
        SHOP,
        "critical",
    ),
    Case(
        "LifeboatNoBackup",
        # None at all is another alert's.
        {metric("backup_newest_timestamp_seconds", SHOP): "0x27 97200x99"},
        (26, 27, 28, 53),
        (54,),
        SHOP,
        "critical",
    ),
    Case(
        "LifeboatRecoveryPointTooOld",
        {
            metric("backup_newest_timestamp_seconds", SHOP): "0x3 10800x9",
            metric("recovery_point_objective_seconds", SHOP): "7200x9",
        },
        (1, 2, 3, 4, 5),
        (6,),
        SHOP,
        "critical",
    ),
    Case(
        "LifeboatRecoveryPointTooOld",
        # The log recovers later moments than the backup of the hour 0.
        {
            metric("backup_newest_timestamp_seconds", SHOP): "1x9",
            metric("recovery_point_objective_seconds", SHOP): "7200x9",
            metric("wal_recoverable_until_timestamp_seconds", LOG): "0 1x4 0x9",
        },
        (3, 4, 5),
        (6, 7),
        SHOP,
        "critical",
    ),
    Case("LifeboatWalStuck", {metric("wal_waiting_seconds", LOG): "300 301 0"}, (0, 2), (1,), CLUSTER, "critical"),
    Case("LifeboatWalGap", {metric("wal_gaps", LOG): "0 2 0"}, (0, 2), (1,), CLUSTER, "critical"),
    Case("LifeboatWalSplitBrain", {metric("wal_forked_timelines", LOG): "0 1 0"}, (0, 2), (1,), CLUSTER, "critical"),
    Case(
        "LifeboatWalRecoveryPointTooOld",
        {
            metric("wal_recovery_point_seconds", LOG): "900 901 0",
            # What is measured counts: an idle server archives nothing.
            metric("wal_recoverable_until_timestamp_seconds", LOG): "1x9",
            metric("wal_recovery_point_objective_seconds", LOG): "900x9",
        },
        (0, 2),
        (1,),
        CLUSTER,
        "critical",
    ),
    Case(
        "LifeboatWalRecoveryPointTooOld",
        {
            metric("wal_recoverable_until_timestamp_seconds", LOG): "0x1 3600 3600 10800",
            metric("wal_recovery_point_objective_seconds", LOG): "7000x9",
        },
        (1, 2, 4),
        (3,),
        CLUSTER,
        "critical",
    ),
    Case(
        "LifeboatWalRecoversNothing",
        {metric("wal_recoverable_until_timestamp_seconds", LOG): "0x30 111600x99"},
        (0, 25, 32),
        (26, 30),
        CLUSTER,
        "critical",
    ),
    Case("LifeboatWalSlotBehind", {metric("wal_slots_behind", LOG): "1 0 1 1 0"}, (0, 1, 2, 4), (3,), CLUSTER),
    Case(
        "LifeboatWalDiskFilling",
        {metric("wal_directory_share", LOG): "0.5 0.51 0.1"},
        (0, 2),
        (1,),
        CLUSTER,
        "critical",
    ),
    Case(
        "LifeboatWalNotLooked",
        {metric("wal_listed_timestamp_seconds", LOG): "0x4 18000x9"},
        (1, 2, 3, 5),
        (4,),
        CLUSTER,
        "critical",
    ),
    Case(
        "LifeboatWalNotLooked",
        {metric("wal_server_answers", LOG, instance="db1"): "1 0 0 1 _ _ _ 1"},
        (0, 1, 3, 4, 7),
        (2, 6),
        CLUSTER,
        "critical",
    ),
    Case(
        "LifeboatRecoveryTooSlow",
        {
            metric("recovery_forecast_seconds", DATABASE): "3600 3601 3600",
            metric("recovery_forecast_seconds", {**DATABASE, "component": "redis"}): "9999x3",
            metric("recovery_time_objective_seconds", DATABASE): "3600x3",
        },
        (0, 2),
        (1,),
        DATABASE,
    ),
    Case(
        "LifeboatDrillFailed",
        {metric("recovery_last_success", APPLICATION, mode=mode): told for mode, told in DRILLED.items()},
        (0, 2),
        (1,),
        APPLICATION,
        "critical",
    ),
    Case(
        "LifeboatDrillOverdue",
        {
            # None at all is no alert: nobody drills.
            metric("recovery_last_timestamp_seconds", APPLICATION, mode="drill"): "0x899 3600x999",
            metric("recovery_last_timestamp_seconds", APPLICATION, mode="recover"): "3600x1999",
        },
        (841, 899),
        (900,),
        APPLICATION,
    ),
    Case(
        "LifeboatDatabaseWithoutBackup",
        # It may wait for the next night.
        {metric("backup_newest_timestamp_seconds", SHOP): "0x30 111600x99"},
        (0, 25, 32),
        (26, 30),
        SHOP,
        "critical",
    ),
    Case(
        "LifeboatServerNotCompared",
        {
            metric("server_asked_timestamp_seconds", CLUSTER, instance="db1"): "0x9 3600x99",
            metric("server_asked_timestamp_seconds", CLUSTER, instance="validator"): "0x99",
        },
        (26, 27),
        (28,),
        CLUSTER,
    ),
    Case(
        "LifeboatNothingBackedUp",
        {
            metric("databases", {"application": "shop"}, instance="validator"): "0 0 0",
            metric("databases", {"application": "shop"}, instance="db1"): "1 0 2",
        },
        (0, 2),
        (1,),
        {"application": "shop"},
        "critical",
    ),
    Case("LifeboatBackupSizeUnusual", suspicion("size_drop"), (0, 2), (1,), {**SHOP, "kind": "size_drop"}),
    Case("LifeboatBackupSizeUnusual", suspicion("rows_drop"), (0, 1, 2), (), {}),
    Case("LifeboatBackupRowsUnusual", suspicion("table_vanished"), (0, 2), (1,), {**SHOP, "kind": "table_vanished"}),
    Case("LifeboatBackupRowsUnusual", suspicion("rows_drop"), (0, 2), (1,), {**SHOP, "kind": "rows_drop"}),
    Case("LifeboatCompressionCollapsed", suspicion("compression_collapse"), (0, 2), (1,), SHOP, "critical"),
    Case("LifeboatCompressionCollapsed", suspicion("compression_drift"), (0, 1, 2), (), {}),
    Case(
        "LifeboatBackupSlow",
        {
            metric("backup_newest_duration_seconds", SHOP): "600 601 250 900",
            metric("backup_usual_duration_seconds", SHOP): "200 200 10 400",
        },
        (0, 2, 3),
        (1,),
        SHOP,
    ),
    Case(
        "LifeboatStorageFilling",
        {
            metric("store_capacity_bytes", {"application": "shop"}, instance="db1"): "1000x9",
            metric("store_available_bytes", {"application": "shop"}, instance="db1"): "300 200 199 500",
            # Another host with a directory of its own, which is larger and as empty.
            metric("store_capacity_bytes", {"application": "shop"}, instance="db2"): "9000x9",
            metric("store_available_bytes", {"application": "shop"}, instance="db2"): "8000x9",
        },
        (0, 1, 3),
        (2,),
        {"application": "shop"},
    ),
    Case(
        "LifeboatStoreUnreadable",
        {metric("catalogue_readable", {"application": "shop"}, instance="db1"): "1 0 1"},
        (0, 2),
        (1,),
        {"application": "shop", "instance": "db1"},
        "critical",
    ),
    Case(
        "LifeboatStoreDamaged",
        {metric("store_problems", {"application": "shop"}, kind="missing"): "0 1 0"},
        (0, 2),
        (1,),
        {"application": "shop", "kind": "missing"},
        "critical",
    ),
    Case(
        "LifeboatScheduleLate",
        # Due in the hour 3 and written anew in the hour 4: it did not run before the hour 7.
        {
            metric("schedule_due_timestamp_seconds", JOB): "0x3 10800x99",
            metric("schedule_next_timestamp_seconds", JOB): "10800x3 97200x99",
            metric("schedule_last_run_timestamp_seconds", JOB): "0x6 25200x99",
        },
        (2, 4, 5, 7, 20),
        (6,),
        JOB,
    ),
    Case(
        "LifeboatScheduleLate",
        # The host is silent since the hour 0: nobody says that the job of the hour 3 did not run.
        {
            metric("schedule_due_timestamp_seconds", JOB): "0x9",
            metric("schedule_next_timestamp_seconds", JOB): "10800x9",
            metric("schedule_last_run_timestamp_seconds", JOB): "0x9",
        },
        (3, 5),
        (6, 9),
        JOB,
    ),
    Case(
        "LifeboatMetricsStale",
        {metric("metrics_written_timestamp_seconds", {"application": "shop"}): "0x27 100800x5"},
        (26, 28),
        (27,),
        {"application": "shop"},
    ),
    # A restart of node_exporter is over before it counts; at an hour a step, that is a step.
    Case(
        "LifeboatMetricsMissing",
        {metric("metrics_written_timestamp_seconds", {"application": "shop"}, instance="db1"): "0 1 2 _x399"},
        (2, 3, 340),
        (4, 100, 337),
        {"application": "shop", "instance": "db1"},
    ),
    Case(
        "LifeboatNotWatched",
        {metric("metrics_written_timestamp_seconds", {"application": "shop"}, instance="db1"): "_ _ 1 1 _ _ _"},
        (0, 2, 3, 4),
        (1, 5),
        {"application": "shop"},
        "critical",
    ),
    Case(
        "LifeboatClockAhead",
        {metric("metrics_written_timestamp_seconds", {"application": "shop"}, instance="db1"): "300 3901 7200"},
        (0, 2),
        (1,),
        {"application": "shop", "instance": "db1"},
    ),
]


def written(case: Case) -> dict[str, t.Any]:
    """Return a case as promtool takes it."""
    expression = f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}'
    labels = {**case.labels, "alertname": case.alert, "alertstate": "firing", "severity": case.severity}
    named = ",".join(f'{key}="{value}"' for key, value in labels.items())
    series = {"labels": f"ALERTS{{{named}}}", "value": 1}
    moments = [(hour, []) for hour in case.quiet] + [(hour, [series]) for hour in case.fires]
    return {
        "interval": "1h",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [
            {"expr": expression, "eval_time": f"{hour}h", "exp_samples": samples} for hour, samples in moments
        ],
    }


def promtool(*arguments: str, stdin: bytes | None = None) -> str:
    """Run promtool. Raise AssertionError with what it says unless it is content."""
    done = subprocess.run(["promtool", *arguments], input=stdin, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def test_the_rules_are_valid(rules: Path) -> None:
    assert "SUCCESS: 33 rules found" in promtool("check", "rules", str(rules))


def test_each_alert_fires_when_it_should_and_only_then(rules: Path) -> None:
    document = {"rule_files": [rules.name], "evaluation_interval": "1h", "tests": [written(case) for case in CASES]}
    place = rules.parent / "cases.yml"
    place.write_text(yaml.safe_dump(document))
    assert "SUCCESS" in promtool("test", "rules", str(place))


def test_each_alert_has_a_case(rules: Path) -> None:
    alerts = {rule["alert"] for rule in yaml.safe_load(rules.read_text())["groups"][0]["rules"]}
    assert {case.alert for case in CASES if case.fires and case.quiet} == alerts


def test_thresholds_are_variables(tmp_path: Path) -> None:
    play(
        tmp_path,
        "server",
        lifeboat_prometheus_rules_dir=str(tmp_path),
        lifeboat_alert_restore_tested_age="8d",
        lifeboat_alert_storage=95,
        lifeboat_alert_labels={"team": "dba"},
    )
    changed = tmp_path / "lifeboat-shop.yml"
    tested = metric("backup_newest_restore_tested_timestamp_seconds", SHOP)
    full = {
        metric("store_capacity_bytes", {"application": "shop"}): "100x9",
        metric("store_available_bytes", {"application": "shop"}): "6 4",
    }
    labelled = {"application": "shop", "team": "dba"}
    cases = [
        Case(
            "LifeboatNoRestoreTestedBackup", {tested: "0x200"}, (49, 192), (193,), {**SHOP, "team": "dba"}, "critical"
        ),
        Case("LifeboatStorageFilling", full, (0,), (1,), labelled),
    ]
    document = {"rule_files": [changed.name], "evaluation_interval": "1h", "tests": [written(case) for case in cases]}
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(document))
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "cases.yml"))


def test_a_threshold_that_makes_no_sense_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="lifeboat_alert_restore_tested_age is two days, which is not an age"):
        play(
            tmp_path,
            "server",
            lifeboat_prometheus_rules_dir=str(tmp_path),
            lifeboat_alert_restore_tested_age="two days",
        )
    assert not list(tmp_path.glob("*shop*"))


def test_promtool_finds_no_fault_with_the_metrics(sample: SampleHost) -> None:
    sample.schedule()
    for hours in range(24 * 6, 0, -24):
        identity = sample.back_up('odd "name"\\\nof a database', hours=hours)
    sample.log("backup", backup_id=identity, rows=7)
    sample.log("backup", "failed", component="")
    sample.watch()
    text = sample.path.read_bytes()
    assert promtool("check", "metrics", stdin=text) == ""
    assert len(re.findall(rb"^lifeboat_", text, re.MULTILINE)) > 50


def test_the_example_for_alertmanager_is_valid(pytestconfig: pytest.Config) -> None:
    example = pytestconfig.rootpath / "roles" / "monitoring" / "files" / "alertmanager.example.yml"
    done = subprocess.run(["amtool", "check-config", str(example)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

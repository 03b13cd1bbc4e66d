# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A status reads as one plain line, whoever wrote the file, and nothing in it is believed blindly."""

from __future__ import annotations

import datetime
import json

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import status
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.progress import Progress

START = datetime.datetime(2026, 11, 20, 10, 0, tzinfo=datetime.UTC)
GIB = 1 << 30


def record(**changes):
    return {
        "format": "lifeboat-status/1",
        "operation": "backup",
        "subject": "main/shop",
        "phase": "dump",
        "started": START.isoformat(),
        "updated": (START + datetime.timedelta(seconds=6)).isoformat(),
        "pid": 4711,
        "members": [],
        "done": 0,
        "expected": 0,
        "result": None,
    } | changes


def read(**changes):
    return status.parse(json.dumps(record(**changes)))


def test_a_running_backup_is_one_line_with_amount_rate_and_time_left():
    members = [
        {"name": f"{number:04d}", "done": 1, "expected": 2, "state": "running" if number < 4 else "waiting"}
        for number in range(1, 15)
    ]
    shown = read(members=members, done=int(1.2 * GIB), expected=5 * GIB)
    assert status.line(shown) == (
        "backup of shop: 1.2 GiB of about 5.0 GiB, 205 MiB/s, about 19 s left (member 3 of 14)"
    )


def test_the_rate_is_the_one_since_the_last_look():
    before = read(done=1 * GIB, expected=5 * GIB)
    after = read(done=2 * GIB, expected=5 * GIB, updated=(START + datetime.timedelta(seconds=16)).isoformat())
    assert ", 102 MiB/s, about 24 s left" in status.line(after, before)


@pytest.mark.parametrize(("seconds", "done"), [(2, 2 * GIB), (60, GIB // 10), (4.9, 4 * GIB)])
def test_no_time_left_is_told_before_it_means_something(seconds, done):
    """The first bytes come after the wait for locks and in the rate of a cache: neither says how it goes on."""
    shown = read(done=done, expected=5 * GIB, updated=(START + datetime.timedelta(seconds=seconds)).isoformat())
    assert "left" not in status.line(shown)
    assert json.loads(status.to_json([shown]))[0]["seconds_left"] is None


def test_the_rate_of_another_run_is_not_mixed_in():
    other = read(done=1 * GIB, expected=5 * GIB, pid=1)
    now = read(done=2 * GIB, expected=5 * GIB)
    assert status.line(now, other) == status.line(now)


def test_a_small_estimate_is_not_repeated():
    assert status.line(read(done=3 * GIB, expected=GIB)) == "backup of shop: 3.0 GiB, 512 MiB/s (dump)"


def test_before_the_first_byte_the_phase_is_shown():
    assert status.line(read(phase="locks")) == "backup of shop: locks"


def databases(*members, **changes):
    known = [dict(zip(("name", "state", "done", "expected"), member, strict=True)) for member in members]
    done, expected = (sum(member[key] for member in known) for key in ("done", "expected"))
    return read(subject="main", unit="databases", members=known, done=done, expected=expected, **changes)


def test_several_databases_are_counted_and_those_that_run_are_named():
    shown = databases(
        ("a", "done", GIB, GIB),
        ("shop", "running", 2 * GIB, 3 * GIB),
        ("users", "running", 0, GIB),
        ("z", "waiting", 0, 5 * GIB),
    )
    assert status.line(shown) == (
        "backup of main: 1 of 4 databases, 3.0 GiB of about 10.0 GiB, 512 MiB/s, about 14 s left, running: shop, users"
    )
    assert status.report([shown], shown.updated).count("\n") == 1


def test_of_databases_that_nobody_knows_the_size_of_no_whole_and_no_time_left_is_told():
    shown = databases(("shop", "running", 2 * GIB, 3 * GIB), ("users", "waiting", 0, 0))
    assert status.line(shown) == "backup of main: 0 of 2 databases, 2.0 GiB, 341 MiB/s, running: shop"
    assert json.loads(status.to_json([shown]))[0]["seconds_left"] is None


def test_before_anything_is_read_the_databases_are_counted():
    shown = databases(*((f"d{number}", "running", 0, 0) for number in range(6)))
    assert status.line(shown) == "backup of main: 0 of 6 databases, running: d0, d1, d2, d3 and 2 more"


def test_names_are_decoded_and_other_clusters_are_named():
    assert status.line(read(subject="eu/sh%C3%B6p", phase="x")) == "backup of eu/shöp: x"


def test_control_characters_never_reach_a_terminal():
    shown = status.line(read(subject="a\x1b[2J\nb%0Ac", phase="x\r"))
    assert shown.isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"null",
        json.dumps(record(format="lifeboat-status/2")),
        json.dumps(record(done="1")),
        json.dumps(record(done=-1)),
        json.dumps(record(updated="2026-11-20T10:00:00")),
        json.dumps(record(members=[1])),
        json.dumps(record(subject=None))[:-3],
        "[" * 100_000,
    ],
)
def test_what_is_no_status_is_none(data):
    assert status.parse(data) is None


def test_the_engines_own_files_are_read(tmp_path):
    clock = iter(START + datetime.timedelta(seconds=n) for n in range(100))
    progress = Progress(str(tmp_path), "backup", "main/shop", lambda: next(clock))
    progress.plan({"0001": 60, "0002": 40})
    with progress.running():
        progress.phase("dump")
        member = progress.member("0001")
        member.note(50)
        running = status.read_all(str(tmp_path))
    assert [(item.title, item.done, item.expected, item.result) for item in running] == [
        ("backup of shop", 50, 100, "")
    ]
    assert [item.result for item in status.read_all(str(tmp_path))] == ["ok"]


def test_the_report_names_running_members_and_how_others_ended(tmp_path):
    now = START + datetime.timedelta(seconds=600)
    running = read(
        done=GIB,
        expected=2 * GIB,
        members=[
            {"name": "0001", "done": 5, "expected": 5, "state": "done"},
            {"name": "0002", "done": 1024, "expected": 2048, "state": "running"},
        ],
    )
    text = status.report([running, read(result="failed"), read(result="ok", done=GIB)], now)
    assert "0002: 1.0 KiB of about 2.0 KiB" in text
    assert "0001:" not in text
    assert "silent for 9 min 54 s" in text
    assert "backup of shop: FAILED, after 6 s, 9 min 54 s ago" in text
    assert "backup of shop: done, 1.0 GiB in 6 s" in text


def test_running_operations_come_first(tmp_path):
    for name, changes in {"a": {"result": "ok"}, "b": {}, "c": {"result": "failed"}, "d.tmp": {}}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(record(subject=name, **changes)))
    (tmp_path / "broken.json").write_text("{")
    assert next(item.subject for item in status.read_all(str(tmp_path))) in {"b", "d.tmp"}
    assert status.read_all(str(tmp_path / "nowhere")) == []


def test_json_for_machines_has_bytes_and_seconds():
    (item,) = json.loads(status.to_json([read(done=3000, expected=6000)]))
    assert (item["done"], item["bytes_per_second"], item["seconds_left"]) == (3000, 500, 6.0)

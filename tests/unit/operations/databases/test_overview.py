# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several backups came to reads at once: trouble first, nothing said twice, no name forging a line."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors, printing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    DatabaseError,
    MissingLibrary,
    RecoveryError,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup.backup import SHAPE
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.databases import overview
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _overview

GIB = 1 << 30
NOTHING = {**dict.fromkeys(SHAPE), "rows": None}
MADE = {**NOTHING, "database": "shop", "made": True, "backup_id": "b-1", "size": GIB, "plain_size": 5 * GIB}
SHOP = {**MADE, "rows": 31415926, "seconds": 18.2, "suspicions": []}
USERS = {**MADE, "database": "users", "backup_id": "b-2", "made": False}
PLAN = {**NOTHING, "database": "shop", "made": True, "estimate": 3 * GIB, "members": 4}
ORDERS = {"database": "orders", "cause": "The dump shrank.", "msg": "The dump shrank. Look."}


def test_the_table_has_what_failed_first_and_its_columns_below_each_other():
    assert printing.columns(overview.rows([SHOP, USERS], [ORDERS])) == [
        "orders  FAILED        -        -        -           -     The dump shrank.",
        "shop    backed up     1.0 GiB  5.0 GiB  31,415,926  18 s  b-1",
        "users   young enough  1.0 GiB  5.0 GiB  -           -     b-2",
    ]


def test_a_suspicious_backup_is_told_from_others():
    [row] = overview.rows([{**SHOP, "suspicions": ["It has no rows."]}], [])
    assert row[1] == "SUSPICIOUS"


def test_a_long_cause_is_cut_and_no_name_forges_a_line():
    failure = {"database": "a\nb  FAILED", "cause": "x" * 500}
    [line] = printing.columns(overview.rows([], [failure]))
    assert line.isprintable()
    assert line.startswith(r"a\nb")
    assert line.endswith("x…")
    assert len(line) < 160


YOUNG = "1 has a recent enough backup."
WHOLE = "2 databases backed up in 3 min 12 s: 10.0 GiB of data stored as 2.0 GiB"
HALF = "1 of 2 databases backed up in 3 min 12 s: 5.0 GiB of data stored as 1.0 GiB"


@pytest.mark.parametrize(
    ("backups", "failures", "said"),
    [
        ([SHOP, SHOP], [], f"{WHOLE}."),
        ([SHOP], [ORDERS], f"{HALF}."),
        ([SHOP], [], "1 database backed up in 3 min 12 s: 5.0 GiB of data stored as 1.0 GiB."),
        ([], [ORDERS], "0 of 1 database backed up."),
        ([SHOP, USERS], [], f"{HALF}; {YOUNG}"),
        ([USERS, USERS], [], "0 of 2 databases backed up; 2 have a recent enough backup."),
        ([PLAN, PLAN], [], "Would back up 2 databases: about 6.0 GiB of data in 8 members."),
        ([PLAN, USERS], [], f"Would back up 1 of 2 databases: about 3.0 GiB of data in 4 members; {YOUNG}"),
    ],
)
def test_all_of_it_is_one_sentence(backups, failures, said):
    assert overview.summary(backups, failures, 192) == said


def test_a_cause_that_several_share_is_said_once():
    away, small = DatabaseError("It is away.", "Start it."), UsageError("It is small.", "Look.")
    cause, remedy = overview.message({"a": away, "b\n": small, "c": DatabaseError("It is away.", "Start it.")}, 9)
    assert cause == "3 of 9 databases were not backed up."
    assert remedy == r"a, c: It is away. Start it. b\n: It is small. Look."


def test_a_warning_that_all_share_is_said_once_and_another_names_whom_it_is_about():
    said = overview.warnings({"a": ["old"], "b": ["old", "odd"]}, 3)
    assert said == ["old", "b: odd"]
    assert overview.warnings({"a": ["odd"]}, 1) == ["odd"]
    assert overview.warnings({"a": ["odd"]}, 2) == ["a: odd"]


@pytest.mark.parametrize(
    "error",
    [
        DatabaseError("It is away.", "Start it.", names=["a"], count=2),
        MissingLibrary("obstore", "for stores"),
        RecoveryError("Only a cause."),
    ],
)
def test_an_error_of_another_process_is_the_same_error(error):
    again = errors.rebuilt(error.record())
    assert type(again) is type(error)
    assert (str(again), again.cause, again.remedy, again.details) == (
        str(error),
        error.cause,
        error.remedy,
        error.details,
    )


def test_an_error_of_an_unknown_kind_is_the_nearest_that_is_known():
    class Odd(DatabaseError):
        pass

    assert errors.rebuilt(Odd("It is odd.").record()).__class__ is DatabaseError


# Playbooks


BACKUP = {"backups": [SHOP], "failures": [ORDERS], "summary": "1 of 2 databases backed up."}


def test_one_table_tells_of_several_hosts():
    away = {"unreachable": True, "msg": "no route"}
    lines = _overview.lines(
        "backup", ["db1", "db2", "db3", "db4"], [BACKUP, away, {}, None], ["It failed.", "", "No key. Make one.", ""]
    )
    assert lines == [
        "HOST  DATABASE  RESULT       STORED   OF DATA  ROWS        TOOK  BACKUP",
        "db1   orders    FAILED       -        -        -           -     The dump shrank.",
        "db2   -         UNREACHABLE  -        -        -           -     see above",
        "db3   -         FAILED       -        -        -           -     No key.",
        "db4   -         UNREACHABLE  -        -        -           -     see above",
        "db1   shop      backed up    1.0 GiB  5.0 GiB  31,415,926  18 s  b-1",
        "db1: 1 of 2 databases backed up.",
    ]


def test_the_table_of_one_host_does_not_name_it():
    lines = _overview.lines("backup", ["db1"], [BACKUP], [""])
    assert lines[0].startswith("DATABASE  RESULT")
    assert lines[-1] == "1 of 2 databases backed up."


def test_what_a_restore_did_or_would_do_is_a_row():
    found = {"target": "copy", "backup_id": "b-1", "component": "main/sh%C3%B6p"}
    done = {"restore": {**found, "plain_size": GIB, "seconds": 20.0}, "changed": True}
    planned = {"restore": {**found, "plain_size": GIB, "seconds": None}, "changed": True}
    before = {"restore": {**found, "plain_size": GIB, "finished": "then", "seconds": 20.0}, "changed": False}
    rows = [_overview.lines("restore", ["db1"], [result], [""])[1] for result in (done, planned, before)]
    assert rows == [
        "copy      restored  shöp  1.0 GiB  20 s  b-1",
        "copy      would be restored  shöp  1.0 GiB  -     b-1",
        "copy      restored before  shöp  1.0 GiB  20 s  b-1",
    ]


def test_each_validation_of_a_loop_is_a_row():
    tables = [{"rows": 5, "sort": "table"}, {"rows": None, "sort": "table"}, {"rows": 7, "sort": "materialized view"}]
    good = {"validation": {"parts": tables, "proof": "counts", "seconds": 3.0, "backup_id": "b-1"}, "item": "shop"}
    good["validation"]["checks"] = [{"passed": True}, {"passed": True}]
    bad = {"failed": True, "msg": "It does not restore. Look.", "item": "users", "validation": {"parts": []}}
    planned = {"summary": "Would compare.", "item": "orders"}
    assert _overview.lines("validate", ["db1"], [{"results": [good, bad, planned]}], [""]) == [
        "DATABASE  RESULT         ROWS  PROOF   CHECKS    TOOK  BACKUP",
        "users     FAILED         -     -       -         -     It does not restore.",
        "shop      restores       5     counts  2 passed  3 s   b-1",
        "orders    would restore  -     -       -         -     -",
    ]


def test_what_was_verified_is_a_row_also_when_it_is_damaged():
    read = {"backups": ["b-1", "b-2"], "files_read": 80, "bytes_read": GIB, "seconds": 9.0, "sample": 100}
    good = {**read, "level": "intact", "problems": [], "summary": "All."}
    bad = {**read, "level": "opens", "problems": ["b-1 lacks a file"], "failed": True}
    lines = _overview.lines("verify", ["db1", "db2"], [good, bad], ["", "2 things are damaged."])
    assert lines == [
        "HOST  READ       RESULT  FILES  BYTES    TOOK  SAMPLE",
        "db2   2 backups  FAILED  80     1.0 GiB  9 s   b-1 lacks a file",
        "db1   2 backups  intact  80     1.0 GiB  9 s   100 percent",
        "db1: All.",
    ]


SERVER = {"component": "main/@physical", "backup_id": "b-3", "size": GIB, "plain_size": 5 * GIB, "wal": "archive"}
FILES = {**SERVER, "seconds": 18.2, "suspicions": []}
PLANNED = {**SERVER, "backup_id": None, "size": None, "plain_size": None, "estimate": 5 * GIB, "seconds": None}


@pytest.mark.parametrize(
    ("changed", "backup", "said"),
    [
        (True, FILES, "main    backed up  1.0 GiB  5.0 GiB  archive  18 s  b-3"),
        (True, {**FILES, "suspicions": ["It is small."]}, "main    SUSPICIOUS  1.0 GiB  5.0 GiB  archive  18 s  b-3"),
        (False, FILES, "main    young enough  1.0 GiB  5.0 GiB  archive  18 s  b-3"),
        (True, PLANNED, "main    would back up  -       5.0 GiB  archive  -     -"),
    ],
)
def test_the_backup_of_a_server_is_one_row(changed, backup, said):
    [_head, line] = _overview.lines("physical", ["db1"], [{"changed": changed, "backup": backup}], [""])
    assert line == said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"reached": None, "new_timeline": None}, "main    would be recovered  latest  -        1         b-3"),
        ({"reached": "0/30001", "new_timeline": 2}, "main    recovered  latest  0/30001  1 to 2    b-3"),
    ],
)
def test_the_recovery_of_a_server_says_where_it_goes_on(after, said):
    restore = {"component": "main/@physical", "target": "latest", "timeline": 1, "backup_id": "b-3", **after}
    [_head, line] = _overview.lines("pitr", ["db1"], [{"changed": True, "restore": restore}], [""])
    assert line == said

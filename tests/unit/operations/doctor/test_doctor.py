# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the doctor found, as a person reads it."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor.check import (
    ExamineRequest,
    failed,
    ok,
    warning,
)


def test_what_fifty_databases_have_in_common_is_told_by_a_few() -> None:
    old = [failed("backup_age", f"The newest backup of main/db{n:02d} is 3 d old.", "Run it.") for n in range(50)]
    lines = doctor.report([*old, warning("clock", "It is wrong.", "Set it."), ok("store", "It is there.")])
    assert lines == [
        "FAILED   backup_age: The newest backup of main/db00 is 3 d old.",
        "FAILED   backup_age: The newest backup of main/db01 is 3 d old.",
        "FAILED   backup_age: The newest backup of main/db02 is 3 d old.",
        "         Run it.",
        "FAILED   backup_age: and 47 more of these",
        "WARNING  clock: It is wrong.",
        "         Set it.",
        "ok       store: It is there.",
    ]


def test_few_are_told_one_by_one_with_what_to_do_about_each() -> None:
    lines = doctor.report([failed("rights", f"Database {n}.", f"Do {n}.") for n in range(3)])
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "rights: Database 0.",
        "Do 0.",
        "rights: Database 1.",
        "Do 1.",
        "rights: Database 2.",
        "Do 2.",
    ]


def test_a_pattern_of_accept_warnings_that_no_backup_would_take_is_a_failure() -> None:
    asked = ExamineRequest(t.cast("t.Any", None), "main", accept_warnings=("(",), only=("configuration",))
    (found,) = doctor.make_checks(asked, t.cast("t.Any", None))
    assert found.result == "failed"
    assert found.cause.startswith("The pattern '(' is not a regular expression")

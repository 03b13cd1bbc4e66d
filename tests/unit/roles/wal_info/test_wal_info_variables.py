# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a stored log: a line for each way that a backup goes, and each problem of every server."""

from __future__ import annotations

import role_variables

FROM, TO = "2026-11-28T02:04:40+00:00", "2026-11-28T13:05:01+00:00"
WHOLE = {"backup_id": "b-1", "timeline": 1, "from": FROM, "to": TO, "gap": None}
BROKEN = {"backup_id": "b-2", "timeline": 2, "from": FROM, "to": None, "gap": {}}
RESULT = {
    "wal": [
        {"windows": [WHOLE], "problems": []},
        {"windows": [BROKEN], "problems": ["000000020000000000000009 lacks."]},
        {"windows": [], "problems": ["The archive is stuck."]},
    ]
}


def test_a_log_is_told_by_its_windows_and_its_problems() -> None:
    lines, problems = role_variables.evaluated(
        "wal_info_lines", "wal_info_problems", roles=("settings", "wal_info"), wal_info_result=RESULT
    )
    assert lines == [
        f"b-1  timeline 1  from {FROM}  to {TO}",
        f"b-2  timeline 2  from {FROM}  to nowhere: its own WAL is not complete",
    ]
    assert problems == ["000000020000000000000009 lacks.", "The archive is stuck."]

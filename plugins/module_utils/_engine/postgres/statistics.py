# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Statistics for the planner after a load: a restored database without them is a second outage.

In stages, as vacuumdb does it: rough ones within seconds before users come in, then better ones while they work.
"""

from __future__ import annotations

import typing as t

from .. import process

if t.TYPE_CHECKING:
    from .restorer import Tools

ROUGH = 1
BETTER = 10
"""Statistics targets of the first stages; the last one uses the server's own."""


def analyze(tools: Tools, database: str, statistics_target: int | None) -> None:
    """Analyze all tables by `tools.jobs` sessions, to a target or to what the tables ask for. Raise ProcessFailed."""
    settings = [f"default_statistics_target={statistics_target}"] if statistics_target is not None else []
    chosen = "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"
    argv = [
        *tools.prefix,
        tools.programs.path("vacuumdb"),
        "--no-password",
        "--quiet",
        "--analyze-only",
        f"--jobs={tools.jobs}",
        f"--dbname={chosen}",
    ]
    process.run(argv, env=tools.environment(database, settings=settings))

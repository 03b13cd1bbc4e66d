# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How a physical backup is proved, as a module asks for it.

This file is private to the collection.
"""

from __future__ import annotations

import typing as t

from ._argspec import ArgumentSpec
from ._engine.ground.errors import UsageError
from ._engine.operations.pitr.proving import PhysicalTrial

if t.TYPE_CHECKING:
    from ._engine.drivers.components.base import Trial
    from ._module import Given


def proving() -> ArgumentSpec:
    """Return the options of the doc fragment _proving."""
    return ArgumentSpec(
        {
            "replay": {"type": "str", "default": "64"},
            "amcheck_timeout": {"type": "str", "default": "1h"},
            "superuser": {"type": "str", "default": "postgres"},
        }
    )


def physical(given: Given, unasked: tuple[str, ...]) -> Trial:
    """Return where a backup of a server's files is proved. Raise UsageError on values that cannot be meant."""
    if given["target_db"]:
        raise UsageError("A physical backup is no database.", "Leave out target_db.", field="target_db")
    replay = given["replay"]
    if replay != "all" and not (replay.isascii() and replay.isdigit() and len(replay) < 10):
        raise UsageError(
            f"The value {replay!r} of replay is no number of segments.", "Use one, or all.", field="replay"
        )
    return PhysicalTrial(
        given.repository(),
        directory=given["scratch_dir"],
        jobs=given["jobs"],
        timeout=given.seconds("timeout") or 0.0,
        replay=None if replay == "all" else int(replay),
        budget=given.seconds("amcheck_timeout") or 0.0,
        superuser=given["superuser"],
        unasked=unasked,
    )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The moment whose server rows are taken from, as a module asks for it.

This file is private to the collection.
"""

from __future__ import annotations

import typing as t

from ._argspec import ArgumentSpec
from ._engine.ground.errors import UsageError
from ._engine.operations.pitr.standing import Moment

if t.TYPE_CHECKING:
    from ._module import Given


def standing() -> ArgumentSpec:
    """Return the options of the doc fragment _moment."""
    return ArgumentSpec(
        {
            "target": {"type": "raw"},
            "exclusive": {"type": "bool", "default": False},
            "timeline": {"type": "int"},
            "superuser": {"type": "str", "default": "postgres"},
        }
    )


def moment(given: Given) -> Moment | None:
    """Return the moment, None where none is given. Raise UsageError on values that cannot be meant."""
    target, backup = given["target"], given["backup"]
    if target is None:
        return None
    if backup.startswith("latest "):
        raise UsageError(
            "With target, backup is the id of a physical backup.",
            "Leave it out to begin with the newest one before the target.",
            field="backup",
        )
    return Moment(
        target,
        exclusive=given["exclusive"],
        timeline=given["timeline"],
        backup="" if backup == "latest" else backup,
        superuser=given["superuser"],
        directory=given["scratch_dir"],
        timeout=given.seconds("timeout") or 0.0,
    )

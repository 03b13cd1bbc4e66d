# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What the modules that delete backups by a policy ask of the engine.

This file is private to the collection.
"""

from __future__ import annotations

import typing as t

from ._engine.operations.prune.prune import PruneRequest
from ._engine.records.retention.calendar import parse_age
from ._engine.records.retention.policy import parse

if t.TYPE_CHECKING:
    from ._module import Given


def prune_request(given: Given) -> PruneRequest:
    """Return the options of the doc fragment _retention as the engine takes them. Raise UsageError on a bad policy."""
    return PruneRequest(
        repository=given.repository(),
        policy=parse(given["policy"] or {}),
        cluster=given["cluster"],
        database=given["database"],
        force=given["force"],
        replica=given["replica"],
        garbage_age=given.seconds("garbage_age") or 0.0,
        lock_timeout=given.seconds("lock_timeout") or 0.0,
        keep_wal=parse_age(given["keep_wal"], "keep_wal"),
    )

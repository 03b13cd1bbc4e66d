# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What an assessment of databases found, in a sentence for each that is damaged.

This file is private to the collection; role recover calls it by the filter recovery_damage.
"""

from __future__ import annotations

import json
import typing as t

from ..module_utils._engine.ground.printing import shortened
from ..module_utils._engine.ground.units import human_count

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LISTED = 5
"""Names of tables or indexes that are told of one database."""

KINDS = {"tables": "table", "indexes": "index", "reindexed": "rebuilt index"}


def told(assessed: Iterable[Mapping[str, t.Any]]) -> str:
    """Return what to say of the databases: `assessed` has for each its name as `item`, and how psql ended."""
    every = list(assessed)
    found = [said for said in map(_of, every) if said]
    if not found:
        return f"no damage in {human_count(len(every), 'database')}"
    return "; ".join(found)


def _of(one: Mapping[str, t.Any]) -> str:
    """Say what is damaged in a database, nothing where nothing is."""
    if one["rc"]:
        lines = [*str(one.get("stderr", "")).splitlines(), "psql says nothing"]
        return f"{one['item']} cannot be examined: {shortened(lines[0], 300)}"
    damage = json.loads(one["stdout"])
    parts = [_named(kind, damage[key]) for key, kind in KINDS.items() if damage[key]]
    if not parts:
        return ""
    broken = damage["tables"] or damage["indexes"]
    return (
        f"{one['item']} is damaged: {', '.join(parts)}" if broken else f"{one['item']} was damaged: {', '.join(parts)}"
    )


def _named(kind: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{kind} {', '.join(names[:LISTED])}{more}"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of databases that were looked at for damage."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _damage

NONE: dict[str, list[str]] = {"tables": [], "indexes": [], "reindexed": []}


def assessed(name: str, **damage: list[str]) -> dict[str, t.Any]:
    return {"item": name, "rc": 0, "stdout": json.dumps({**NONE, **damage})}


def test_databases_without_damage_are_counted() -> None:
    assert _damage.told([assessed("shop"), assessed("orders")]) == "no damage in 2 databases"


def test_damaged_databases_are_named_with_what_is_damaged() -> None:
    told = _damage.told([assessed("shop", tables=["public.t"], indexes=["public.i"]), assessed("orders")])
    assert told == "shop is damaged: table public.t, index public.i"


def test_what_was_rebuilt_is_no_damage_any_more() -> None:
    assert _damage.told([assessed("shop", reindexed=["public.i"])]) == "shop was damaged: rebuilt index public.i"


def test_many_names_are_counted() -> None:
    names = [f"public.t{number}" for number in range(7)]
    assert _damage.told([assessed("shop", tables=names)]).endswith("public.t3, public.t4 and 2 more")


def test_a_database_that_cannot_be_examined_is_named() -> None:
    failed = {"item": "shop", "rc": 2, "stdout": "", "stderr": "psql: error: FATAL\nmore"}
    assert _damage.told([failed]) == "shop cannot be examined: psql: error: FATAL"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore tells beside its success is as short as its reasons are few."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    database_place,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.proof import compare


def proof(major: int, objects: dict[str, str], **values: t.Any) -> dict[str, t.Any]:
    empty = {"tables": [], "sequences": [], "extensions": {}, "large_objects": {}, "properties": {}, "partial": False}
    server = {"version_num": major * 10000}
    return {"format": "lifeboat-proof/1", "level": "counts", "server": server, "objects": objects, **empty, **values}


def told(before: dict[str, t.Any], after: dict[str, t.Any]) -> list[str]:
    return database_place.told(compare(before, after), before, after)


def test_what_a_new_major_writes_differently_is_one_line() -> None:
    names = [f"table public t{number:03d}" for number in range(87)]
    said = told(proof(15, dict.fromkeys(names, "a")), proof(17, dict.fromkeys(names, "b")))
    (line,) = said
    assert line == (
        "PostgreSQL 17 describes 87 objects differently from 15, and from 17 on grants have the right MAINTAIN: "
        "table public t000, table public t001, table public t002 and 84 more"
    )
    (said_of_one,) = told(proof(15, {"view public v": "a"}), proof(16, {"view public v": "b"}))
    assert said_of_one.startswith("view public v: ")


def test_notes_of_other_reasons_stay_apart() -> None:
    before = proof(17, {}, extensions={"citext": "1.5", "hstore": "1.7"})
    after = proof(17, {}, extensions={"citext": "1.6", "hstore": "1.8"})
    assert told(before, after) == [
        "extension citext: its version was 1.5 and is 1.6",
        "extension hstore: its version was 1.7 and is 1.8",
    ]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The copy of an interrupted run goes on towards its target, and is not taken for one of another moment."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr import pitr
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.plan import Plan
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import targets
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.bases import Base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.lineage import Branch

if t.TYPE_CHECKING:
    from datetime import datetime

SIZE = 16 << 20


def goes_on(
    target: str = "time",
    *,
    whole: bool = True,
    timeline: int = 1,
    replayed: int = 0,
    places: tuple[str, ...] = (),
    server: str = "7",
) -> bool:
    """Ask for a copy that an earlier run left; its backup ends at 100, and the target is at 200."""
    base = Base("backup-1", t.cast("datetime", None), 1, 50, 100)
    wanted = targets.parse({"time": "2026-11-28T12:00:00Z"} if target == "time" else target)
    plan = Plan(wanted, base, Branch(1), 0, 0, position=200 if target == "time" else None)
    stage = types.SimpleNamespace(whole=whole, places=frozenset(places), directory="/data/15/main.lifeboat-1")
    known = types.SimpleNamespace(server=types.SimpleNamespace(system_identifier="7"))
    prepared = types.SimpleNamespace(stage=stage, plan=plan, places=dict(enumerate(places)), known=known)
    control = types.SimpleNamespace(timeline=timeline, replayed=replayed, system_identifier=server)
    return pitr._goes_on(t.cast("t.Any", prepared), t.cast("t.Any", types.SimpleNamespace(control=lambda: control)))


def test_a_copy_that_is_not_past_the_target_goes_on() -> None:
    assert goes_on(replayed=200)
    assert goes_on("latest", replayed=10**9)
    assert goes_on("immediate", replayed=100)


@pytest.mark.parametrize("past", [{"replayed": 201}, {"timeline": 2}])
def test_one_that_is_past_it_is_made_again(past: dict[str, int]) -> None:
    assert not goes_on(**t.cast("t.Any", past))
    with pytest.raises(DatabaseError, match=r"main\.lifeboat-1 that is past time") as caught:
        goes_on(**t.cast("t.Any", past), places=("/srv/fast",))
    assert "what is in /srv/fast" in caught.value.remedy


def test_one_of_another_server_is_not_taken_for_it() -> None:
    assert not goes_on(server="8")
    with pytest.raises(DatabaseError, match=r"main\.lifeboat-1 that is of another server"):
        goes_on(server="8", places=("/srv/fast",))


def test_one_that_was_not_whole_is_made_again() -> None:
    assert not goes_on(whole=False)
    assert not goes_on("immediate", replayed=101)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several backups of one database at once, and clocks that are wrong: each is whole, and none hides another."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from faults import fault_fixtures, kills

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
    from postgres_fixtures import ClusterFactory, DatabaseFactory

SQL = "CREATE TABLE public.t AS SELECT n AS id FROM generate_series(1, 100) AS n"
DAY = datetime.timedelta(days=1)


def test_backups_at_once_are_all_whole(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> None:
    server, name = cluster(), database()
    kills.prepare(server, name, "marker")
    place = fault_fixtures.make(server, name, tmp_path, marker="marker")

    running = [kills.Victim(place) for _number in range(4)]
    made = [victim.end().result["backup"]["backup_id"] for victim in running]

    assert len(set(made)) == 4
    assert sorted(place.listed()) == sorted(made)
    assert place.unlisted_objects() == []
    assert len((tmp_path / "state" / "receipts.jsonl").read_text().splitlines()) == 4
    place.verify()
    with place.restored(made[0]) as restored:
        assert place.differences(made[0], restored) == []


def at(world: World, shift: datetime.timedelta) -> World:
    return dataclasses.replace(world, now=lambda: datetime.datetime.now(datetime.UTC) + shift)


@pytest.mark.parametrize("shift", [-DAY, DAY / 2, datetime.timedelta(hours=-1), datetime.timedelta(hours=1)])
def test_a_clock_that_is_off_by_less_than_a_day_costs_nothing(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, shift: datetime.timedelta
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SQL), tmp_path)

    first = place.back_up(at(place.world(), shift))
    second = place.back_up()

    assert set(place.listed()) == {first, second}
    place.verify()


def test_a_backup_from_the_future_takes_no_place(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    """A clock that is a week ahead makes a backup that is no recovery point, and stops nobody from making one."""
    place = fault_fixtures.make(cluster(), database(sql=SQL), tmp_path)
    ahead = place.back_up(at(place.world(), 7 * DAY))
    request = dataclasses.replace(place.request(), max_age=3600.0)

    made = backup.back_up(request, place.world()).facts["backup"]["backup_id"]

    facts = listing.list_backups(listing.ListRequest(place.settings), place.world()).facts
    assert [row["backup_id"] for row in facts["backups"]] == [made]
    assert any(ahead in problem["name"] and "future" in problem["cause"] for problem in facts["problems"])
    assert place.find("latest").manifest.backup_id == made
    with pytest.raises(Tampered, match="future"):
        place.find(ahead)


def test_two_backups_in_one_second_are_two(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SQL), tmp_path)
    moment = datetime.datetime.now(datetime.UTC)
    still = dataclasses.replace(place.world(), now=lambda: moment)

    made = {place.back_up(still) for _number in range(2)}

    assert len(made) == 2
    assert set(place.listed()) == made
    assert place.find("latest").manifest.backup_id in made


def test_a_dry_run_stores_nothing_and_runs_no_dump(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SQL), tmp_path)
    before = sorted(tmp_path.rglob("*"))

    outcome = backup.back_up(place.request(), dataclasses.replace(place.world(), dry_run=True))

    assert outcome.changed
    assert sorted(tmp_path.rglob("*")) == before
    assert isinstance(place.open(), catalogue.Repository)
    assert place.listed() == []

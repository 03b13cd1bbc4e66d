# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real restores and validations beside real runs of retention, which come at the worst moment."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    load,
    staging_database,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    NotFound,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
    from postgres_fixtures import ClusterFactory, DatabaseFactory

SQL = "CREATE TABLE public.t AS SELECT n AS id FROM generate_series(1, 100) AS n"
POLICY = {"keep_within": "30d", "min_keep": 1}
LONG_AGO = datetime.timedelta(days=40)


class Beside:
    """A database with an old backup and a fresh one, a restore of the old one, and retention."""

    def __init__(self, place: fault_fixtures.Fixture) -> None:
        self.place = place
        world = place.world()
        past = dataclasses.replace(world, now=lambda: world.now() - LONG_AGO)
        self.old = place.back_up(past)
        self.new = place.back_up()
        self.pruned: list[Outcome] = []

    def prune(self) -> Outcome:
        request = prune.PruneRequest(self.place.settings, policy.parse(POLICY), force=True)
        self.pruned.append(prune.prune(request, self.place.world()))
        return self.pruned[-1]

    def restore(self, strategy: str) -> Outcome:
        place = self.place
        request = asked.restore(
            place.settings,
            place.server.login,
            fault_fixtures.CLUSTER,
            place.database,
            "db1",
            backup=self.old,
            strategy=strategy,
            confirm=f"{place.database}@db1",
            force_disconnect=True,
            emergency_backup="off",
        )
        return restore.restore(request, place.world())

    def rows(self) -> int:
        [(count,)] = self.place.server.execute("SELECT count(*) FROM public.t", self.place.database)
        return int(count)


@pytest.fixture
def beside(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> Beside:
    return Beside(fault_fixtures.make(cluster(), database(sql=SQL), tmp_path))


def test_a_restore_in_place_keeps_the_backup_that_it_loads(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = staging_database.drop

    def and_prune(*given: t.Any) -> None:
        drop(*given)
        beside.prune()

    monkeypatch.setattr(staging_database, "drop", and_prune)
    done = beside.restore("in_place")
    monkeypatch.undo()
    assert done.facts["restore"]["backup_id"] == beside.old
    assert not [warning for warning in done.warnings if "retention" in warning]
    assert beside.rows() == 100
    [pruned] = beside.pruned
    assert pruned.facts["deleted"] == 0
    assert any("in use: a restore on " in line and beside.old in line for line in pruned.facts["table"])
    assert beside.prune().facts["deleted_backups"] == [beside.old]
    assert beside.place.listed() == [beside.new]


def test_a_validation_keeps_the_backup_that_it_reads(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    validate = validation.validate_chain

    def prune_and(*given: t.Any) -> Outcome:
        assert beside.prune().facts["deleted"] == 0
        return validate(*given)

    monkeypatch.setattr(validation, "validate_chain", prune_and)
    place = beside.place
    request = asked.validation(
        place.settings,
        fault_fixtures.CLUSTER,
        place.database,
        backup=beside.old,
        login=place.server.login,
        target_db=place.database,
    )
    assert validation.validate(request, place.world()).facts["validation"]["backup_id"] == beside.old
    assert beside.pruned


class NotBelowMarks:
    """A store whose credentials may not write below marks/."""

    def __init__(self, store: t.Any) -> None:
        self._store = store

    def put_new(self, name: str, data: bytes) -> None:
        if "/marks/" in name:
            raise AccessDenied("Access is denied.", "Allow it.")
        self._store.put_new(name, data)

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._store, name)


@pytest.fixture
def reading_only(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> t.Any:
    """Take the right to announce from the restore, and none from retention."""
    opened = catalogue.factory.open_store

    def open_store(*given: t.Any, thorough: bool = False, **named: t.Any) -> t.Any:
        store = opened(*given, thorough=thorough, **named)
        return store if thorough else NotBelowMarks(store)

    monkeypatch.setattr(catalogue.factory, "open_store", open_store)
    return monkeypatch


@pytest.mark.usefixtures("reading_only")
def test_one_that_cannot_be_announced_is_refused_before_anything_is_dropped(beside: Beside) -> None:
    with pytest.raises(UsageError, match="in-place restore") as caught:
        beside.restore("in_place")
    assert caught.value.details["field"] == "strategy"
    assert beside.rows() == 100


@pytest.mark.usefixtures("reading_only")
def test_a_swap_that_lost_its_backup_says_so_and_changes_nothing(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = load.Loader.load

    def and_prune(loader: load.Loader, name: str) -> t.Any:
        beside.prune()
        return begin(loader, name)

    monkeypatch.setattr(load.Loader, "load", and_prune)
    with pytest.raises(NotFound, match=f"{beside.old} was deleted by retention while this ran") as caught:
        beside.restore("swap")
    assert "run again" in caught.value.remedy
    assert beside.rows() == 100

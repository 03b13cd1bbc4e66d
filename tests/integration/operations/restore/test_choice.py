# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever is about to restore what an intruder left is told before anything is replaced, and which backup is clean."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from pathlib import Path

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import choice
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.restore import (
    RestoreRequest,
    restore,
)
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from postgres_fixtures import ClusterFactory, DatabaseFactory

STOCK = """
SET search_path = public;
CREATE TABLE stock (id bigint PRIMARY KEY, item text);
INSERT INTO stock SELECT i, 'item ' || i % 50 FROM generate_series(1, 3000) i;
"""
SHRANK = "shrank to 1,400 rows"


def wanted(place: fault_fixtures.Fixture, **options: t.Any) -> RestoreRequest:
    return asked.restore(
        repository=place.settings,
        login=place.server.login,
        cluster=fault_fixtures.CLUSTER,
        database=place.database,
        host="db1",
        **options,
    )


def test_a_suspicious_backup_is_told_of_before_it_replaces_anything(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=STOCK), tmp_path)
    ids = [place.back_up(proof="counts") for _run in range(6)]
    place.server.execute("DELETE FROM public.stock WHERE id > 1400", place.database)
    halved = place.back_up(proof="counts")
    request = wanted(place)
    with pytest.raises(UsageError, match="contains data") as refused:
        restore(request, place.world())
    told = [SHRANK, f"The newest clean one before it is {ids[-1]}."]
    assert all(part in refused.value.cause for part in told)

    planned = restore(request, dataclasses.replace(place.world(), dry_run=True))
    assert all(part in planned.warnings[0] for part in told)
    assert f"CAUTION: {halved} is suspicious." in planned.after

    tables = wanted(place, tables=("public.stock",))
    assert all(part in restore(tables, dataclasses.replace(place.world(), dry_run=True)).warnings[0] for part in told)

    # The one before it is clean, as are those that have too few before them to tell; nothing is said of them.
    for clean in (ids[-1], ids[0]):
        chosen = dataclasses.replace(request, backup=clean)
        done = restore(chosen, dataclasses.replace(place.world(), dry_run=True))
        assert not any("suspicious" in warning for warning in done.warnings)
        assert "CAUTION" not in done.after


def test_not_being_able_to_tell_keeps_nobody_from_restoring(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=STOCK), tmp_path)
    identity = place.back_up(proof="counts")

    def fail(*_given: t.Any, **_named: t.Any) -> t.NoReturn:
        raise StoreError("The store does not answer.", "Try again.")

    monkeypatch.setattr(choice.assessment, "assess", fail)
    request = wanted(place, target_db=f"{place.database}_again")
    done = restore(request, place.world())
    try:
        assert done.facts["restore"]["backup_id"] == identity
        assert any("is unknown: The store does not answer." in warning for warning in done.warnings)
    finally:
        place.server.drop(request.target.target)


def test_a_latest_that_is_not_the_newest_is_told_and_not_restored(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=STOCK), tmp_path)
    older, newest = place.back_up(), place.back_up()
    root = Path(place.settings.store.url.removeprefix("file://"))
    manifest = next(root.rglob(f"manifests/**/{newest}.json"))
    manifest.rename(tmp_path / "hidden.json")
    # The host of a disaster has made none of the backups: what lies in the store has to tell.
    for state_dir in (place.settings.state_dir, None):
        settings = dataclasses.replace(place.settings, state_dir=state_dir)
        request = dataclasses.replace(wanted(place), repository=settings)
        said = f"{older} is not the newest backup of {fault_fixtures.CLUSTER}/{place.database}; {newest} came later."
        with pytest.raises(UsageError, match=re.escape(said)) as refused:
            restore(request, place.world())
        assert f"backup: {older} (lifeboat_restore_from)" in refused.value.remedy
        planned = restore(request, dataclasses.replace(place.world(), dry_run=True))
        assert f"CAUTION: {said}" in planned.after
        assert said in planned.warnings[0]
        named = restore(dataclasses.replace(request, backup=older), dataclasses.replace(place.world(), dry_run=True))
        assert "CAUTION" not in named.after

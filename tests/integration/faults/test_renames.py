# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is renamed while it is dumped: no lock on a table forbids it, and the dump would take one thing for another."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import source
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Busy
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import attempts, backup
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory

HURRY = 1000.0

SHOP = """
CREATE SCHEMA blue;
CREATE SCHEMA green;
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN public.positive AS integer CHECK (VALUE > 0);
CREATE FUNCTION public.twice(i integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT i * 2';
CREATE TABLE blue.t AS SELECT i AS id, 'ok'::public.mood AS mood FROM generate_series(1, 100) i;
CREATE TABLE green.t AS SELECT i AS id, 'sad'::public.mood AS mood FROM generate_series(1, 5) i;
CREATE TABLE public.counted (id bigserial, n public.positive);
CREATE INDEX twice ON public.counted (public.twice(n));
INSERT INTO public.counted (n) VALUES (1), (2);
"""

RENAMES = {
    "blue and green": "BEGIN; ALTER SCHEMA blue RENAME TO grey; ALTER SCHEMA green RENAME TO blue; "
    "ALTER SCHEMA grey RENAME TO green; COMMIT",
    "a schema": "ALTER SCHEMA blue RENAME TO red",
    "a type": "ALTER TYPE public.mood RENAME TO humour",
    "a label": "ALTER TYPE public.mood RENAME VALUE 'ok' TO 'fine'",
    "a domain's schema": "ALTER DOMAIN public.positive SET SCHEMA green",
    "a sequence": "ALTER SEQUENCE public.counted_id_seq RENAME TO other",
    "a function": "ALTER FUNCTION public.twice RENAME TO double",
    "an index": "ALTER INDEX public.twice RENAME TO double",
}


def when_locked(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, times: int) -> list[int]:
    """Call `act` when tables are locked and no program has begun, in so many attempts; give what counts them."""
    real, counted = source._Dump._dump, []

    def renamed(*arguments: t.Any) -> t.Any:
        counted.append(1)
        if len(counted) <= times:
            act()
        return real(*arguments)

    monkeypatch.setattr(source._Dump, "_dump", renamed)
    return counted


@pytest.mark.parametrize("what", RENAMES)
def test_what_is_renamed_under_a_dump_is_dumped_again(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SHOP), tmp_path)
    counted = when_locked(monkeypatch, lambda: place.server.execute(RENAMES[what], place.database), times=1)
    made = place.back_up(place.world(hurry=HURRY))
    assert len(counted) == 2
    assert place.listed() == [made]
    assert place.unlisted_objects() == []
    with place.restored(made) as copy:
        assert place.differences(made, copy) == []
        query = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        tables = f"{query} WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2"
        assert place.server.execute(tables, copy) == place.server.execute(tables, place.database)
        for schema, name in place.server.execute(tables, copy):
            rows = f"SELECT * FROM {schema}.{name} ORDER BY id"
            assert place.server.execute(rows, copy) == place.server.execute(rows, place.database)


def there_and_back(place: t.Any, monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[int]:
    """Exchange two schemas while each program reads, and exchange them back, in so many attempts."""
    real, counted = source._Dump._dump, []
    swap = RENAMES["blue and green"]

    def swapped(*arguments: t.Any) -> t.Any:
        counted.append(1)
        if len(counted) > times:
            return real(*arguments)
        place.server.execute(swap, place.database)
        try:
            return real(*arguments)
        finally:
            place.server.execute(swap, place.database)

    monkeypatch.setattr(source._Dump, "_dump", swapped)
    return counted


def test_what_is_renamed_there_and_back_is_dumped_again(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SHOP), tmp_path)
    counted = there_and_back(place, monkeypatch, times=1)
    made = place.back_up(place.world(hurry=HURRY))
    assert len(counted) == 2
    with place.restored(made) as copy:
        rows = "SELECT * FROM blue.t ORDER BY id"
        assert place.server.execute(rows, copy) == place.server.execute(rows, place.database)


def test_what_is_granted_again_and_again_is_a_backup_with_a_warning(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=f"{SHOP}; GRANT USAGE ON SCHEMA blue TO PUBLIC"), tmp_path)
    grant = "GRANT USAGE ON SCHEMA blue TO PUBLIC"
    counted = when_locked(monkeypatch, lambda: place.server.execute(grant, place.database), times=99)
    outcome = backup.back_up(place.request(), place.world(hurry=HURRY))
    assert len(counted) == 2
    assert any("renamed and renamed back, or a grant" in warning and "blue" in warning for warning in outcome.warnings)


def test_a_grant_that_changes_something_costs_nothing(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SHOP), tmp_path)
    grant = "GRANT USAGE ON SCHEMA blue TO PUBLIC"
    counted = when_locked(monkeypatch, lambda: place.server.execute(grant, place.database), times=1)
    outcome = backup.back_up(place.request(), place.world(hurry=HURRY))
    assert len(counted) == 1
    assert not any("renamed back" in warning for warning in outcome.warnings)


def test_what_is_renamed_again_and_again_is_no_backup(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fault_fixtures.make(cluster(), database(sql=SHOP), tmp_path)
    swap = RENAMES["blue and green"]
    counted = when_locked(monkeypatch, lambda: place.server.execute(swap, place.database), times=99)
    with pytest.raises(Busy, match=r'the schema "(blue|green)" was renamed to "(green|blue)"') as caught:
        backup.back_up(place.request(), place.world(hurry=HURRY))
    assert "nothing is being renamed" in caught.value.remedy
    assert len(counted) == attempts.ATTEMPTS
    assert place.listed() == []
    assert place.unlisted_objects() == []

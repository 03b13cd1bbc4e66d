# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canaries in a real backup and a real server: all are found, and whoever overlooks one does not pass."""

from __future__ import annotations

import datetime
import time
import typing as t

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    differences,
    plantings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import CanaryMissed
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)

if t.TYPE_CHECKING:
    from pathlib import Path

ALL = 5 + len(plantings.CANARIES)


class Repository:
    """Backups of databases of one server, and their validation with canaries."""

    def __init__(self, server: t.Any, place: Path, home: Path) -> None:
        self.server, self.place, self.store = server, place, home / "store"
        self.store.mkdir()
        keys = KeySettings(recovery_key_hex=RecoveryKey.generate().hex)
        self.settings = catalogue.RepositorySettings("shop", StoreSettings(f"file://{self.store}"), keys)

    def world(self) -> World:
        return World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=time.sleep, environ=self.server.environ)

    def back_up(self, name: str, **options: t.Any) -> str:
        request = asked.backup(self.settings, self.server.login, "main", name, **{"proof": "content", **options})
        made = backup.back_up(request, self.world())
        return t.cast("str", made.facts["backup"]["backup_id"])

    def validate(self, name: str, backup_id: str, **options: t.Any) -> t.Any:
        options = {"scratch_dir": str(self.place), "canaries": True, **options}
        request = asked.validation(self.settings, "main", name, backup=backup_id, **options)
        return validation.validate(request, self.world())

    def canaries(self, name: str, **options: t.Any) -> t.Any:
        """Back up a database, and return what came of its canaries."""
        made = self.back_up(name, **options)
        return self.validate(name, made).facts["validation"]["canaries"]

    def stored(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.store.rglob("*") if path.is_file()}


@pytest.fixture
def repository(cluster: t.Any, place: Path, tmp_path: Path) -> Repository:
    return Repository(cluster(), place, tmp_path)


def reasons(told: t.Any) -> dict[str, str]:
    return {skipped["name"]: skipped["reason"] for skipped in told["skipped"]}


def test_all_are_found_in_the_golden_database_and_nothing_stored_is_changed(
    repository: Repository, database: t.Any
) -> None:
    name = database(golden=True)
    made = repository.back_up(name)
    before = repository.stored()
    done = repository.validate(name, made)
    result = done.facts["validation"]
    assert result["canaries"] == {"planted": ALL, "found": ALL, "skipped": [], "missed": []}
    assert result["passed"]
    assert result["differences"] == ()
    assert f"{ALL} of {ALL} canaries found" in done.facts["summary"]
    after = repository.stored()
    assert {path: after.pop(path) for path in before} == before
    assert [path.parent.parent.name for path in after] == ["marks"]


ONE_TABLE = "CREATE TABLE public.one (id serial); INSERT INTO public.one DEFAULT VALUES;"


@pytest.mark.parametrize(
    ("overlooked", "names"),
    [
        ("_sequences", {"sequence_set_back"}),
        ("_tables", {"changed_value", "deleted_row", "dropped_table"}),
        ("_objects", {"changed_object"}),
    ],
)
def test_a_comparison_that_overlooks_something_does_not_pass(
    repository: Repository, database: t.Any, monkeypatch: pytest.MonkeyPatch, overlooked: str, names: set[str]
) -> None:
    name = database(sql=ONE_TABLE)
    made = repository.back_up(name)
    monkeypatch.setattr(differences, overlooked, lambda *_given: iter(()))
    with pytest.raises(CanaryMissed, match=rf"{min(names)} in .*Do not trust what this host validated") as caught:
        repository.validate(name, made)
    result = t.cast("dict[str, t.Any]", caught.value.details["validation"])
    assert {missed["name"] for missed in result["canaries"]["missed"]} == names
    assert not result["passed"]
    assert not [path for path in repository.stored() if "marks" in path.parts]


def test_what_a_backup_cannot_show_is_skipped_with_the_reason(repository: Repository, database: t.Any) -> None:
    empty = database()
    told = repository.canaries(empty, allow_empty=True)
    assert (told["planted"], told["found"], told["missed"]) == (6, 6, [])
    assert set(reasons(told)) == {"changed_value", "deleted_row", "sequence_set_back", "dropped_table"}
    assert reasons(told)["sequence_set_back"] == "There is no sequence that was used."
    name = database(sql=ONE_TABLE)
    told = repository.canaries(name, proof="counts")
    assert (told["planted"], told["found"]) == (ALL - 1, ALL - 1)
    assert reasons(told) == {"changed_value": "The proof counts does not tell values."}
    told = repository.canaries(name, proof="none")
    assert (told["planted"], told["found"], len(told["skipped"])) == (5, 5, len(plantings.CANARIES))


def test_nothing_is_planted_in_a_database_that_lives(repository: Repository, database: t.Any) -> None:
    name = database(sql=ONE_TABLE)
    made = repository.back_up(name)
    done = repository.validate(name, made, login=repository.server.login, target_db=name)
    told = done.facts["validation"]["canaries"]
    assert (told["planted"], told["found"], len(told["skipped"])) == (5, 5, len(plantings.CANARIES))
    assert repository.server.execute("SELECT count(*) FROM public.one", name) == [(1,)]


# In each of these tables something keeps a row from being changed or deleted, or undoes it.
STUBBORN = """
CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RETURN CASE TG_OP WHEN ''UPDATE'' THEN OLD END; END';
CREATE TABLE public.a (v text);
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON public.a FOR EACH ROW EXECUTE FUNCTION public.keep();
ALTER TABLE public.a ENABLE ALWAYS TRIGGER keep;
CREATE TABLE public.b (v text);
CREATE RULE keep AS ON DELETE TO public.b DO INSTEAD NOTHING;
ALTER TABLE public.b ENABLE ALWAYS RULE keep;
CREATE TABLE public.c (v integer NOT NULL CHECK (v < 8), w float8 NOT NULL, p point NOT NULL);
CREATE TABLE public.d (v timestamp NOT NULL, n numeric(3, -2) NOT NULL);
CREATE TABLE public.e (v varchar(3) NOT NULL UNIQUE, "w ""x"" %s" json);
CREATE PUBLICATION refusing FOR TABLE public.c, public.d;
INSERT INTO public.a VALUES ('x');
INSERT INTO public.b VALUES ('x');
INSERT INTO public.c VALUES (7, 'infinity', '(1,1)');
INSERT INTO public.d VALUES ('infinity', 100);
INSERT INTO public.e VALUES ('abc', '{"a": 1}');
"""


def test_tables_that_refuse_are_passed_over(repository: Repository, database: t.Any) -> None:
    told = repository.canaries(database(sql=STUBBORN))
    assert told["missed"] == []
    assert reasons(told) == {"sequence_set_back": "There is no sequence that was used."}

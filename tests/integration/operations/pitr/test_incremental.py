# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Increments of a base backup: copies of what changed from PostgreSQL 17 on, and before that the log alone.

Either way a server comes back with exactly what was committed by a moment.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import typing as t
from pathlib import Path

import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    physical_mode,
    replacing,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    DatabaseError,
    RecoveryError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.pitr import recover
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from operations.pitr.test_pitr import Story, ids

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
    from postgres_fixtures import Cluster


class Chain(Story):
    """A server of which a full backup was made, and increments of it."""

    @property
    def has_copies(self) -> bool:
        """Whether its increments are copies, or the log."""
        return self.server.execute("SHOW server_version_num")[0][0] >= f"{physical_mode.INCREMENTAL_MAJOR}0000"

    def back_up(self, mode: str = "auto", **rules: t.Any) -> Outcome:
        return self.physical.back_up(rules=physical_mode.Rules(mode, **rules))

    def made(self, mode: str = "auto", **rules: t.Any) -> dict[str, t.Any]:
        return self.back_up(mode, **rules).facts["backup"]


@pytest.fixture(autouse=True)
def nothing_is_left(chain: Chain) -> Iterator[None]:
    yield
    for name in ("recovered", "fast"):
        shutil.rmtree(f"{chain.server.directory}/{name}", ignore_errors=True)


def begun(physical: physical_fixtures.Physical) -> Chain:
    chain = Chain(physical, {})
    chain.server.execute("CREATE TABLE public.told (id serial PRIMARY KEY)")
    if chain.has_copies:
        chain.server.execute("ALTER SYSTEM SET summarize_wal = on")
        chain.server.execute("SELECT pg_reload_conf()")
    return chain


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A full backup, two increments, and rows before, between and after them."""
    home = tmp_path_factory.mktemp("chain")
    with physical_fixtures.running(home, archive_mode="on", track_commit_timestamp="on") as physical:
        told = begun(physical)
        told.write(3)
        told.full = told.made("full")
        told.increments = []
        for _increment in range(2):
            told.write(3)
            told.server.execute("UPDATE public.spaced SET body = 'changed' WHERE id % 5000 = 0")
            told.archive()
            told.increments.append(told.back_up())
        told.write(3)
        told.archive()
        yield told


def test_an_increment_is_what_the_server_can_give(chain: Chain) -> None:
    first, second = chain.increments
    if chain.has_copies:
        made = [first.facts["backup"], second.facts["backup"]]
        assert [one["mode"] for one in made] == ["incremental"] * 2, made
        assert [one["parent"] for one in made] == [chain.full["backup_id"], made[0]["backup_id"]]
        assert all(one["plain_size"] < chain.full["plain_size"] / 3 for one in made)
    else:
        assert [one.changed for one in chain.increments] == [False, False]
        assert first.facts["backup"]["recoverable_until"] <= second.facts["backup"]["recoverable_until"]
        with pytest.raises(DatabaseError, match="PostgreSQL 15 makes none"):
            chain.back_up("incremental")


@pytest.mark.parametrize("row", [11, 8, 5])
def test_a_server_comes_back_from_a_chain(chain: Chain, row: int) -> None:
    target = {"time": chain.rows[row].isoformat()}
    used = {11: 3, 8: 2, 5: 1}[row] if chain.has_copies else 1
    planned = recover(chain.request(target=target), dataclasses.replace(chain.physical.place.world(), dry_run=True))
    assert planned.after.count("which is based on") == used - 1
    outcome = chain.recover(target=target)
    assert len(outcome.facts["restore"]["chain"]) == used
    with chain.recovered() as cluster:
        assert ids(cluster) == set(range(1, row + 1))
        _require_own_tablespace(chain, cluster)
        assert physical_fixtures.counts(cluster) == [(physical_fixtures.ROWS, physical_fixtures.ROWS)]
        changed = "SELECT count(*) FROM public.spaced WHERE body = 'changed'"
        assert cluster.execute(changed) == [(0 if row == 5 else 4,)]
        cluster.program("pg_amcheck", "--heapallindexed", "--install-missing", "postgres")


def _require_own_tablespace(chain: Chain, copy: Cluster) -> None:
    """Require that what a copy writes into its tablespace is not written into that of its source."""
    (path,) = copy.execute("SELECT pg_relation_filepath('public.spaced')")[0]
    own = Path(os.path.realpath(f"{chain.server.directory}/recovered/{path}"))
    theirs = Path(os.path.realpath(f"{chain.server.directory}/data/{path}"))
    assert own.is_relative_to(f"{chain.server.directory}/fast")
    assert theirs.is_relative_to(f"{chain.server.directory}/space")
    chain.server.execute("CHECKPOINT")
    before = (theirs.read_bytes(), sorted(map(str, theirs.parent.iterdir())))
    copy.execute("CREATE TABLE public.after_it TABLESPACE fast AS SELECT * FROM public.spaced")
    copy.execute("UPDATE public.spaced SET body = 'of the copy' WHERE id % 5000 = 1")
    copy.execute("CHECKPOINT")
    assert b"of the copy" in own.read_bytes()
    assert (theirs.read_bytes(), sorted(map(str, theirs.parent.iterdir()))) == before


def test_a_copy_that_a_killed_run_left_half_made_is_made_anew(chain: Chain) -> None:
    """So it looks when the parts were unpacked and are about to be combined."""
    token = (chain.increments[-1].facts["backup"]["backup_id"])[-16:]
    stage = Path(chain.server.directory, f"recovered.lifeboat-{token}")
    grown = Path(chain.server.directory, "fast", f".lifeboat-{token}")
    for left in (stage / "parts/1/data", stage / "data/base", stage / "feed", grown / "PG_15"):
        left.mkdir(parents=True)
    (stage / "tablespaces").write_text("[]")
    chain.recover(target={"time": chain.rows[11].isoformat()})
    with chain.recovered() as cluster:
        assert ids(cluster) == set(range(1, 12))
    assert not stage.exists()
    assert not grown.exists()


def test_room_is_asked_for_parts_and_for_what_becomes_of_them(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(replacing, "require_room", lambda _parent, size, *_words: asked.append(size))
    target = {"time": chain.rows[11].isoformat()}
    recover(chain.request(target=target), dataclasses.replace(chain.physical.place.world(), dry_run=True))
    parts = [chain.full["plain_size"], *(one.facts["backup"]["plain_size"] for one in chain.increments if one.changed)]
    assert asked == [sum(parts) * (2 if len(parts) > 1 else 1)]


def test_a_part_that_lacks_is_named(chain: Chain) -> None:
    """A thief of the store takes what the others are based on."""
    place, target = chain.physical.place, {"time": chain.rows[11].isoformat()}
    name = repository.manifest("shop", physical_fixtures.COMPONENT, chain.full["backup_id"])
    stored = Path(place.settings.store.url.removeprefix("file://"), name)
    stored.rename(stored.with_name("stolen"))
    try:
        # Where the log is the increment, nothing else is left.
        what = "physical backup|is in the store" if chain.has_copies else "lists no backup of main/@physical"
        with pytest.raises(RecoveryError, match=what):
            chain.recover(target=target)
        assert not os.path.exists(f"{chain.server.directory}/recovered")
    finally:
        stored.with_name("stolen").rename(stored)


def test_after_a_recovery_to_an_earlier_moment_a_full_one_is_made(chain: Chain) -> None:
    """Its timeline left that of the newest backup before that one was made."""
    chain.recover(target={"time": chain.rows[4].isoformat()})
    with chain.recovered() as cluster:
        place = dataclasses.replace(chain.physical.place, server=cluster)
        other = physical_fixtures.Physical(place)
        made = other.back_up(rules=physical_mode.Rules("auto"), wal="included")
        told = made.facts["backup"]
        assert told["mode"] == "full"
        assert ("the server refused one based on" if chain.has_copies else "is not on the timeline") in told["why"]
        assert bool([one for one in made.warnings if "A full backup is made" in one]) == chain.has_copies

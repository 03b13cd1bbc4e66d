# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever kills a backup, and whenever: nothing broken is listed, nothing secret is left, and the next one works."""

from __future__ import annotations

import dataclasses
import secrets
import signal
import threading
import typing as t
from unittest import mock

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import source
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    DatabaseError,
    StoreError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from faults import cuts, fault_fixtures, kills, slowness

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory
    from s3_fixtures import S3

LOCAL = 10
REMOTE = 6
SEED = 20261121


def test_a_killed_backup_leaves_nothing_behind(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, capsys: t.Any
) -> None:
    server, name, marker = cluster(), database(), f"marker-{secrets.token_hex(16)}"
    kills.prepare(server, name, marker)
    place = fault_fixtures.make(server, name, tmp_path, marker=marker)

    struck = kills.strike(place, kills.LOCAL_FAULTS, LOCAL, SEED)

    with capsys.disabled():
        print(f"\nkills: {struck}")
    assert struck.wrong == []
    assert struck.faults.total() == LOCAL
    assert struck.restores > 0


def test_a_cut_upload_leaves_nothing_behind(
    cluster: ClusterFactory, database: DatabaseFactory, s3: S3, tmp_path: Path, capsys: t.Any
) -> None:
    server, name, marker = cluster(), database(), f"marker-{secrets.token_hex(16)}"
    cuts.prepare(server, name, marker)
    place = fault_fixtures.make(server, name, tmp_path, s3.settings(f"faults/{secrets.token_hex(6)}"), marker=marker)
    host, _colon, port = s3.endpoint.removeprefix("http://").partition(":")
    proxy = cuts.FaultProxy((host, int(port)))
    try:
        struck = kills.strike(place, cuts.Cuts(proxy).kinds(), REMOTE, SEED)
    finally:
        proxy.close()

    with capsys.disabled():
        print(f"\ncuts: {struck}")
    assert struck.wrong == []
    assert struck.faults.total() == REMOTE


def test_an_interruption_between_storing_and_noting_leaves_nothing(small_place: fault_fixtures.Fixture) -> None:
    """A signal reaches the thread that stores the records right after one is in the store."""
    open_repository = catalogue.open_repository

    def opened(*given: t.Any) -> catalogue.Repository:
        found = open_repository(*given)
        found.store = LastRecord(found.store)  # type: ignore[assignment]
        return found

    with mock.patch.object(backup.catalogue, "open_repository", opened), pytest.raises(Killed):
        small_place.back_up()

    assert small_place.listed() == []
    assert small_place.unlisted_objects() == []


class LastRecord:
    """A store that is interrupted once it has stored a backup's detail."""

    def __init__(self, store: t.Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._store, name)

    def put(self, name: str, chunks: t.Any, *, part_size: int) -> int:
        size = int(self._store.put(name, chunks, part_size=part_size))
        if name.endswith("detail.lbx"):
            raise Killed
        return size


class Killed(BaseException):
    """Stands for a signal that ends the process in an orderly way."""


class LastWord:
    """A store in which the manifest is written, or is not, and then something happens."""

    def __init__(self, store: t.Any, after: BaseException, *, written: bool) -> None:
        self._store = store
        self._after = after
        self._written = written

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._store, name)

    def put_new(self, name: str, data: bytes) -> None:
        if self._written:
            self._store.put_new(name, data)
        raise self._after


@pytest.mark.parametrize("after", [StoreError("The answer was lost.", "Look."), Killed()], ids=["error", "signal"])
@pytest.mark.parametrize("written", [True, False], ids=["written", "unwritten"])
def test_an_uncertain_manifest_is_whole_or_was_never(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, after: BaseException, written: bool
) -> None:
    place = fault_fixtures.make(cluster(), database(sql="CREATE TABLE public.t AS SELECT 1 AS a"), tmp_path)
    open_repository = catalogue.open_repository

    def opened(*given: t.Any) -> catalogue.Repository:
        found = open_repository(*given)
        found.store = LastWord(found.store, after, written=written)  # type: ignore[assignment]
        return found

    with mock.patch.object(backup.catalogue, "open_repository", opened), pytest.raises(type(after)):
        place.back_up()

    assert len(place.listed()) == written
    assert place.unlisted_objects() == []
    if written:
        place.verify()


def test_a_backup_whose_children_all_die_names_the_program_and_the_signal(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    server, name = cluster(), database()
    kills.prepare(server, name, "marker")
    place = fault_fixtures.make(server, name, tmp_path)

    ended = kills.Victim(place, "children", 1).end()

    assert ended.status == 1
    assert ended.result["error"] in {"DatabaseError", "ProcessFailed"}
    assert "pg_dump" in ended.result["msg"]
    assert "SIGKILL" in ended.result["msg"]
    assert place.listed() == []


def test_a_receipt_that_cannot_be_written_does_not_fail_or_hide_the_backup(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    place = fault_fixtures.make(cluster(), database(sql="CREATE TABLE public.t AS SELECT 1 AS a"), tmp_path)
    receipts, other = tmp_path / "state" / "receipts.jsonl", tmp_path / "other"
    receipts.touch()
    other.hardlink_to(receipts)  # it can be read, and nothing is appended to a file that has another name

    warnings = backup.back_up(place.request(), place.world()).warnings
    assert any("The backup itself is complete" in warning for warning in warnings)

    other.unlink()
    assert len(place.listed()) == 1
    place.verify()
    assert dataclasses.asdict(place.find("latest").manifest)["scope"] == "full"


@pytest.fixture
def small_place(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> fault_fixtures.Fixture:
    return fault_fixtures.make(cluster(), database(sql="CREATE TABLE public.t AS SELECT 1 AS a"), tmp_path)


def is_proving(place: fault_fixtures.Fixture) -> bool:
    return bool(place.server.execute(slowness.SLEEPING.format(place.database))[0][0])


def test_a_long_proof_does_not_keep_a_run_that_was_ended(small_place: fault_fixtures.Fixture) -> None:
    victim = kills.Victim(small_place, slow_proof=True)
    fault_fixtures.wait_until(lambda: is_proving(small_place), "the proof")

    victim.process.send_signal(signal.SIGTERM)
    ended = victim.end()

    assert ended.status == 1
    assert ended.result["error"] == "Ended"
    assert not is_proving(small_place)
    assert small_place.listed() == []
    assert small_place.unlisted_objects() == []


def test_a_long_proof_does_not_keep_a_dump_that_failed(
    small_place: fault_fixtures.Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_is_enough = threading.Lock()

    def failing(*_given: t.Any) -> None:
        if one_is_enough.acquire(blocking=False):
            fault_fixtures.wait_until(lambda: is_proving(small_place), "the proof")
            raise DatabaseError("The dump failed.", "Look.")

    monkeypatch.setattr(source._Dump, "_dump_member", failing)
    monkeypatch.setattr(source.proof, "take", slowness.slowed(source.proof.take))

    with pytest.raises(DatabaseError, match="The dump failed"):
        small_place.back_up()

    assert not is_proving(small_place)
    assert small_place.listed() == []
    assert small_place.unlisted_objects() == []


def test_no_more_dumps_run_at_once_than_jobs(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when the proof, which has a seat of its own, is done long before."""
    server, name = cluster(), database()
    kills.prepare(server, name, "marker")
    place = fault_fixtures.make(server, name, tmp_path)
    dump_member, running, most = source._Dump._dump_member, [], []

    def counted(*given: t.Any) -> None:
        running.append(1)
        most.append(len(running))
        dump_member(*given)
        running.pop()

    monkeypatch.setattr(source._Dump, "_dump_member", counted)
    monkeypatch.setattr(kills.members, "SMALLEST", kills.SMALLEST)

    place.back_up(jobs=2, proof="none")

    assert len(most) > 3
    assert max(most) <= 2

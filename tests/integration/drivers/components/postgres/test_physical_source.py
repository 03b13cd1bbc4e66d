# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server's files go into the store as they are, with what they need of its WAL, and nothing is there of a failure."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.progress import Progress
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from faults import fault_fixtures
from physical_fixtures import COMPONENT, ROWS, SIZE, Physical, counts, stop_now

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from pair_fixtures import Server


@pytest.fixture
def archiving(tmp_path: Path) -> Iterator[Physical]:
    with physical_fixtures.running(tmp_path, archive_mode="on") as physical:
        yield physical


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Physical]:
    with physical_fixtures.running(tmp_path) as physical:
        yield physical


def test_it_recovers_to_what_was_archived_later(archiving: Physical) -> None:
    outcome = archiving.back_up()
    found = archiving.found(outcome)
    wal = found.manifest.wal
    assert wal is not None
    assert (wal.included, wal.timeline, wal.segment_size) == (False, 1, SIZE)
    assert outcome.facts["backup"]["tablespaces"] == 1
    archiving.write()
    with archiving.recovered(found) as copy:
        assert counts(copy) == [(ROWS + 1, ROWS)]


def test_it_exists_only_once_its_wal_is_stored(archiving: Physical) -> None:
    seen: list[list[str]] = []

    def sleep(_seconds: float) -> None:
        seen.append(archiving.place.listed())
        archiving.store_wal()

    outcome = archiving.back_up(dataclasses.replace(archiving.world(), sleep=sleep))
    wal = archiving.found(outcome).manifest.wal
    assert wal is not None
    assert seen
    assert not any(seen)
    prefix = f"shop/wal/{wal.system_identifier}/"
    stored = [info.name.rpartition("/")[2] for info in archiving.place.open().store.list(prefix)]
    assert {f"{1:08X}{0:08X}{number:08X}.lbx" for number in wal.segments} <= set(stored)


def test_it_is_discarded_where_its_wal_does_not_come(archiving: Physical) -> None:
    world = dataclasses.replace(archiving.place.world(), sleep=lambda _seconds: None)
    with pytest.raises(DatabaseError, match=r"is not in the store after .*0000000100000000000000"):
        archiving.back_up(world, wal_timeout=1)
    assert archiving.place.listed() == []
    assert archiving.place.unlisted_objects() == []


def test_with_its_wal_it_is_restored_by_itself(alone: Physical) -> None:
    outcome = alone.back_up(wal="included", label="Tom's")
    found = alone.found(outcome)
    assert found.manifest.component == COMPONENT
    assert found.manifest.wal is not None
    assert found.manifest.wal.included
    detail = found.detail()
    assert detail["checksums"] is False
    assert [(space["name"], space["member"]) for space in detail["tablespaces"]] == [("fast", 1)]
    assert {database["name"] for database in detail["databases"]} == {"postgres", "template0", "template1"}
    assert found.record("globals")["server"]["settings"]["wal_level"] == "replica"
    with alone.recovered(found) as copy:
        assert counts(copy) == [(ROWS, ROWS)]
        assert copy.execute("SELECT pg_read_file('backup_label.old')")[0][0].count("Tom's") == 1


def test_a_standby_is_copied_without_its_primary(pair: t.Callable[..., tuple[Server, Server]], tmp_path: Path) -> None:
    primary, standby = pair()
    physical = Physical(fault_fixtures.make(standby.cluster, "postgres", tmp_path))
    # It is copied from its last restartpoint on, and makes one where it has replayed a checkpoint.
    primary.cluster.execute("CHECKPOINT")
    standby.catch_up(primary)
    outcome = physical.back_up(wal="included")
    detail = physical.found(outcome).detail()
    assert detail["source"]["in_recovery"] is True
    assert outcome.facts["backup"]["in_recovery"] is True
    with physical.recovered(physical.found(outcome)) as copy:
        assert copy.execute("SELECT count(*) FROM public.orders") == [(10,)]


def test_of_a_server_that_is_killed_nothing_is_left(alone: Physical, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends a megabyte a second, and is killed when its first member is stored and the next one is on its way."""

    class Killing(Progress):
        def touch(self, *, force: bool = False) -> None:
            done = sum(member.done for member in self._members)
            if done > 3 << 20 and not killed:
                killed.append(True)
                stop_now(alone.server)

    killed: list[bool] = []
    monkeypatch.setattr(backup, "Progress", Killing)
    with pytest.raises(DatabaseError, match="copying its files"):
        alone.back_up(wal="included", max_rate=1 << 20)
    assert killed
    assert alone.place.listed() == []
    assert alone.place.unlisted_objects() == []


def test_a_dead_archive_is_refused_before_anything_is_copied(archiving: Physical) -> None:
    archiving.server.execute("ALTER SYSTEM SET archive_command = 'false'")
    archiving.server.execute("SELECT pg_reload_conf()")

    def failed() -> bool:
        archiving.server.execute("SELECT pg_create_restore_point('here')")
        archiving.server.execute("SELECT pg_switch_wal()")
        return bool(archiving.server.execute("SELECT failed_count > 0 FROM pg_stat_archiver")[0][0])

    fault_fixtures.wait_until(failed, "a failure of the archiver")
    for world in (archiving.world(), dataclasses.replace(archiving.world(), dry_run=True)):
        with pytest.raises(DatabaseError, match="The archive of the server is stuck"):
            archiving.back_up(world)
    assert archiving.place.unlisted_objects() == []
    assert archiving.back_up(wal="included").changed


def test_a_role_without_rights_is_told_what_it_lacks(alone: Physical) -> None:
    alone.server.execute("CREATE ROLE keeper LOGIN")
    keeper = alone.server.as_role("keeper")
    with pytest.raises(DatabaseError, match="lacks REPLICATION and membership in pg_monitor") as caught:
        alone.back_up(wal="included", login=keeper)
    # What it says to do is enough.
    for statement in str(caught.value).partition("superuser: ")[2].rstrip(".").split("; "):
        alone.server.execute(statement)
    warnings = alone.back_up(wal="included", login=keeper).warnings
    assert [one for one in warnings if "recorded in part: its configuration files, access rules" in one]


def test_a_server_that_lets_nobody_copy_it_is_told_of_before(alone: Physical) -> None:
    rules = Path(alone.server.directory, "data", "pg_hba.conf")
    rules.write_text(f"local replication all reject\n{rules.read_text()}")
    alone.server.execute("SELECT pg_reload_conf()")
    with pytest.raises(DatabaseError, match="to connect to database 'replication'"):
        alone.back_up(dataclasses.replace(alone.world(), dry_run=True), wal="included")


def test_one_that_is_young_enough_is_not_made_again(alone: Physical) -> None:
    first = alone.back_up(wal="included")
    again = alone.back_up(wal="included", max_age=3600)
    assert not again.changed
    assert again.facts["backup"]["backup_id"] == first.facts["backup"]["backup_id"]


def test_in_check_mode_it_is_told_and_not_made(alone: Physical) -> None:
    outcome = alone.back_up(dataclasses.replace(alone.world(), dry_run=True), wal="included")
    assert outcome.changed
    assert "tablespace fast" in outcome.after
    told = outcome.facts["backup"]
    assert (told["members"], told["tablespaces"], told["mode"]) == (3, 1, "full")
    (size,) = alone.server.execute("SELECT sum(pg_tablespace_size(oid))::bigint FROM pg_tablespace")[0]
    assert abs(told["estimate"] - size) < SIZE
    assert [one for one in outcome.warnings if "no data checksums" in one]
    assert not [path for path in (alone.place.home / "store").rglob("*") if path.is_file()]

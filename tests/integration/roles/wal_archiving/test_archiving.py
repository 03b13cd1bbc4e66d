# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbook archiving, on a real server: what it writes arrives in the store, and nothing of others is taken away."""

from __future__ import annotations

import pwd
import stat
import typing as t

import pytest
from archiving_fixtures import changed, follower
from postgres_fixtures import restart_cluster

if t.TYPE_CHECKING:
    from archiving_fixtures import Archiving


def test_a_server_archives_into_a_directory_and_the_second_run_changes_nothing(archiving: Archiving) -> None:
    before = archiving.files()
    planned = archiving.play("--check", "--diff")
    assert changed(planned) > 0
    assert f"archive_command = '{archiving.command}'" in planned
    assert archiving.files() == before
    assert archiving.setting("archive_command") == ""

    archiving.play()
    assert archiving.setting("archive_command") == archiving.command
    assert archiving.setting("archive_timeout") == "300"
    [[segment]] = archiving.server.execute("SELECT last_archived_wal FROM pg_stat_archiver")
    assert segment in archiving.stored()
    # The user of the backups may remove what the user of the server wrote.
    postgres = pwd.getpwnam("postgres").pw_uid
    group = (archiving.home / "store").stat().st_gid
    for path in (archiving.home / "store/shop/wal").glob("*/**/*"):
        found = path.stat()
        mode = 0o2770 if path.is_dir() else 0o660
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (postgres, group, mode), path

    before = archiving.files()
    assert changed(archiving.play()) == 0
    now = archiving.files()
    assert {name: now[name] for name in before if "/wal/" not in name} == {
        name: before[name] for name in before if "/wal/" not in name
    }


@pytest.mark.parametrize("archiving", [{"archive_mode": "on", "archive_command": "'cp %p /srv/wal/%f'"}], indirect=True)
def test_the_archive_of_somebody_else_is_left_alone_unless_it_is_given_up(archiving: Archiving) -> None:
    before = archiving.files()
    said = archiving.play(status=2)
    assert "archives its WAL by something else: cp %p /srv/wal/%f." in said
    assert archiving.files() == before
    assert archiving.setting("archive_command") == "cp %p /srv/wal/%f"

    archiving.play(lifeboat_wal_replace_archive_command=True)
    assert archiving.setting("archive_command") == archiving.command


def test_while_the_store_is_away_the_server_keeps_its_log_and_catches_up(archiving: Archiving) -> None:
    archiving.play()
    store, away = archiving.home / "store", archiving.home / "away"
    store.rename(away)
    first, second = archiving.segment(), archiving.segment()
    archiving.until("SELECT failed_count > 0 FROM pg_stat_archiver")
    assert "The store's directory" in archiving.play(status=2)
    assert not store.exists()

    away.rename(store)
    archiving.until(f"SELECT last_archived_wal >= '{second}' FROM pg_stat_archiver")
    assert {first, second} <= archiving.stored()


@pytest.mark.long
def test_what_keeps_a_segment_from_the_store_is_explained(archiving: Archiving) -> None:
    archiving.play()
    [directory] = (archiving.home / "store/shop/wal").glob("*/00000001")
    directory.rename(archiving.home / "segments")
    directory.write_text("in the way")
    archiving.segment()
    said = archiving.play(*("-e", "wal_archiving_patience=2"), status=2)
    assert f"is not in file://{archiving.home}/store after 2 seconds. lifeboat: {directory}" in said
    assert "It keeps what is not stored and tries again" in said


@pytest.mark.long
@pytest.mark.parametrize(
    "archiving", [{"archive_mode": "off", "wal_level": "minimal", "max_wal_senders": "0"}], indirect=True
)
def test_a_server_that_has_to_be_restarted_is_prepared_and_says_so(archiving: Archiving) -> None:
    said = archiving.play()
    assert "RESTART NEEDED: the server of db1 archives only after a restart." in said
    assert changed(archiving.play()) == 0
    assert archiving.setting("archive_mode") == "off"

    restart_cluster(archiving.server)
    assert [archiving.setting(name) for name in ("archive_mode", "wal_level")] == ["on", "replica"]
    said = archiving.play()
    assert "RESTART NEEDED" not in said
    [[segment]] = archiving.server.execute("SELECT last_archived_wal FROM pg_stat_archiver")
    assert segment in archiving.stored()

    # It ends without a command that is gone, for which the server would keep everything.
    said = archiving.play(lifeboat_wal=False)
    assert "archives no WAL any more" in said
    assert archiving.setting("archive_command") == "/bin/true"
    assert changed(archiving.play(lifeboat_wal=False)) == 0
    restart_cluster(archiving.server)
    assert archiving.setting("archive_mode") == "off"


@pytest.mark.long
def test_nobody_is_asked_to_guess(archiving: Archiving) -> None:
    assert "Set lifeboat_wal in the inventory" in archiving.play(status=2, lifeboat_wal=None)
    assert "cannot be part of archive_command" in archiving.play(status=2, lifeboat_cluster="a b")
    assert "is no number of seconds, minutes or hours" in archiving.play(status=2, lifeboat_archive_timeout="soon")


@pytest.mark.long
def test_a_standby_is_prepared_and_archives_once_it_is_promoted(archiving: Archiving) -> None:
    archiving.play()
    standby = follower(archiving)
    try:
        said = archiving.play(hosts={"db1": {}, "db2": standby.own()})
        assert "db2 is a standby: it archives once it is promoted" in said
        keys = [host.home / "etc/wal/main/digest.json" for host in (archiving, standby)]
        assert keys[0].read_bytes() == keys[1].read_bytes()
        signers = [host.home / "etc/wal/main/signer.json" for host in (archiving, standby)]
        assert signers[0].read_bytes() != signers[1].read_bytes()
        assert changed(archiving.play(hosts={"db1": {}, "db2": standby.own()}), "db2") == 0

        standby.server.execute("SELECT pg_promote()")
        segment = standby.segment()
        standby.until(f"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver")
        assert {segment, "00000002"} <= archiving.stored()
        archiving.play("--limit", "db2", hosts={"db1": {}, "db2": standby.own()})
    finally:
        standby.remove()

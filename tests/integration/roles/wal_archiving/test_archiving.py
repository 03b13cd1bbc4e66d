# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbook archiving, on a real server: what it writes arrives in the store, and nothing of others is taken away."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import typing as t
from pathlib import Path

import pytest
from archiving_fixtures import changed, follower
from faults import fault_fixtures
from postgres_fixtures import as_server_user, restart_cluster, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from archiving_fixtures import Archiving

SYSTEMCTL = """#!/bin/sh
state={0}/started
case "$1" in
show) echo LoadState=loaded; [ -e "$state" ] && echo ActiveState=active || echo ActiveState=inactive ;;
is-enabled) [ -e "$state" ] && echo enabled || {{ echo disabled; exit 1; }} ;;
start | restart | enable) touch "$state" ;;
stop | disable) rm -f "$state" ;;
esac
"""


def test_a_server_archives_into_a_directory_and_the_second_run_changes_nothing(archiving: Archiving) -> None:
    before = archiving.files()
    planned = archiving.play("--check", "--diff")
    assert changed(planned) > 0
    assert f"archive_command = '{archiving.command}'" in planned
    assert archiving.files() == before
    assert archiving.server.execute("SELECT FROM pg_namespace WHERE nspname = 'lifeboat'") == []
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


@pytest.fixture
def systemctl(archiving: Archiving, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for systemd, which does not run where tests do, and return where units go."""
    units = archiving.home / "units"
    programs = archiving.home / "programs"
    for directory in (units, programs):
        directory.mkdir()
    (programs / "systemctl").write_text(SYSTEMCTL.format(units))
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return units


def test_the_log_is_streamed_where_that_is_asked_for(archiving: Archiving, systemctl: Path) -> None:
    given: dict[str, t.Any] = {"lifeboat_wal_stream": True, "lifeboat_wal_stream_interval": 1}
    words = ("-e", f"wal_archiving_units={systemctl}")
    archiving.server.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'")
    archiving.server.execute("SELECT pg_reload_conf()")
    archiving.play(*words, **given)
    assert archiving.server.execute("SELECT slot_name FROM pg_replication_slots") == [("lifeboat_main",)]
    [unit] = systemctl.glob("*.service")
    assert subprocess.run(["systemd-analyze", "verify", unit], check=False).returncode == 0
    assert changed(archiving.play(*words, **given)) == 0
    # As the service would run it.
    argv = unit.read_text().partition("ExecStart=")[2].splitlines()[0].split()
    with subprocess.Popen(argv, user="postgres", group="postgres", extra_groups=[], env={}) as running:
        streamed = archiving.home / "store/shop/wal"
        fault_fixtures.wait_until(lambda: list(streamed.glob("*/stream/*/*.lbx")), "a tail")
        running.terminate()
    assert running.returncode == 0

    archiving.play(*words, **given | {"lifeboat_wal_stream": False})
    assert archiving.server.execute("SELECT FROM pg_replication_slots") == []
    assert not unit.exists()


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
    assert "is -1: while nobody streams, the slot" in archiving.play(status=2, lifeboat_wal_stream=True)


def test_a_host_that_may_have_the_digest_key_has_to_be_reached(archiving: Archiving) -> None:
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    said = archiving.play("--limit", "db1", status=2, hosts={"db1": {}, "db2": away})
    assert "db2 cannot be reached, and may archive the same log as db1" in said
    assert not (archiving.home / "etc/wal/main/digest.json").exists()
    # One with another name is another server.
    archiving.play("--limit", "db1", hosts={"db1": {}, "db2": {**away, "lifeboat_cluster": "second"}})
    # Once this host has the key, nobody is asked.
    assert changed(archiving.play("--limit", "db1", hosts={"db1": {}, "db2": away})) == 0


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


@pytest.mark.long
def test_a_copy_recovers_by_wal_fetch_and_does_not_end_early(archiving: Archiving) -> None:
    archiving.play()
    key = archiving.home / "opening.key"
    shutil.copy(archiving.home / "recovery.key", key)
    shutil.chown(key, "postgres", "postgres")
    copy = start_cluster()
    data = f"{copy.directory}/data"
    stop_cluster(copy)
    os.mkdir(copy.directory, 0o755)
    shutil.chown(copy.directory, "postgres", "postgres")
    address = f"host={archiving.server.directory} port={archiving.server.port} user=postgres"
    as_server_user(copy, "pg_basebackup", "-D", data, "-d", address, "-X", "none", "-c", "fast", "--no-manifest")
    names = [archiving.segment() for _segment in range(4)]
    archiving.until(f"SELECT last_archived_wal >= '{names[-1]}' FROM pg_stat_archiver")
    [hole] = (archiving.home / "store/shop/wal").rglob(f"{names[1]}.lbx")
    away = hole.rename(archiving.home / "hole")
    with open(f"{data}/postgresql.conf", "a", encoding="utf-8") as file:
        file.write(f"port = {copy.port}\nunix_socket_directories = '{copy.directory}'\narchive_mode = off\n")
        command = f"{archiving.home}/lifeboat wal-fetch main %f %p --key-file {key}"
        file.write(f"restore_command = '{command}'\nwal_retrieve_retry_interval = 100ms\n")
    log = Path(copy.directory, "log")

    def start(signal: str) -> None:
        Path(data, signal).touch()
        shutil.chown(f"{data}/{signal}", "postgres", "postgres")
        as_server_user(copy, "pg_ctl", "-D", data, "-w", "-l", str(log), "start")

    def said(text: str) -> None:
        fault_fixtures.wait_until(lambda: text in log.read_text(), f"{text!r}, and not {log.read_text()!r}")

    try:
        with contextlib.suppress(subprocess.CalledProcessError):  # it may have answered before it ended
            start("recovery.signal")
        said("could not restore file")
        fault_fixtures.wait_until(lambda: not Path(data, "postmaster.pid").exists(), "the end of the server")
        assert Path(data, "recovery.signal").exists(), "it did not promote itself"

        os.unlink(f"{data}/recovery.signal")
        log.write_text("")
        start("standby.signal")
        said(f"{names[1]} is not in the store, and the store holds")
        assert copy.execute("SELECT pg_is_in_recovery()") == [(True,)]
        away.rename(hole)
        [[tables]] = archiving.server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        there = f"SELECT count(*) = {tables} FROM pg_tables WHERE schemaname = 'public'"
        fault_fixtures.wait_until(lambda: copy.execute(there) == [(True,)], "the end of the log")
        assert copy.execute("SELECT pg_promote()") == [(True,)]
    finally:
        stop_cluster(copy)

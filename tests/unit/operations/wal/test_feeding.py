# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server without a key gets its log by a socket, and never takes an error for the end of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import feed_client, feeding
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.lineage import Branch
from wal_fixtures import Archive, segment

NAMES = [f"0000000100000000000000{number:02X}" for number in range(1, 13)]


@pytest.fixture
def place(archive: Archive, tmp_path: Path) -> Path:
    for name in NAMES:
        assert archive.push(archive.write(name)) == 0
    deep = tmp_path / ("deep" * 20) / ("deeper" * 10)
    deep.mkdir(parents=True)
    return deep


def fed(archive: Archive, place: Path) -> feeding.Feed:
    return feeding.Feed(archive.reader(), str(place), Branch(1), (os.geteuid(), os.getegid()))


def asked(place: Path, name: str, destination: Path) -> int:
    """Run restore_command and return its exit status."""
    program = Path(feed_client.__file__)
    done = subprocess.run([sys.executable, "-I", "-S", program, place, name, destination], check=False)
    return done.returncode


def test_a_recovery_reads_the_log_to_its_end(archive: Archive, place: Path, tmp_path: Path) -> None:
    taken = tmp_path / "RECOVERYXLOG"
    with fed(archive, place).served():
        for name in NAMES:
            assert asked(place, name, taken) == 0
            assert taken.read_bytes() == segment(name)
        assert asked(place, "00000001000000000000000D", taken) == 1
        assert asked(place, "00000002.history", taken) == 1
        assert asked(place, "../recovery.key", taken) == 200
        assert asked(place, "recovery.key", taken) == 200
    assert asked(place, NAMES[0], taken) == 200, "nobody answers any more"


def test_what_comes_next_is_there_before_it_is_asked_for(archive: Archive, place: Path, tmp_path: Path) -> None:
    feed = fed(archive, place)
    with feed.served():
        assert asked(place, NAMES[0], tmp_path / "x") == 0
        assert asked(place, NAMES[1], tmp_path / "x") == 0
        for running in list(feed._running.values()):
            running.result()
        shutil.move(archive.home / "store", archive.home / "elsewhere")
        for name in NAMES[2:10]:
            assert asked(place, name, tmp_path / "x") == 0
            assert (tmp_path / "x").read_bytes() == segment(name)
        assert asked(place, NAMES[11], tmp_path / "x") == 200
    assert "does not exist" in feed.failures[-1].cause
    assert feed.given == 10


def test_a_hole_stops_the_server_and_its_cause_is_kept(archive: Archive, place: Path, tmp_path: Path) -> None:
    archive.path(NAMES[4]).unlink()
    feed = fed(archive, place)
    with feed.served():
        assert [asked(place, name, tmp_path / "x") for name in NAMES[:5]] == [0, 0, 0, 0, 200]
    assert NAMES[4] in feed.failures[-1].cause


def test_a_file_that_lies_ready_belongs_to_the_server(archive: Archive, place: Path, tmp_path: Path) -> None:
    feed = feeding.Feed(archive.reader(), str(place), Branch(1), (65534, 65534))
    with feed.served():
        assert asked(place, NAMES[0], tmp_path / "x") == 0
        assert os.stat(feed_client.address(str(place))).st_gid == 65534
    found = os.stat(tmp_path / "x")
    assert (found.st_uid, found.st_mode & 0o777) == (65534, 0o600)


def test_whether_there_is_a_file_elsewhere_is_not_told(archive: Archive, place: Path) -> None:
    (place / "there").touch()
    with fed(archive, place).served():
        for name in ("../there", "../gone", "/etc/passwd"):
            with socket.socket(socket.AF_UNIX) as connection:
                feed_client.at(connection, feed_client.address(str(place)), "connect")
                connection.sendall(f"{name}\n".encode())
                assert connection.recv(16) == b"200\n"

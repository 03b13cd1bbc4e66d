# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A destination changes at once or not at all, and nothing private stays beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files import staging
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Busy, StoreError

if t.TYPE_CHECKING:
    from pathlib import Path


def build(place: staging.Staging, text: str) -> None:
    os.mkdir(staging.CONTENT, dir_fd=place.handle)
    handle = os.open(staging.CONTENT + b"/file", os.O_WRONLY | os.O_CREAT, dir_fd=place.handle)
    os.write(handle, text.encode())
    os.close(handle)


def replace(dest: Path) -> None:
    with staging.Staging(str(dest)) as place:
        build(place, "fresh")
        place.place(replace=True)


def test_a_directory_takes_its_place(tmp_path: Path) -> None:
    with staging.Staging(str(tmp_path / "dest")) as place:
        build(place, "fresh")
        assert os.listdir(tmp_path) != ["dest"]
        place.place(replace=False)
    assert os.listdir(tmp_path) == ["dest"]
    assert (tmp_path / "dest" / "file").read_text() == "fresh"


@pytest.mark.parametrize("exchange", [True, False])
def test_a_directory_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool) -> None:
    if not exchange:
        monkeypatch.setattr(staging, "_exchange", lambda *_: False)
    (tmp_path / "dest" / "old").mkdir(parents=True)
    (tmp_path / "dest" / "old").chmod(0)
    replace(tmp_path / "dest")
    assert os.listdir(tmp_path) == ["dest"]
    assert os.listdir(tmp_path / "dest") == ["file"]


def test_the_old_directory_comes_back_when_the_rename_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_exchange", lambda *_: False)
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest" / "old").write_text("old")
    real = os.rename

    def rename(source: t.Any, target: t.Any, **options: t.Any) -> None:
        if source == staging.CONTENT:
            raise OSError(5, "Input/output error")
        real(source, target, **options)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(StoreError):
        replace(tmp_path / "dest")
    assert os.listdir(tmp_path) == ["dest"]
    assert (tmp_path / "dest" / "old").read_text() == "old"


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_appeared_meanwhile_is_not_replaced(tmp_path: Path, kind: str) -> None:
    dest = tmp_path / "dest"
    with staging.Staging(str(dest)) as place:
        build(place, "fresh")
        dest.write_text("theirs") if kind == "file" else dest.mkdir()
        with pytest.raises(Busy):
            place.place(replace=False)
    assert os.listdir(tmp_path) == ["dest"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(KeyError), staging.Staging(str(tmp_path / "dest")) as place:
        build(place, "fresh")
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_the_staging_directory_is_private(tmp_path: Path) -> None:
    with staging.Staging(str(tmp_path / "dest")):
        (only,) = tmp_path.iterdir()
        assert only.stat().st_mode & 0o7777 == 0o700


KILLED = """
import os, sys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files import staging
with staging.Staging(sys.argv[1]) as place:
    os.mkdir(staging.CONTENT, dir_fd=place.handle)
    os.mkdir(staging.CONTENT + b"/secret", dir_fd=place.handle)
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_what_a_killed_run_left_is_removed_by_the_next_and_a_running_one_is_let_alone(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "dest")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        with staging.Staging(str(tmp_path / "dest")):
            assert len(os.listdir(tmp_path)) == 2
        assert len(os.listdir(tmp_path)) == 1
        other.send_signal(signal.SIGKILL)
    assert len(os.listdir(tmp_path)) == 1
    with staging.Staging(str(tmp_path / "dest")):
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


def test_removing_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "victim").write_text("x")
    (tmp_path / "doomed" / "deep").mkdir(parents=True)
    (tmp_path / "doomed" / "deep" / "way").symlink_to(tmp_path / "outside")
    handle = os.open(tmp_path, os.O_RDONLY)
    staging.remove(handle, b"doomed")
    os.close(handle)
    assert os.listdir(tmp_path) == ["outside"]
    assert (tmp_path / "outside" / "victim").exists()


def test_removing_enters_no_other_file_system(tmp_path: Path) -> None:
    place = tmp_path / "doomed" / "mounted"
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)
    try:
        (place / "victim").write_text("x")
        handle = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(OSError, match="busy"):
            staging.remove(handle, b"doomed")
        os.close(handle)
        assert (place / "victim").exists()
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_an_old_directory_that_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dest" / "old").mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(staging, "remove", refuse)
    with pytest.raises(StoreError, match=r"is replaced, but.*\.lifeboat-opening-"):
        replace(tmp_path / "dest")
    assert os.listdir(tmp_path / "dest") == ["file"]


def test_mount_points_are_found_at_and_below_a_path(tmp_path: Path) -> None:
    info = tmp_path / "mountinfo"
    info.write_text(
        "22 1 8:1 / / rw - ext4 /dev/a rw\n"
        f"23 22 8:2 / {tmp_path}/a\\040b/inner rw - ext4 /dev/b rw\n"
        f"24 22 8:3 / {tmp_path}/a\\040bc rw - ext4 /dev/c rw\n"
    )
    assert staging.mounts_below(str(tmp_path / "a b"), str(info)) == [f"{tmp_path}/a b/inner"]
    assert staging.mounts_below(str(tmp_path / "a b" / "inner"), str(info)) == [f"{tmp_path}/a b/inner"]
    assert staging.mounts_below(str(tmp_path / "a"), str(info)) == []


def test_removing_changes_nothing_outside_of_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    for name in ("a", "b"):
        (tmp_path / "tree" / name).mkdir(parents=True)

    def exchange_the_other(own: bytes, *, dir_fd: int) -> None:
        """Do what the tree's owner can: put a link in the place of a directory that waits to be removed."""
        monkeypatch.undo()
        other = tmp_path / "tree" / ({"a", "b"} - {own.decode()}).pop()
        other.rename(tmp_path / "aside")
        other.symlink_to(elsewhere)
        os.rmdir(own, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", exchange_the_other)
    parent = os.open(tmp_path, os.O_RDONLY)
    with contextlib.suppress(OSError):
        staging.remove(parent, b"tree")
    os.close(parent)
    assert elsewhere.stat().st_mode & 0o777 == 0o755

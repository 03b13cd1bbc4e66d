# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files appear whole or not at all, and refusals of the system name the path."""

from __future__ import annotations

import os
import stat
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import disk
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AlreadyExists,
    NotFound,
    StoreError,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Boom(Exception):
    pass


def breaking() -> Iterator[bytes]:
    yield b"half"
    raise Boom


def test_writing_gives_the_size_and_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert disk.write_atomically(str(path), [b"one", b"", b"two"]) == 6
    assert path.read_bytes() == b"onetwo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_has_the_mode_that_was_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        disk.write_atomically(str(tmp_path / "a"), [b"x"], mode=0o644)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


@pytest.mark.parametrize("shared", [True, False])
def test_what_root_shares_belongs_to_the_directorys_owner(tmp_path: Path, shared: bool) -> None:
    os.chown(tmp_path, 12345, 12346)
    disk.write_atomically(str(tmp_path / "a"), [b"x"], shared=shared)
    made = (tmp_path / "a").stat()
    assert (made.st_uid, made.st_gid) == ((12345, 12346) if shared else (os.geteuid(), os.getegid()))
    assert stat.S_IMODE(made.st_mode) == 0o600


def test_an_error_of_the_producer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(Boom):
        disk.write_atomically(str(path), breaking())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_create_only_keeps_what_is_there(tmp_path: Path) -> None:
    path = str(tmp_path / "a")
    disk.write_atomically(path, [b"first"], replace=False)
    with pytest.raises(AlreadyExists, match="already exists") as caught:
        disk.write_atomically(path, [b"second"], replace=False)
    assert caught.value.details["path"] == path
    assert b"".join(disk.read_blocks(path)) == b"first"
    assert os.listdir(tmp_path) == ["a"]


def test_create_only_does_not_follow_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AlreadyExists):
        disk.write_atomically(str(tmp_path / "a"), [b"x"], replace=False)
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "no" / "a")
    with pytest.raises(NotFound, match="No such file") as caught:
        disk.write_atomically(path, [b"x"])
    assert path in str(caught.value)
    with pytest.raises(NotFound):
        list(disk.read_blocks(path))


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="Not a directory"):
        disk.write_atomically(str(tmp_path / "file" / "a"), [b"x"])


def test_whatever_the_disk_refuses_there_is_something_to_do(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    for name, said in {"directory": "move it away", "circle": "Check that path"}.items():
        with pytest.raises(StoreError, match=said):
            list(disk.read_blocks(str(tmp_path / name)))


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 4, b"3456"),
        (8, 9, b"89"),
        (10, 1, b""),
        (99, 1, b""),
        (2, 0, b""),
    ],
)
def test_reading_ranges(tmp_path: Path, start: int, length: int | None, expected: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert b"".join(disk.read_blocks(str(path), start, length, block=3)) == expected


@pytest.mark.parametrize("replace", [True, False])
def test_every_step_is_durable_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool) -> None:
    steps: list[str] = []

    def watch(name: str, told: t.Callable[..., str]) -> None:
        real = getattr(os, name)

        def call(*arguments: t.Any, **options: t.Any) -> t.Any:
            steps.append(told(*arguments))
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    def which(handle: int, *_rest: object) -> str:
        return "directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"

    watch("write", lambda *a: f"write {which(*a)}")
    watch("fsync", lambda *a: f"fsync {which(*a)}")
    watch("rename", lambda *_a: "rename")
    watch("link", lambda *_a: "link")
    disk.write_atomically(str(tmp_path / "a"), [b"1", b"2"], replace=replace)
    moved = "rename" if replace else "link"
    assert steps == ["write file", "write file", "fsync file", moved, "fsync directory"]

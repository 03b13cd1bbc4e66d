# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tree becomes one stream: complete, in one order, and never the half of something."""

from __future__ import annotations

import io
import os
import random
import socket
import tarfile
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files import names, staging, tar
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.identity import Identity, Rules
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.packing import Packer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.selection import Selection
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.walking import Tree
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    Busy,
    RecoveryError,
    UsageError,
)

if t.TYPE_CHECKING:
    from pathlib import Path


def tree_of(*paths: object, exclude: tuple[str, ...] = (), left_out: list[str] | None = None) -> Tree:
    noted: list[str] = [] if left_out is None else left_out
    return Tree([str(path) for path in paths], Selection(exclude), noted.append)


def pack(*paths: object, exclude: tuple[str, ...] = (), left_out: list[str] | None = None) -> bytes:
    return b"".join(Packer(tree_of(*paths, exclude=exclude, left_out=left_out), Identity(Rules())))


def listed(stream: bytes) -> list[bytes]:
    return [member.name for member, _contents in tar.read_members([stream])]


def test_the_order_is_the_same_whatever_order_the_disk_has(tmp_path: Path) -> None:
    stems = [f"f{number}" for number in range(30)]
    for root in ("one", "two"):
        random.Random(root).shuffle(stems)
        (tmp_path / root / "sub").mkdir(parents=True)
        for stem in stems:
            (tmp_path / root / stem).write_text(stem)
            (tmp_path / root / "sub" / stem).write_text(stem)
    found = listed(pack(tmp_path / "one"))
    assert found == listed(pack(tmp_path / "two"))
    assert found == [b".", *sorted(name for name in found if name.startswith(b"f")), b"sub", *found[32:]]


def test_other_programs_read_every_name(tree: str, tmp_path: Path) -> None:
    stream = pack(tree)
    with tarfile.open(fileobj=io.BytesIO(stream)) as other:
        found = {os.fsencode(member.name) for member in other.getmembers()}
    there = {b"."}
    for base, directories, files in os.walk(os.fsencode(tree)):
        there |= {os.path.relpath(os.path.join(base, name), os.fsencode(tree)) for name in directories + files}
    assert found == there


def test_one_file_is_one_member(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert listed(pack(tmp_path / "a")) == [b"a"]


def test_several_paths_stand_beside_each_other(tmp_path: Path) -> None:
    (tmp_path / "b" / "inner").mkdir(parents=True)
    (tmp_path / "a").write_text("x")
    (tmp_path / "c").symlink_to("b")
    assert listed(pack(tmp_path / "c", tmp_path / "b", tmp_path / "a")) == [
        b".",
        b"a",
        b"b",
        b"b/inner",
        b"c",
        b"c/inner",
    ]


def test_hard_links_are_stored_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(5000))
    os.link(tmp_path / "a", tmp_path / "b")
    members = {member.name: member for member, _contents in tar.read_members([pack(tmp_path)])}
    assert (members[b"b"].kind, members[b"b"].target, members[b"b"].size) == (tar.HARD_LINK, b"a", 0)


def test_links_are_kept_as_links_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "way").symlink_to("../secret")
    assert listed(pack(tmp_path / "tree")) == [b".", b"way"]


def test_sockets_and_pipes_are_left_out_and_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    left_out: list[str] = []
    assert listed(pack(tmp_path, left_out=left_out)) == [b"."]
    assert [line.split(" is ")[0] for line in left_out] == [f"{tmp_path}/pipe\\n", f"{tmp_path}/socket"]


def test_what_is_left_out_takes_everything_below_along(tmp_path: Path) -> None:
    (tmp_path / "cache" / "deep").mkdir(parents=True)
    (tmp_path / "keep").write_text("x")
    assert listed(pack(tmp_path, exclude=("cache",))) == [b".", b"keep"]


def test_a_path_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing does not exist"):
        tree_of(tmp_path, tmp_path / "missing")


def test_paths_that_end_alike_are_refused(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name / "same").mkdir(parents=True)
    with pytest.raises(UsageError, match="same"):
        tree_of(tmp_path / "x" / "same", tmp_path / "y" / "same")


@pytest.mark.parametrize("path", ["/dev/null", "/dev/tty"])
def test_a_device_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        tree_of(path)


class During:
    """Does something to the tree when a given member's contents are first asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, act: t.Callable[[], object]) -> None:
        real, done = os.read, []

        def read(handle: int, size: int) -> bytes:
            block = real(handle, min(size, 1000))
            if not done:
                done.append(True)
                act()
            return block

        monkeypatch.setattr(os, "read", read)


@pytest.mark.parametrize(
    "mode", [pytest.param("ab", id="grows"), pytest.param("wb", id="shrinks"), pytest.param("r+b", id="is rewritten")]
)
def test_a_file_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    victim = tmp_path / "a\nlog"
    victim.write_bytes(b"x" * 5000)
    os.utime(victim, (1, 1))

    def act() -> None:
        with open(victim, mode) as file:
            file.write(b"y")

    During(monkeypatch, act)
    with pytest.raises(Busy, match=r"a\\nlog"):
        pack(tmp_path)


def test_an_entry_that_vanishes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x" * 5000)
    (tmp_path / "sub").mkdir()
    During(monkeypatch, (tmp_path / "sub").rmdir)
    with pytest.raises(Busy, match="sub disappeared"):
        pack(tmp_path)


def test_a_directory_that_becomes_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "z").write_bytes(b"x" * 5000)  # read after its sibling was found, before that is entered
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("x")

    def act() -> None:
        (root / "sub").rmdir()
        (root / "sub").symlink_to("../secret")

    During(monkeypatch, act)
    with pytest.raises(Busy):
        pack(root)


@pytest.mark.parametrize("becomes", ["link", "pipe", "other file"])
def test_a_file_that_becomes_something_else_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    (tmp_path / "a").write_text("x")
    other = tmp_path.parent / f"{tmp_path.name}-other"
    real = os.stat

    def stat_then_swap(path: t.Any, *args: t.Any, **options: t.Any) -> os.stat_result:
        info = real(path, *args, **options)
        if path == b"a":
            (tmp_path / "a").rename(other)
            {"link": lambda: (tmp_path / "a").symlink_to(other), "pipe": lambda: os.mkfifo(tmp_path / "a")}.get(
                becomes, lambda: (tmp_path / "a").write_text("y")
            )()
        return info

    monkeypatch.setattr(os, "stat", stat_then_swap)
    with pytest.raises(Busy):
        pack(tmp_path)


def as_nobody(work: t.Callable[[], object]) -> type[RecoveryError] | None:
    """Run `work` as a user without rights, in a child, and give the error that it raised."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            work()
            status = 0
        except RecoveryError as exc:
            status = exc.exit_code
        finally:
            os._exit(status)
    return {AccessDenied.exit_code: AccessDenied, UsageError.exit_code: UsageError, 0: None}[
        os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ]


@pytest.mark.parametrize("what", ["file", "directory"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, what: str) -> None:
    for path in [tmp_path, *tmp_path.parents][:-1]:
        if path.stat().st_uid == os.geteuid():
            path.chmod(path.stat().st_mode | 0o055)
    target = tmp_path / "tree" / what
    target.parent.mkdir()
    target.mkdir() if what == "directory" else target.write_text("x")
    target.chmod(0)
    assert as_nobody(lambda: pack(tmp_path / "tree")) is AccessDenied
    assert as_nobody(lambda: pack(tmp_path / "tree", exclude=(what,))) is None


def test_a_large_file_passes_in_bounded_pieces(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(64 << 20)
    assert max(len(block) for block in Packer(tree_of(tmp_path), Identity(Rules()))) <= tar.PIECE


def test_a_tree_deeper_than_a_path_can_be_is_packed_whole(tmp_path: Path) -> None:
    depth = 1200  # 1200 * 5 bytes: deeper than PATH_MAX, and than Python recurses
    top = os.open(tmp_path, os.O_RDONLY)
    handle = os.dup(top)
    for _level in range(depth):
        os.mkdir("deep", dir_fd=handle)
        inner = os.open("deep", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    try:
        assert len(listed(pack(tmp_path / "deep"))) == depth
    finally:
        staging.remove(top, b"deep")  # pytest, which would have to, recurses
        os.close(top)
    assert os.listdir(tmp_path) == []


def test_the_listing_sees_every_change_but_reading(tree: str) -> None:
    def digest() -> str:
        return tree_of(tree).listing().digest

    first = digest()
    pack(tree)
    assert digest() == first
    path = os.path.join(tree, "with space")
    times = os.stat(path)
    with open(path, "r+b") as file:
        file.write(b"W")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # hidden from everything but the change time
    second = digest()
    assert second != first
    os.chmod(path, 0o641)
    assert digest() != second


def test_names_are_shown_on_one_line() -> None:
    assert names.shown(b"a\nb\xff\x1b[0m") == "a\\nb\\xff\\x1b[0m"

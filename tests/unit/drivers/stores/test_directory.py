# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory store beside what other hands put there: links, modes, leftovers, and what is not mounted."""

from __future__ import annotations

import datetime
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import disk
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import NotFound, StoreError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    root.mkdir(mode=0o700)
    return root


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(str(root))


@pytest.fixture
def open_root() -> t.Iterator[Path]:
    """A store that other accounts reach; pytest lets nobody else into its directories."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def names(store: DirectoryStore, prefix: str = "") -> list[str]:
    return [info.name for info in store.list(prefix)]


def test_only_the_owner_can_read(root: Path, store: DirectoryStore) -> None:
    previous = os.umask(0)
    try:
        store.put("a/b/c", [b"x"])
    finally:
        os.umask(previous)
    assert stat.S_IMODE((root / "a" / "b" / "c").stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root / "a", root / "a" / "b")} == {0o700}


def test_what_root_writes_belongs_to_the_owner_of_the_store(root: Path, store: DirectoryStore) -> None:
    owner = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(root, *owner)
    store.put("shop/kit/start.py", [b"x"])
    made = [root / "shop", root / "shop/kit", root / "shop/kit/start.py"]
    assert [(path.stat().st_uid, path.stat().st_gid) for path in made] == [owner] * 3


@pytest.mark.parametrize("umask", [0o007, 0o022, 0o077])
def test_what_two_accounts_share_stays_shared(root: Path, store: DirectoryStore, umask: int) -> None:
    """Whoever is in the group may read and remove it; what lies beside it is its owner's alone."""
    (root / "shop").mkdir(mode=0o700)
    (root / "shop/wal").mkdir()
    (root / "shop/wal").chmod(0o2770)
    previous = os.umask(umask)
    try:
        store.put("shop/wal/1/2/a", [b"x"])
        store.put_new("shop/wal/1/2/b", b"x")
        store.put("shop/data/a", [b"x"])
    finally:
        os.umask(previous)
    modes = {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert modes == {
        "shop": 0o700,
        "shop/data": 0o700,
        "shop/data/a": 0o600,
        "shop/wal": 0o2770,
        "shop/wal/1": 0o2770,
        "shop/wal/1/2": 0o2770,
        "shop/wal/1/2/a": 0o660,
        "shop/wal/1/2/b": 0o660,
    }


def test_what_one_account_writes_the_other_may_remove(open_root: Path) -> None:
    """The one that writes is not in the group: its umask lets the bit pass on."""
    root = open_root
    writer, remover, group = (65533, 65534, 65532) if os.geteuid() == 0 else (os.geteuid(), os.geteuid(), os.getegid())
    os.chown(root, remover, group)
    root.chmod(0o711)
    (root / "wal").mkdir()
    os.chown(root / "wal", writer, group)
    (root / "wal").chmod(0o2770)
    as_account(writer, writer, lambda: (os.umask(0o007), DirectoryStore(str(root)).put("wal/1/2/a", [b"x"])))
    made = [root / "wal/1", root / "wal/1/2", root / "wal/1/2/a"]
    assert [(path.stat().st_uid, path.stat().st_gid) for path in made] == [(writer, group)] * 3
    as_account(remover, group, lambda: DirectoryStore(str(root)).delete("wal/1/2/a"))
    # The directory that was made for both stays: the writer could not make it again.
    assert [path.name for path in root.rglob("*")] == ["wal"]


def as_account(user: int, group: int, act: t.Callable[[], object]) -> None:
    """Do something as another account, in a process of its own."""
    done = os.fork()
    if not done:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(group)
                os.setuid(user)
            act()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(done, 0)[1] == 0


def test_a_root_that_is_not_mounted_is_an_error(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path / "gone"))
    for attempt in (
        lambda: store.put("a", [b"x"]),
        lambda: store.put_new("a", b"x"),
        lambda: next(store.get("a")),
        lambda: store.head("a"),
        lambda: list(store.list("")),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreError, match=r"gone does not exist\. Mount") as caught:
            attempt()
        assert not isinstance(caught.value, NotFound)
    assert not (tmp_path / "gone").exists()


def test_links_lead_nowhere(root: Path, store: DirectoryStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (root / "directory").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    store.put("real", [b"x"])
    for attempt in (
        lambda: names(store),
        lambda: names(store, "f"),
        lambda: next(store.get("file")),
        lambda: next(store.get("directory/secret")),
        lambda: store.head("file"),
        lambda: store.put("directory/b", [b"x"]),
        lambda: store.put("file", [b"x"]),
        lambda: store.delete("directory/secret"),
        lambda: names(store, "directory/"),
    ):
        with pytest.raises(StoreError, match="is a symbolic link"):
            attempt()
    assert os.listdir(outside) == ["secret"]


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    DirectoryStore(str(tmp_path / "link")).put("a", [b"x"])
    assert (root / "a").read_bytes() == b"x"


def test_unfinished_files_and_empty_directories_are_not_listed(root: Path, store: DirectoryStore) -> None:
    store.put("a/b", [b"x"])
    (root / "a" / f"{disk.TEMPORARY_PREFIX}0123").write_bytes(b"half")
    (root / "empty").mkdir()
    assert names(store) == ["a/b"]
    assert names(store, "empty/") == names(store, "none/") == []


@pytest.mark.parametrize("kind", ["pipe", "link", "link to nothing"])
def test_what_is_no_object_is_an_error_that_names_it(root: Path, store: DirectoryStore, kind: str) -> None:
    """Whatever should be there in its place would otherwise seem not to exist."""
    store.put("a/b", [b"x"])
    if kind == "pipe":
        os.mkfifo(root / "a" / "odd")
    else:
        (root / "a" / "odd").symlink_to(root / ("a" if kind == "link" else "none"))
    for attempt in (lambda: names(store), lambda: names(store, "a/"), lambda: names(store, "a/o")):
        with pytest.raises(StoreError, match="a/odd is ") as caught:
            attempt()
        assert caught.value.remedy
    assert names(store, "a/b") == ["a/b"]


def test_a_file_where_a_directory_belongs_is_an_error(store: DirectoryStore) -> None:
    store.put("a", [b"x"])
    with pytest.raises(StoreError, match="a cannot be used: Not a directory"):
        names(store, "a/")


def test_the_order_is_that_of_whole_names(store: DirectoryStore) -> None:
    wanted = ["a-b", "a.b", "a/a", "a/b/c", "a/b0", "a0", "b", "ä"]
    for name in reversed(wanted):
        store.put(name, [b"x"])
    assert names(store) == wanted == sorted(wanted)
    for after in [*wanted, "a", "a/", "a/b/", "a/b/z", "0", "\U0001f600"]:
        assert [info.name for info in store.list("", after)] == [name for name in wanted if name > after]
        assert [info.name for info in store.list("a/", after)] == [name for name in wanted[2:5] if name > after]


def test_a_listing_looks_into_no_directory_that_it_has_passed(root: Path, store: DirectoryStore) -> None:
    store.put("b/x", [b"x"])
    (root / "a").mkdir()
    (root / "a" / "strange").symlink_to("/")
    with pytest.raises(StoreError, match="a symbolic link"):
        names(store)
    assert [info.name for info in store.list("", "a/z")] == ["b/x"]


def test_empty_directories_go_with_their_last_object(root: Path, store: DirectoryStore) -> None:
    store.put("a/b/c", [b"x"])
    store.put("a/d", [b"x"])
    store.delete("a/b/c")
    assert os.listdir(root / "a") == ["d"]
    store.delete("a/d")
    assert os.listdir(root) == []


def test_writing_beside_deleting(store: DirectoryStore) -> None:
    """A directory may vanish between being made and being used; the write must not notice."""
    stop = threading.Event()

    def delete_all_the_time() -> None:
        while not stop.is_set():
            store.put("a/b/other", [b"x"])
            store.delete("a/b/other")

    thread = threading.Thread(target=delete_all_the_time)
    thread.start()
    try:
        for number in range(150):
            store.put(f"a/b/{number}", [b"x"])
            store.delete(f"a/b/{number}")
    finally:
        stop.set()
        thread.join()
    assert names(store) == []


def test_a_name_below_an_object_is_refused_with_the_reason(store: DirectoryStore) -> None:
    store.put("a", [b"x"])
    with pytest.raises(StoreError, match="Not a directory"):
        store.put("a/b", [b"x"])
    with pytest.raises(NotFound):
        store.head("a/b")


def test_a_new_directory_is_durable_before_what_is_put_into_it(
    root: Path, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    mkdir, rename, sync = os.mkdir, os.rename, disk.sync_directory

    def watched_mkdir(path: str, mode: int) -> None:
        steps.append(f"mkdir {os.path.relpath(path, root)}")
        mkdir(path, mode)

    def watched_rename(old: str, new: str) -> None:
        steps.append(f"rename {os.path.relpath(new, root)}")
        rename(old, new)

    def watched_sync(path: str) -> None:
        steps.append(f"sync {os.path.relpath(path, root)}")
        sync(path)

    monkeypatch.setattr(os, "mkdir", watched_mkdir)
    monkeypatch.setattr(os, "rename", watched_rename)
    monkeypatch.setattr(disk, "sync_directory", watched_sync)
    store.put("a/b/c", [b"x"])
    assert steps == ["mkdir a", "sync .", "mkdir a/b", "sync a", "rename a/b/c", "sync a/b"]


LATER = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
ENDLESS = """
import sys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore

def chunks():
    yield b"0123456789"
    print("written", flush=True)
    sys.stdin.read()

DirectoryStore(sys.argv[1]).put("shop/data/b/0001", chunks())
"""


def unfinished(store: DirectoryStore) -> list[str]:
    return [info.name for info in store.unfinished("shop/")]


def test_what_a_killed_writer_left_can_be_removed_and_not_before_it_died(root: Path, store: DirectoryStore) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(root)],
        env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"written\n"
    (left,) = store.unfinished("shop/")
    assert (os.path.dirname(left.name), left.size) == ("shop/data/b", 10)
    assert not store.abort(left.name, LATER)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert not store.abort(left.name, left.modified - datetime.timedelta(seconds=1))
    assert unfinished(store) == [left.name]
    assert names(store) == []
    assert store.abort(left.name, LATER)
    assert not store.abort(left.name, LATER)
    assert list(root.iterdir()) == []


def test_only_what_a_writer_of_ours_makes_is_unfinished(root: Path, store: DirectoryStore, tmp_path: Path) -> None:
    store.put("shop/a", [b"x"])
    store.put("crm/a", [b"x"])
    ours = ".lifeboat-0123456789abcdef"
    (tmp_path / "outside").write_bytes(b"x")
    (root / "shop" / f"{ours}0").write_bytes(b"x")
    (root / "shop" / ".lifeboat-note").write_bytes(b"x")
    (root / "shop" / ".lifeboat-00000000000000aa").mkdir()
    (root / "shop" / ".lifeboat-00000000000000bb").symlink_to(tmp_path / "outside")
    (root / "crm" / ours).write_bytes(b"x")
    os.mkfifo(root / "shop" / ".lifeboat-00000000000000cc")
    assert unfinished(store) == []
    for path in (root / "shop").iterdir():
        assert not store.abort(f"shop/{path.name}", LATER)
    assert len(list((root / "shop").iterdir())) == 6
    (root / "shop" / ours).write_bytes(b"x")
    assert unfinished(store) == [f"shop/{ours}"]


def test_a_write_whose_file_was_taken_for_a_leftover_begins_anew(
    root: Path, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making of a file and its lock somebody may remove it who was told to wait for nothing."""
    lock, taken = disk.fcntl.flock, []

    def late(handle: int, operation: int) -> None:
        if not taken:
            taken.extend(unfinished(store))
            monkeypatch.setattr(disk.fcntl, "flock", lock)
            assert store.abort(taken[0], LATER)
        lock(handle, operation)

    monkeypatch.setattr(disk.fcntl, "flock", late)
    store.put("shop/a", [b"x"])
    assert len(taken) == 1
    assert b"".join(store.get("shop/a")) == b"x"
    assert unfinished(store) == []

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every store promises, tried on each of them."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import versioned
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AlreadyExists,
    NotFound,
    StoreError,
    UsageError,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store

MIB = 1 << 20

ODD_NAMES = (
    "app/manifests/main/caf%C3%A9%20%2F/x.json",
    "a b/c&d=e;f",
    "a+b/~c/(d)/!e/*f/'g'",
    "ä/ö/😀",
    "back\\slash",
    'quo"te#hash?mark',
    "[x]{y}|z^`<>",
    ".hidden/..x/y..",
    "-dash/--rm",
    "per%20cent/100%/%2e%2e",
)


def pattern(size: int) -> bytes:
    """Make bytes in which every place can be told from every other."""
    return b"".join(number.to_bytes(8, "big") for number in range(size // 8 + 1))[:size]


def read(store: Store, name: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join(store.get(name, start, length))


def names(store: Store, prefix: str = "", after: str = "") -> list[str]:
    return [info.name for info in store.list(prefix, after)]


def test_what_is_put_is_what_is_read(store: Store) -> None:
    data = pattern(3 * MIB + 5)
    assert store.put("a/b", [data[:10], b"", data[10:MIB], data[MIB:]]) == len(data)
    blocks = list(store.get("a/b"))
    assert b"".join(blocks) == data
    assert max(map(len, blocks)) <= MIB


def test_an_object_of_many_parts_and_ranges(store: Store) -> None:
    data = pattern(21 * MIB + 1)
    assert store.put("big", iter([data[at : at + MIB] for at in range(0, len(data), MIB)]), part_size=5 * MIB)
    assert read(store, "big") == data
    assert store.head("big").size == len(data)


@pytest.mark.parametrize("size", [5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 8 * MIB, 8 * MIB + 1, 16 * MIB])
def test_sizes_around_the_borders_of_parts_and_ranges(store: Store, size: int) -> None:
    data = pattern(size)
    assert store.put("a", [data], part_size=5 * MIB) == size
    assert read(store, "a") == data


def test_put_replaces(store: Store) -> None:
    store.put("a", [b"long content"])
    store.put("a", [b"short"])
    assert read(store, "a") == b"short"


@pytest.mark.parametrize("chunks", [[], [b""], [b"", b""]])
def test_an_empty_object_is_an_object(store: Store, chunks: list[bytes]) -> None:
    assert store.put("empty", chunks) == 0
    assert read(store, "empty") == b""
    assert read(store, "empty", 5, 5) == b""
    assert store.head("empty").size == 0
    assert names(store) == ["empty"]


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 0), (0, 1), (0, 100), (3, 4), (99, 1), (99, 50), (100, 1), (5000, 1), (0, 5000), (7, None), (100, None)],
)
def test_ranges_are_cut_at_the_end(store: Store, start: int, length: int | None) -> None:
    data = pattern(100)
    store.put("a", [data])
    assert read(store, "a", start, length) == data[start : None if length is None else start + length]


def test_a_range_that_crosses_requests(store: Store) -> None:
    data = pattern(17 * MIB)
    store.put("a", [data])
    assert read(store, "a", 8 * MIB - 3, 8 * MIB + 6) == data[8 * MIB - 3 : 16 * MIB + 3]


def test_head_tells_size_and_time(store: Store) -> None:
    store.put("a/b", [b"12345"])
    info = store.head("a/b")
    assert (info.name, info.size) == ("a/b", 5)
    assert abs(info.modified - datetime.now(UTC)) < timedelta(minutes=1)
    assert list(store.list("")) == [info] or abs(next(store.list("")).modified - info.modified) < timedelta(seconds=1)


@pytest.mark.parametrize("name", ["a/nothing", "a", "a/b/c", "elsewhere/x"])
def test_what_is_not_there_is_not_found(store: Store, name: str) -> None:
    store.put("a/b", [b"x"])
    with pytest.raises(NotFound):
        store.head(name)
    with pytest.raises(NotFound):
        next(store.get(name))
    with pytest.raises(NotFound):
        list(store.get(name, 5, 0))


def test_put_new_writes_once(store: Store) -> None:
    store.put_new("a/b.json", b"first")
    for data in (b"second", b"first"):
        with pytest.raises(AlreadyExists, match="already"):
            store.put_new("a/b.json", data)
    assert read(store, "a/b.json") == b"first"


def test_put_new_has_one_winner(store: Store) -> None:
    barrier = threading.Barrier(6)

    def race(runner: int) -> int | None:
        barrier.wait()
        try:
            store.put_new("lock", b"%d" % runner)
        except AlreadyExists:
            return None
        return runner

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        winners = [runner for runner in pool.map(race, range(6)) if runner is not None]
    assert [b"%d" % winner for winner in winners] == [read(store, "lock")]


def test_delete_is_no_error_twice(store: Store) -> None:
    store.put("a/b/c", [b"x"])
    store.put("a/d", [b"x"])
    for _attempt in range(2):
        store.delete("a/b/c")
    store.delete("a")
    store.delete("never/was")
    assert names(store) == ["a/d"]


def test_a_name_can_be_used_again_after_its_deletion(store: Store) -> None:
    store.put("a/b/c", [b"x"])
    store.delete("a/b/c")
    store.put_new("a/b/c", b"y")
    assert read(store, "a/b/c") == b"y"


def test_purge_leaves_nothing_and_is_no_error_twice(store: Store) -> None:
    for name in ("a/b", "a/b2", "a/c/d"):
        store.put(name, [b"x"])
    store.put("a/b", [b"again"])
    for _attempt in range(2):
        assert store.purge("a/b") == "deleted"
    assert store.purge("never/was") == "deleted"
    assert names(store) == ["a/b2", "a/c/d"]
    store.put_new("a/b", b"y")
    assert read(store, "a/b") == b"y"


def test_many_are_purged_at_once_and_their_neighbours_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versioned, "MOST", 4)
    for name in ODD_NAMES:
        store.put(name, [b"x"])
        store.put(f"{name}2", [b"x"])
    assert store.purge_all([*ODD_NAMES, "never/was"]) == dict.fromkeys([*ODD_NAMES, "never/was"], "deleted")
    assert names(store) == sorted(f"{name}2" for name in ODD_NAMES)
    assert store.purge_all([]) == {}


def test_what_no_lock_keeps_is_not_locked(store: Store) -> None:
    store.put("a", [b"x"])
    assert store.locked_until("a") is None
    assert store.locked_until("never") is None


def test_odd_characters_survive(store: Store) -> None:
    for name in ODD_NAMES:
        store.put(name, [name.encode()])
    assert names(store) == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert read(store, name) == name.encode()
        assert store.head(name).name == name
        assert names(store, name) == [name]
        store.delete(name)
    assert names(store) == []


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "a/../b", "..", "./a", "a\0b", "a\nb", "a/.lifeboat-x", "\udc80", "x" * 256]
)
def test_impossible_names_are_refused(store: Store, name: str) -> None:
    for attempt in (
        lambda: store.put(name, [b"x"]),
        lambda: store.put_new(name, b"x"),
        lambda: next(store.get(name)),
        lambda: store.head(name),
        lambda: store.delete(name),
        lambda: store.purge(name),
        lambda: store.purge_all(["a", name]),
        lambda: store.locked_until(name),
    ):
        with pytest.raises(UsageError):
            attempt()
    assert names(store) == []


def test_a_listing_is_complete_and_ordered(store: Store) -> None:
    wanted = [f"many/{number:04d}/{'x' if number % 3 else 'x-y'}" for number in range(2500)]
    # No object is called just `many`: in a directory store a name cannot be a file's and a directory's.
    beside = ["many-more/0001", "many.json", "many0/1", "man/y", "manx"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(name, [b"1"]), wanted + beside))
    assert names(store) == sorted(wanted + beside)
    assert names(store, "many/") == wanted
    assert names(store, "many") == sorted(name for name in wanted + beside if name.startswith("many"))
    assert names(store, "many/12") == wanted[1200:1300]
    assert names(store, "many/1200/x") == [wanted[1200]]
    assert names(store, "many/2499/x-") == [name for name in wanted[2499:] if "x-y" in name]
    assert names(store, "many.") == ["many.json"]
    assert names(store, "m") == sorted(wanted + beside)
    assert names(store, "nothing/") == names(store, "manz") == names(store, "many/9") == []
    for after in ("many/0999/x-y", "many/1000/", "many/1199/x", "many/2499/w"):
        assert names(store, "many/", after) == [name for name in wanted if name > after]
    assert names(store, "many/", wanted[-1]) == names(store, "many/", "many0") == []
    assert names(store, "many/", "man") == wanted


# Of two names that differ the one with the smaller byte stands first: a dash before a dot before a slash before a 0.
SORTED_ODDLY = (
    ".a",
    "A",
    "a b",
    "a%2Fb",
    "a-/x",
    "a-b",
    "a.b",
    "a/-",
    "a/.x",
    "a/0",
    "a/b/c",
    "a/b0",
    "a/~",
    "a0",
    "aa",
    "b",
    "e\u0301",
    "z/\u00e9",
    "z/\uffee",
    "z/\U0001f600",
    "\u00e9/x",
)


def test_a_listing_goes_on_after_any_name(settings: factory.StoreSettings, store: Store) -> None:
    assert sorted(SORTED_ODDLY) == sorted(SORTED_ODDLY, key=str.encode) == list(SORTED_ODDLY)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: store.put(name, [b"1"]), SORTED_ODDLY))
    stores = [
        store,
        factory.open_store(settings, environ={}, thorough=True),
        factory.open_store(settings, environ={}, dry_run=True),
    ]
    gone = ["a", "a/", "a/.", "a/..", "a/b/", "a/b/b", "z/", "0", "~", "\u00e9/", "\U0001f600"]
    for number, after in enumerate([*SORTED_ODDLY, *gone]):
        for prefix in ("", "a", "a/", "a/.x", "a/b", "z/"):
            wanted = [name for name in SORTED_ODDLY if name.startswith(prefix) and name > after]
            assert names(stores[number % len(stores)], prefix, after) == wanted, (prefix, after)


def test_a_listing_may_end_with_a_name_that_a_dot_begins(store: Store) -> None:
    store.put("a/.x", [b"1"])
    assert names(store) == names(store, "a/.x") == ["a/.x"]
    assert names(store, "a/", "a/-") == ["a/.x"]


class Boom(Exception):
    pass


@pytest.mark.parametrize("before", [0, 1, 6, 17])
@pytest.mark.parametrize("error", [Boom, FileNotFoundError, ValueError, StoreError, KeyboardInterrupt])
def test_an_error_in_the_middle_leaves_nothing(store: Store, before: int, error: type[BaseException]) -> None:
    def chunks() -> Iterator[bytes]:
        for _number in range(before):
            yield b"x" * MIB
        raise error("boom")

    with pytest.raises(error, match="boom"):
        store.put("a/b", chunks(), part_size=5 * MIB)
    assert names(store) == []


def test_an_error_in_the_middle_leaves_the_old_object(store: Store) -> None:
    store.put("a", [b"old"])

    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise Boom

    with pytest.raises(Boom):
        store.put("a", chunks())
    assert read(store, "a") == b"old"


UPLOAD = """
import sys, time
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
def chunks():
    for _ in range(12):
        yield b"x" * (1 << 20)
    print("half", flush=True)
    time.sleep(600)
factory.open_store(factory.StoreSettings(**eval(sys.argv[1])), environ={}).put("a/b", chunks(), part_size=5 << 20)
"""


def test_a_killed_upload_leaves_no_object(settings: factory.StoreSettings, child_environment: dict[str, str]) -> None:
    argv = [sys.executable, "-c", UPLOAD, repr(dataclasses.asdict(settings))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=child_environment) as child:
        assert child.stdout
        assert child.stdout.readline() == b"half\n"
        os.kill(child.pid, signal.SIGKILL)
    store = factory.open_store(settings, environ={})
    assert names(store) == []
    store.put("a/b", [b"the next run succeeds"])
    assert names(store) == ["a/b"]


TRANSFER = """
import re, sys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
store = factory.open_store(factory.StoreSettings(**eval(sys.argv[1])), environ={})
size = store.put("big", (bytes(1 << 20) for _ in range(192)), part_size=8 << 20)
if sum(map(len, store.get("big"))) != size:
    sys.exit("what was read is not what was put")
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def test_memory_does_not_grow_with_the_object(
    settings: factory.StoreSettings, child_environment: dict[str, str]
) -> None:
    argv = [sys.executable, "-c", TRANSFER, repr(dataclasses.asdict(settings))]
    done = subprocess.run(argv, capture_output=True, env=child_environment, check=True)
    assert int(done.stdout) < 70 * 1024


def test_a_download_that_is_given_up_ends(store: Store) -> None:
    store.put("a", [bytes(20 * MIB)])
    chunks = t.cast("t.Generator[bytes, None, None]", store.get("a"))
    next(chunks)
    chunks.close()
    assert read(store, "a", 0, 1) == b"\0"


def test_several_threads_share_a_store(store: Store) -> None:
    data = {f"t/{number}": pattern(6 * MIB + number) for number in range(4)}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: store.put(name, [data[name]], part_size=5 * MIB), data))
        assert list(pool.map(lambda name: read(store, name), data)) == list(data.values())


def test_a_dry_run_reads_and_does_not_write(settings: factory.StoreSettings, store: Store) -> None:
    store.put("a", [b"x"])
    dry = factory.open_store(settings, environ={}, dry_run=True)
    dry.put("b", [b"y"])
    dry.put_new("c", b"z")
    dry.delete("a")
    assert dry.purge("a") == "deleted"
    assert read(dry, "a") == b"x"
    assert names(store) == names(dry) == ["a"]

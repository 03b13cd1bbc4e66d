# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a listing tells of a write-ahead log, and what it costs to remember that."""

from __future__ import annotations

import dataclasses
import tracemalloc
import typing as t
from datetime import UTC, datetime, timedelta

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import WalRange
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import names
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.archive import collect, lacking

if t.TYPE_CHECKING:
    from pathlib import Path

SYSTEM = "7312345678901234567"
SIZE = 16 << 20
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TOKEN = "0123456789abcdef"
YEAR = 526_000
"""Segments of a year, one a minute."""

PART = 20
"""Tracing is slow: so small a part of them is listed, and has so small a part of the limit."""

LARGE = 1 << 30
WAL = WalRange(SYSTEM, 1, 3 * LARGE + 40, 5 * LARGE, LARGE, included=False)


def name_of(number: int, token: str = "") -> str:
    return names.name("shop", SYSTEM, wal_files.parse(wal_files.segment(1, number, SIZE)), token)


def test_a_segment_with_two_objects_counts_once_and_has_both_names() -> None:
    first, twice, taken = name_of(1), [name_of(2, TOKEN), name_of(2)], name_of(3, TOKEN)
    infos = [ObjectInfo(name, 100, AT + timedelta(days=at)) for at, name in enumerate([first, *twice, taken])]
    for order in (infos, [infos[0], infos[2], infos[1], infos[3]]):
        archive = collect(order, "shop", {})[SYSTEM]
        held = archive.segments[1]
        assert (len(held), held.count(1, 2), held.size(1, 2), held.size(2, 2)) == (3, 2, 300, 200)
        assert held.stored(2) == AT + timedelta(days=2)
        found = list(archive.objects("shop", 1, 0, 9))
        assert sorted(name for name, _size in found) == sorted([first, *twice, taken])
        assert sum(size for _name, size in found) == 400
        assert list(archive.objects("shop", 1, 3, 3)) == [(taken, 100)]
        assert archive.newest == AT + timedelta(days=3)
    assert list(archive.objects("shop", 2, 0, 9)) == []


def test_what_is_no_segment_is_kept_by_its_name() -> None:
    label = names.name("shop", SYSTEM, wal_files.parse("000000010000000000000003.00000028.backup"))
    tail = f"shop/wal/{SYSTEM}/stream/000000010000000000000004/00001000.lbx"
    archive = collect([ObjectInfo(name, 100, AT) for name in (label, tail)], "shop", {})[SYSTEM]
    assert [info.name for _stored, info in archive.others] == [label]
    assert [(stored.file.name, stored.length, info.name) for stored, info in archive.tails] == [
        ("000000010000000000000004", 4096, tail)
    ]
    assert archive.bytes == 200


def test_a_year_of_segments_takes_little_memory() -> None:
    infos = (ObjectInfo(name_of(number), 40_000, AT + timedelta(minutes=number)) for number in range(YEAR // PART))
    tracemalloc.start()
    try:
        archive = collect(infos, "shop", {})[SYSTEM]
        held, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(archive.segments[1]) == YEAR // PART
    assert held < (20 << 20) // PART


def put(store: DirectoryStore, file: str, taken: str = "", system: str = SYSTEM) -> None:
    store.put_new(names.name("shop", system, wal_files.parse(file), taken), b"")


def test_segments_count_by_name_wherever_the_range_lies(tmp_path: Path) -> None:
    """Four of this size are in a directory, so that the range is in two."""
    store = DirectoryStore(str(tmp_path))
    first, second = "000000010000000000000003", "000000010000000100000000"
    assert lacking(store, "shop", WAL) == (first, second)
    for other in (f"{first}.00000028.backup", "000000020000000000000003"):
        put(store, other)
    put(store, f"{first}.partial", "0123456789abcdef")
    put(store, first, system="7312345678901234568")
    assert lacking(store, "shop", WAL) == (first, second)
    put(store, first)
    assert lacking(store, "shop", WAL) == (second,)
    put(store, second, "0123456789abcdef")
    assert lacking(store, "shop", WAL) == ()
    assert lacking(store, "shop", dataclasses.replace(WAL, timeline=2)) == ("000000020000000100000000",)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store in front of another: it shows what was chosen, and what is below stays as it is."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.overlay import OverlayStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AlreadyExists,
    NotFound,
    UsageError,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store

THEN = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


@pytest.fixture
def below(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(str(tmp_path))
    for name in ("a/1", "a/2", "b/1"):
        store.put(name, [name.encode()])
    return store


def test_what_is_chosen_is_read_in_place_of_what_is_below(below: DirectoryStore) -> None:
    over: Store = OverlayStore(below, {"a/2": b"other bytes", "a/3": b"more"}, THEN)
    assert b"".join(over.get("a/1")) == b"a/1"
    assert b"".join(over.get("a/2")) == b"other bytes"
    assert b"".join(over.get("a/2", 6)) == b"bytes"
    assert b"".join(over.get("a/2", 2, 3)) == b"her"
    assert list(over.get("a/2", 100)) == []
    assert (over.head("a/3").size, over.head("a/3").modified) == (4, THEN)
    assert over.head("a/1") == below.head("a/1")
    with pytest.raises(NotFound):
        over.head("a/4")


def test_large_objects_come_in_blocks(below: DirectoryStore) -> None:
    over = OverlayStore(below, {"a/2": bytes(3 << 20)}, THEN)
    assert [len(block) for block in over.get("a/2", 1)] == [1 << 20, 1 << 20, (1 << 20) - 1]


def test_both_are_listed_in_the_order_of_their_names(below: DirectoryStore) -> None:
    over = OverlayStore(below, {"a/1": b"other", "a/11": b"", "c": b""}, THEN)
    assert [(info.name, info.size) for info in over.list("")] == [
        ("a/1", 5),
        ("a/11", 0),
        ("a/2", 3),
        ("b/1", 3),
        ("c", 0),
    ]
    assert [info.name for info in over.list("a/", after="a/11")] == ["a/2"]


def test_writes_vanish_and_meet_what_is_shown(below: DirectoryStore, tmp_path: Path) -> None:
    over = OverlayStore(below, {"a/3": b"more"}, THEN)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    over.put("a/1", [b"x"])
    over.put_new("d", b"x")
    for name in ("a/1", "a/3"):
        over.delete(name)
        assert over.purge(name) == "deleted"
        with pytest.raises(AlreadyExists):
            over.put_new(name, b"x")
    assert over.purge_all(["a/1", "b/1"]) == {"a/1": "deleted", "b/1": "deleted"}
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert b"".join(over.get("a/3")) == b"more"


def test_names_are_checked(below: DirectoryStore) -> None:
    with pytest.raises(UsageError):
        OverlayStore(below, {"../a": b""}, THEN)

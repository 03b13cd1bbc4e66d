# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode's store: it says what would happen, and nothing does."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.dry_run import DryRunStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    AlreadyExists,
    UsageError,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import ObjectInfo


def untouched() -> Iterator[bytes]:
    pytest.fail("check mode must not start the work that makes the bytes")
    yield b""


def test_writes_vanish(tmp_path: Path) -> None:
    inner = DirectoryStore(str(tmp_path))
    inner.put("old", [b"x"])
    store = DryRunStore(inner)
    assert store.put("a/b", untouched()) == 0
    store.put_new("m.json", b"{}")
    store.delete("old")
    assert store.purge("old") == "deleted"
    assert [info.name for info in store.list("")] == [info.name for info in store.list("o", "ok")] == ["old"]
    assert list(store.list("", "old")) == []
    assert b"".join(store.get("old")) == b"x"
    assert store.head("old").size == 1
    assert store.url == inner.url


def test_what_is_unfinished_is_shown_and_stays(tmp_path: Path) -> None:
    left = tmp_path / "shop" / ".lifeboat-0123456789abcdef"
    left.parent.mkdir()
    left.write_bytes(b"x")
    store = DryRunStore(DirectoryStore(str(tmp_path)))
    (info,) = store.unfinished("")
    assert store.abort(info.name, datetime.datetime.now(datetime.UTC))
    assert left.exists()


def test_a_create_only_write_fails_as_it_would(tmp_path: Path) -> None:
    inner = DirectoryStore(str(tmp_path))
    inner.put("m.json", [b"{}"])
    store = DryRunStore(inner)
    with pytest.raises(AlreadyExists):
        store.put_new("m.json", b"{}")


def test_a_writer_who_may_not_look_is_believed(tmp_path: Path) -> None:
    class Blind(DirectoryStore):
        def head(self, name: str) -> ObjectInfo:
            raise AccessDenied("No.")

    store = DryRunStore(Blind(str(tmp_path)))
    store.put_new("m.json", b"{}")
    assert not list(store.list(""))


def test_names_are_checked_all_the_same(tmp_path: Path) -> None:
    store = DryRunStore(DirectoryStore(str(tmp_path)))
    for attempt in (
        lambda: store.put("../a", []),
        lambda: store.put_new("/a", b""),
        lambda: store.delete("a/../b"),
        lambda: store.purge(".."),
    ):
        with pytest.raises(UsageError):
            attempt()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What survives a power cut: each object is on the disk before its name is, and the manifest comes after them all."""

from __future__ import annotations

import os
import typing as t

from faults import fault_fixtures

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from postgres_fixtures import ClusterFactory, DatabaseFactory

Event = tuple[str, str]


def test_the_order_of_writes_survives_a_power_cut(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fault_fixtures.make(cluster(), database(sql="CREATE TABLE public.t AS SELECT 1 AS a"), tmp_path)
    events: list[Event] = []

    def record(name: str, path_of: Callable[..., str]) -> None:
        call = getattr(os, name)

        def recorded(*given: t.Any, **named: t.Any) -> t.Any:
            path = path_of(*given)
            done = call(*given, **named)
            events.append((name, path))
            return done

        monkeypatch.setattr(os, name, recorded)

    record("fsync", lambda handle: os.readlink(f"/proc/self/fd/{handle}"))
    record("rename", lambda old, new: f"{old} {new}")
    record("link", lambda old, new: f"{old} {new}")
    record("mkdir", lambda path, *_mode: str(path))
    made = place.back_up()
    monkeypatch.undo()

    store = str(tmp_path / "store")
    named = [
        (index, *paths.split(" "))
        for index, (what, paths) in enumerate(events)
        if what in {"rename", "link"} and paths.split(" ")[1].startswith(store)
    ]
    stored = [os.path.relpath(new, store) for _index, _old, new in named]
    assert sorted(stored[:-1]) == sorted(file.name for file in place.find(made).manifest.files)
    assert stored[-1].startswith("shop/manifests/")
    for index, old, new in named:
        assert ("fsync", old) in events[:index], f"{new} got its name before its bytes were on the disk"
        after = events.index(("fsync", os.path.dirname(new)), index)
        assert after < named[-1][0] or new == named[-1][2], f"the name of {new} came to the disk after the manifest"
    for index, (what, path) in enumerate(events):
        if what == "mkdir" and path.startswith(store):
            assert ("fsync", os.path.dirname(path)) in events[index:], f"the directory {path} may be lost"
    assert events.index(("fsync", str(tmp_path / "state" / "receipts.jsonl"))) > named[-1][0]

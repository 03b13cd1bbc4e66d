# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy takes the place of a data directory, or that one stays where it is."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import replacing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError, StoreError

if t.TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 28, 12, 30, 5, tzinfo=UTC)


def directory(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "PG_VERSION").write_text(content)
    return path


def test_the_data_that_were_there_are_kept_beside_the_copy(tmp_path: Path) -> None:
    data, copy = directory(tmp_path / "main", "old"), directory(tmp_path / "copy", "recovered")
    kept = replacing.aside(f"{data}/", NOW)
    replacing.exchange(str(copy), f"{data}/", kept)
    assert kept == str(tmp_path / "main.before-20261128T123005Z")
    assert (data / "PG_VERSION").read_text() == "recovered"
    assert (tmp_path / "main.before-20261128T123005Z" / "PG_VERSION").read_text() == "old"


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_is_kept_where_nothing_was(tmp_path: Path, empty: bool) -> None:
    data, copy = tmp_path / "main", directory(tmp_path / "copy", "recovered")
    if empty:
        data.mkdir()
    assert not replacing.aside(str(data), NOW)
    replacing.exchange(str(copy), str(data), "")
    assert [path.name for path in tmp_path.iterdir()] == ["main"]
    assert (data / "PG_VERSION").read_text() == "recovered"


def test_the_data_are_in_their_place_again_where_the_copy_cannot_take_it(tmp_path: Path) -> None:
    data = directory(tmp_path / "main", "old")
    with pytest.raises(StoreError):
        replacing.exchange(str(tmp_path / "gone"), str(data), replacing.aside(str(data), NOW))
    assert [path.name for path in tmp_path.iterdir()] == ["main"]
    assert (data / "PG_VERSION").read_text() == "old"


def test_a_copy_without_room_is_refused_in_the_words_of_who_needs_it(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"^The recovery needs 1048576 TiB .* and /.* has .*") as caught:
        replacing.require_room(str(tmp_path), int((1 << 60) / 1.1), "The recovery", "earlier recoveries")
    assert "data directories that earlier recoveries kept" in caught.value.remedy

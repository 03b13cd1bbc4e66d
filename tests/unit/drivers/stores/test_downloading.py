# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A download is all of an object, or fails."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.downloading import (
    RANGE,
    download,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError

CONTENT = b"ab" * RANGE


def ranged(position: int, size: int, *_before: t.Any) -> tuple[memoryview, t.Any]:
    return memoryview(CONTENT)[position : position + size], {"size": len(CONTENT)}


def unasked(*_given: t.Any) -> t.Iterator[bytes]:
    raise AssertionError


def test_all_ranges_are_the_object() -> None:
    assert b"".join(download("a", ranged, unasked, 1, None)) == CONTENT[1:]


def test_a_range_that_is_not_there_is_no_end() -> None:
    def with_a_hole(position: int, size: int, *before: t.Any) -> tuple[memoryview, t.Any] | None:
        return ranged(position, size) if position != RANGE or not before else None

    with pytest.raises(StoreError, match="only a part of a"):
        b"".join(download("a", with_a_hole, unasked, 0, None))

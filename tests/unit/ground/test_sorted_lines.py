# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines come in the order of their keys' bytes, whether they fit into memory or not, and leave nothing behind."""

from __future__ import annotations

import os
import random
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import sorted_lines
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.sorted_lines import SortedLines

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("memory", [1, 2000, 20_000, 1 << 30], ids=["each alone", "many levels", "few runs", "none"])
def test_lines_come_in_the_order_of_their_keys_as_often_as_one_asks(
    tmp_path: Path, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_lines, "FAN_IN", 3)
    monkeypatch.setattr(sorted_lines, "_BUFFER", 700)
    chance = random.Random(7)
    given = [
        (chance.randbytes(1 + number % 9) + b"%d" % number, chance.randbytes(number % 999)) for number in range(500)
    ]
    with SortedLines(str(tmp_path), memory) as lines:
        for key, line in given:
            lines.add(key, line)
        assert list(lines) == sorted(given)
        first, second = iter(lines), iter(lines)
        assert [next(first) for _number in range(99)] == [next(second) for _number in range(99)]
        assert os.listdir(tmp_path) == []


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with SortedLines(str(tmp_path / "absent"), 1) as lines, pytest.raises(StoreError, match="absent"):
        lines.add(b"k", b"v")

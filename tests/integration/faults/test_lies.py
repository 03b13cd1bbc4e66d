# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store that lies is refused or told of; tests/campaigns/lies.py tells a thousand lies."""

from __future__ import annotations

import typing as t

from faults import lies

if t.TYPE_CHECKING:
    from pathlib import Path


def test_no_lie_of_a_store_is_taken_for_the_truth(s3: t.Any, tmp_path: Path) -> None:
    tally = lies.strike(s3, tmp_path, count=6, seed=7)
    assert tally.wrong == []
    assert tally.refused

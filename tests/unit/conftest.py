# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings what tests of several folders share."""

from __future__ import annotations

import typing as t

import pytest
from kit_fixtures import kit
from notice_fixtures import clock, log
from recovery_fixtures import here
from retention_fixtures import sample_store
from sample_host import SampleHost
from tree_fixtures import hostile, looked, tree
from wal_fixtures import archive, filled

if t.TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "archive",
    "clock",
    "filled",
    "here",
    "hostile",
    "kit",
    "log",
    "looked",
    "sample_store",
    "tree",
]


@pytest.fixture
def sample(tmp_path: Path) -> SampleHost:
    (tmp_path / "sample").mkdir()
    return SampleHost(tmp_path / "sample")

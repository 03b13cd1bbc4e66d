# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings something to watch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fixtures"))

from sample_host import SampleHost


@pytest.fixture
def sample(tmp_path: Path) -> SampleHost:
    (tmp_path / "sample").mkdir()
    return SampleHost(tmp_path / "sample")

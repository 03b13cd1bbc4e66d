# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""A place for scratch clusters that another user can reach."""

from __future__ import annotations

import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest


@pytest.fixture
def scratch_directory() -> t.Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)

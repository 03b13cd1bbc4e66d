# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Brings the fixtures of the servers that integration tests run against."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fixtures_postgres import cluster, database
from fixtures_s3 import pytest_configure, s3
from playing import plays

__all__ = ["cluster", "database", "plays", "pytest_configure", "s3"]

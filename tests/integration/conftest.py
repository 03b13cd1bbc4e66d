# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Brings the servers that integration tests run against, and restores from memory."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from playing import plays
from postgres_fixtures import cluster, database
from restoring import restorer, shop, shop_backup
from s3_fixtures import pytest_configure, s3

__all__ = ["cluster", "database", "plays", "pytest_configure", "restorer", "s3", "shop", "shop_backup"]

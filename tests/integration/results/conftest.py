# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a bucket that may be locked, and what compares results with those that are kept."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "pinned"))

from bucket_fixtures import owner, place, user
from dns_fixtures import bind, primary

__all__ = ["bind", "owner", "place", "primary", "user"]

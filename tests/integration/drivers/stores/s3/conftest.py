# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings buckets that may be locked."""

from __future__ import annotations

from bucket_fixtures import locked, owner, place, user

__all__ = ["locked", "owner", "place", "user"]

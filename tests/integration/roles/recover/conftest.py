# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings what runs recovery plans, a host whose log is archived, and a receiver of messages."""

from __future__ import annotations

from archiving_fixtures import archiving
from engine_fixtures import engine
from receiver_fixtures import web

__all__ = ["archiving", "engine", "web"]

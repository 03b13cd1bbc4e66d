# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes fit their limits."""

from __future__ import annotations

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import storing


def test_a_volume_fits_the_parts_and_the_key() -> None:
    """S3 takes 10,000 parts, and FORMAT seals at most 256 GiB under one derived key."""
    room = 64 << 20  # the last block before the limit, the frame's end, and the file's head
    assert storing.VOLUME_LIMIT + room <= 10_000 * base.PART_SIZE
    assert storing.VOLUME_LIMIT + room <= 256 << 30

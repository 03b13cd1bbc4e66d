# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The room on a disk that others share: a stranger's program cannot take the last of it.
"""

from __future__ import annotations

import os

from ..units import human_size

RESERVE_SHARE = 20
"""The others keep one part in so many of the disk, of its bytes and of its files,"""

RESERVE_BYTES = 1 << 30
"""and no more bytes than these."""


def shortage(path: str) -> str:
    """Say how little is left on the disk of `path` when it is less than the others' reserve; else an empty string."""
    found = os.statvfs(path)
    left = found.f_bavail * found.f_frsize
    if left < min(found.f_blocks * found.f_frsize // RESERVE_SHARE, RESERVE_BYTES):
        return f"{human_size(left)} are left"
    if found.f_favail < found.f_files // RESERVE_SHARE:
        return f"{found.f_favail} files can still be made"
    return ""

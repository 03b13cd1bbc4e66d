# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Watches the room on a disk that others share, so that a stranger's program cannot take the last of it.
"""

from __future__ import annotations

import os
import threading
import typing as t

from ..units import human_size

if t.TYPE_CHECKING:
    from collections.abc import Callable

RESERVE_SHARE = 20
"""The others keep one part in so many of the disk, of its bytes and of its files,"""

RESERVE_BYTES = 1 << 30
"""and no more bytes than these."""

STEP = 0.2
"""Seconds between two looks."""


class Watch(threading.Thread):
    """Looks at the disk of `path` inside `with`, and calls `end` once when the room on it runs out."""

    def __init__(self, path: str, end: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._end = end
        self._over = threading.Event()
        self.shortage = ""
        """What there is too little of, once there is."""

    def __enter__(self) -> t.Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self.shortage and not self._over.wait(STEP):
            self.shortage = shortage(self._path)
        if self.shortage:
            self._end()


def shortage(path: str) -> str:
    """Say how little is left on the disk of `path` when it is less than the others' reserve; else an empty string."""
    found = os.statvfs(path)
    left = found.f_bavail * found.f_frsize
    if left < min(found.f_blocks * found.f_frsize // RESERVE_SHARE, RESERVE_BYTES):
        return f"{human_size(left)} are left"
    if found.f_favail < found.f_files // RESERVE_SHARE:
        return f"{found.f_favail} files can still be made"
    return ""

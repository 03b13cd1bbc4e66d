# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watches what a stranger's program takes of this machine, and of this process: it answers what it likes, for ever."""

from __future__ import annotations

import threading
import time
import typing as t

from ....ground import disk
from ....ground.errors import DatabaseError
from ....ground.units import human_duration, human_size

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Look: t.TypeAlias = "Callable[[], DatabaseError | None]"

STEP = 0.05
"""Seconds between two looks: in so short a time a server tells some fifty MiB."""


class Watch(threading.Thread):
    """Looks again and again inside `with`, and calls `end` once when a look gives a reason to."""

    def __init__(self, looks: Sequence[Look], end: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._checks = looks
        self._end = end
        self._over = threading.Event()
        self.reason: DatabaseError | None = None
        """Why it ended, once it has."""

    def __enter__(self) -> t.Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while self.reason is None and not self._over.wait(STEP):
            self.reason = self._look()
        if self.reason is not None:
            self._end()

    def _look(self) -> DatabaseError | None:
        try:
            return next(filter(None, (check() for check in self._checks)), None)
        except Exception as exc:  # noqa: BLE001 - what nobody watches may take all there is
            return DatabaseError(
                f"The scratch cluster cannot be watched any more, so it was stopped: {exc}.",
                "Find out what this host lacks, such as open files or memory, and run again.",
            )


def at_room(directory: str) -> Look:
    """Return a look at the disk of `directory`."""

    def check() -> DatabaseError | None:
        if not (said := disk.shortage(directory)):
            return None
        return DatabaseError(
            f"The restored database fills up {directory}: {said}.",
            "Free space there, or set scratch_dir to a directory with more space.",
        )

    return check


def at_memory(most: int) -> Look:
    """Return a look at how much this process grows from now on: no more than `most` bytes."""
    before = memory()

    def check() -> DatabaseError | None:
        if memory() - before <= most:
            return None
        return DatabaseError(
            f"The answer of the scratch cluster takes more than {human_size(most)} of memory.",
            "The backup replaces functions of PostgreSQL, or has very large rows: check who may create objects in it.",
        )

    return check


def at_time(limit: float) -> Look:
    """Return a look at the time: no more than `limit` seconds from now on, unless they are 0."""
    end = time.monotonic() + limit

    def check() -> DatabaseError | None:
        if not limit or time.monotonic() < end:
            return None
        return DatabaseError(
            f"The restored database was not validated within {human_duration(limit)}, so its scratch cluster was "
            "stopped.",
            "Raise timeout (lifeboat_validate_timeout) if it only needs longer; otherwise look for functions that wait "
            "or loop in the backup's constraints, defaults and indexes.",
            field="timeout",
        )

    return check


def memory() -> int:
    """Return the bytes of memory that are this process's own, also where they lie in swap."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        found = dict(line.split(":", 1) for line in status)
    return sum(int(found[name].split()[0]) for name in ("RssAnon", "VmSwap")) * 1024

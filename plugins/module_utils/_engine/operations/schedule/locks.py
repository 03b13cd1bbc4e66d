# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The locks by which a job of the schedule runs once at a time, each with the name of its holder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t

from ...ground import disk, host_state
from ...ground.errors import Busy, UsageError

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator


def folder(state_dir: str) -> str:
    """Return where they lie. Root writes nothing where another user could have put something in its way."""
    if os.geteuid() == 0:
        return f"/run/lifeboat-run{state_dir.replace('/', '-')}"
    return host_state.LOCK.folder(state_dir)


@contextlib.contextmanager
def only(folder: str, job: str, now: datetime.datetime) -> Iterator[int]:
    """Hold the lock of a job. Raise Busy where another run of it does."""
    with opened(folder, f"job-{job}") as own:
        if not lock(own):
            raise Busy(f"The job {job} is still running{holder(own)}.", "It runs again at its next time.")
        name_holder(own, job, now)
        yield own


@contextlib.contextmanager
def opened(folder: str, name: str) -> Iterator[int]:
    """Open the file of a lock, which nobody holds by that. Raise UsageError where that cannot be."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, host_state.LOCK.leaf(name=name))
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise UsageError(
            f"The lock of {name} in {folder} cannot be opened: {exc.strerror}.", "Check the owner of that directory."
        ) from exc
    with disk.closing(handle):
        yield handle


def lock(handle: int) -> bool:
    """Take a lock; False where somebody else holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def name_holder(handle: int, name: str, now: datetime.datetime) -> None:
    """Write down who holds a lock."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{name} {os.getpid()} {now:%Y-%m-%dT%H:%M:%SZ}\n".encode(), 0)


def holder(handle: int) -> str:
    """Return who holds a lock as the end of a sentence, empty where that is not known."""
    words = os.pread(handle, 200, 0).decode("utf-8", "replace").split()
    return f" ({words[0]}, process {words[1]}, since {words[2]})" if len(words) == 3 else ""

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that runs in a sandbox, and ends with all that it started there, however that was detached."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import typing as t

from ....ground import process
from ....ground.errors import DatabaseError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .scratch_place import Place
    from .server import Programs

ENDING = 60_000
"""Milliseconds in which the kernel ends what is in the sandbox; it takes a few."""


class Contained:
    """A program of PostgreSQL in a sandbox of its own, which may write to these directories of `place`."""

    def __init__(
        self,
        place: Place,
        programs: Programs,
        argv: Sequence[str],
        *,
        writable: Sequence[str],
        environ: Mapping[str, str],
        tail: int = process.STDERR_TAIL,
    ) -> None:
        told, telling = os.pipe()
        with os.fdopen(told, "rb") as answer:
            try:
                prefix = place.sandbox(programs, *writable, options=("--info-fd", str(telling)))
                self.child = process.Child(
                    [*prefix, *argv],
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[place.lock, telling],
                    tail=tail,
                )
            finally:
                os.close(telling)
            try:
                self._first = os.pidfd_open(json.load(answer)["child-pid"])
            except (ValueError, KeyError, OSError) as exc:
                self.child.kill()
                raise not_started(self.child.stderr) from exc
        self._lock = threading.Lock()
        self._ended = False

    def kill(self) -> None:
        """Let the kernel end all of it. Any thread may say so, at any time."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if not self._ended:
                signal.pidfd_send_signal(self._first, signal.SIGKILL)

    def end(self) -> None:
        """End all of it, and wait until nothing is left: nothing in it is worth a checkpoint."""
        self.kill()
        with self._lock:
            if self._ended:
                return
            self._ended = True
        try:
            poll = select.poll()
            poll.register(self._first, select.POLLIN)
            if not poll.poll(ENDING):
                raise DatabaseError(
                    "A process in the sandbox of the scratch cluster does not end.",
                    "Look for processes that wait for a disk; the next run removes the directory.",
                )
        finally:
            os.close(self._first)
            self.child.kill()


def not_started(said: str) -> DatabaseError:
    """Return the error of a server that ended before it answered."""
    last = said.splitlines()[-1] if said else "it ended without a message"
    return DatabaseError(f"The scratch cluster does not start: {last}", "Check memory and disk space on this host.")

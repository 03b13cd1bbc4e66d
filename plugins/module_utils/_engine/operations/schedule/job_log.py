# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of a job of the schedule."""

from __future__ import annotations

import os
import sys
import typing as t

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

LAST = 8 << 10
"""Bytes at the end of a log in which its last line is looked for."""


class Log:
    """The job's log. It lies in a directory of root's, who made it; without it the lines go to standard error."""

    def __init__(self, path: str, now: Callable[[], datetime.datetime]) -> None:
        self.path = path
        self.now = now
        self._failure = ""
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._handle: int | None = os.open(path, flags, 0o640)
        except OSError as exc:
            self._handle = None
            self._complain(exc)

    def write(self, text: str) -> None:
        """Write a line with the time before it. A full disk must not end a backup: it is said once."""
        line = f"{self.now():%Y-%m-%dT%H:%M:%SZ} {text}\n".encode("utf-8", "replace")
        if self._handle is None:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
            return
        try:
            os.write(self._handle, line)
        except OSError as exc:
            self._complain(exc)

    @property
    def last(self) -> str:
        """The last line, without its time; empty where there is none."""
        try:
            with open(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LAST))
                lines = file.read(LAST).decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return lines[-1].partition(" ")[2] if lines else ""

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)

    def _complain(self, error: OSError) -> None:
        if not self._failure:
            self._failure = str(error.strerror)
            sys.stderr.write(f"lifeboat-run: the log {self.path} cannot be written to: {self._failure}.\n")

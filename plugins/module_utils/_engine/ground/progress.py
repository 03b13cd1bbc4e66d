# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How far a long operation is, as a small JSON file that anyone on the host may read.

The file says nothing about the data: members by number or by database, bytes, and times. It is replaced at most
once a second, and never fsynced: it is worth nothing after a crash.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import typing as t
import urllib.parse

from .host_state import STATUS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from .model import World

INTERVAL = 1.0
"""Seconds between two writes of the file."""


class Member:
    """One stream of an operation: a table's dump, a volume being read, a table being loaded."""

    def __init__(self, progress: Progress, name: str, expected: int, *, state: str = "running") -> None:
        self._progress = progress
        self.name = name
        self.expected = expected
        self.done = 0
        self.state = state

    def note(self, count: int) -> None:
        """Add `count` bytes."""
        self.done += count
        self._progress.touch()

    def stand(self, done: int, expected: int) -> None:
        """Say how far this member is, as somebody else counted."""
        self.done, self.expected = done, expected
        self._progress.touch()

    def finish(self) -> None:
        """Say that this member is complete."""
        self.state = "done"
        self._progress.touch()


class Progress:
    """
    Keeps `<directory>/<operation>-<subject>.json` up to date.

    With no directory, or one that does not exist or may not be written, everything works and no file is made.
    `now` gives the time in UTC. `unit` is what members are, such as `databases`, where they are counted for people.
    """

    def __init__(
        self, directory: str | None, operation: str, subject: str, now: Callable[[], datetime], unit: str = ""
    ) -> None:
        self._path = status_path(directory, operation, subject) if directory and os.path.isdir(directory) else None
        self._now = now
        self._lock = threading.Lock()
        self._written: datetime | None = None
        self._members: list[Member] = []
        self._state: dict[str, t.Any] = {
            "format": STATUS.format,
            "operation": operation,
            "subject": subject,
            "phase": "start",
            "started": now().isoformat(),
            "pid": os.getpid(),
            "unit": unit,
            "result": None,
        }
        self._failed = False

    def phase(self, name: str) -> None:
        """Enter the phase `name`, and show it at once."""
        self._state["phase"] = name
        self.touch(force=True)

    def plan(self, expected: Mapping[str, int]) -> None:
        """Name the streams that will come, with about how many bytes each has. Earlier ones are forgotten."""
        with self._lock:
            self._members = [Member(self, name, size, state="waiting") for name, size in expected.items()]
        self.touch(force=True)

    def expect(self, expected: Mapping[str, int]) -> None:
        """Correct about how many bytes the streams that wait have."""
        with self._lock:
            for member in self._members:
                if member.state == "waiting":
                    member.expected = expected.get(member.name, member.expected)
        self.touch()

    def member(self, name: str, expected: int = 0) -> Member:
        """
        Begin a stream of about `expected` bytes (0 when nobody knows), planned or not.

        A stream that is read a second time is not counted again.
        """
        with self._lock:
            known = next((member for member in self._members if member.name == name), None)
            if known is not None and known.state != "waiting":
                return Member(self, name, expected)
            member = known or Member(self, name, expected)
            member.state = "running"
            if known is None:
                self._members.append(member)
        self.touch()
        return member

    @contextlib.contextmanager
    def running(self) -> Iterator[Progress]:
        """Show the operation as running inside the block, and how it ended after it."""
        self.touch(force=True)
        try:
            yield self
        except BaseException:
            self._state["result"] = "failed"
            self.touch(force=True)
            raise
        self._state["result"] = "failed" if self._failed else "ok"
        self.touch(force=True)

    def fail(self) -> None:
        """Say that the operation will have failed, although it goes on to its end."""
        self._failed = True

    def touch(self, *, force: bool = False) -> None:
        """Write the file if the last write is long enough ago."""
        if self._path is None or not self._lock.acquire(blocking=force):
            return
        try:
            now = self._now()
            if force or self._written is None or (now - self._written).total_seconds() >= INTERVAL:
                self._written = now
                self._write(self._path, now)
        finally:
            self._lock.release()

    def _write(self, path: str, now: datetime) -> None:
        members = [_state_of(member) for member in self._members]
        record = {
            **self._state,
            "updated": now.isoformat(),
            "members": members,
            "done": sum(member["done"] for member in members),
            "expected": sum(member["expected"] for member in members),
        }
        temporary = f"{path}.{secrets.token_hex(8)}"
        try:
            # The directory is another user's, who could have put a link here for root to write to.
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with open(handle, "w", encoding="utf-8") as file:
                os.fchmod(handle, 0o644)
                json.dump(record, file)
            os.replace(temporary, path)
        except OSError:
            # A status that cannot be written must not fail a backup that can.
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _state_of(member: Member) -> dict[str, t.Any]:
    """Return a member's public state as it stands in the file."""
    return {"name": member.name, "done": member.done, "expected": member.expected, "state": member.state}


def status_path(directory: str, operation: str, subject: str) -> str:
    """Return the path of the status file of `operation` on `subject` (`cluster/database`)."""
    name = STATUS.leaf(operation=operation, subject=urllib.parse.quote(subject, safe="")[:200])
    return os.path.join(directory, name)


def status_directory(state_dir: str | None, world: World) -> str | None:
    """Return the directory of the status files below `state_dir`; none in a dry run, which does nothing to watch."""
    return STATUS.folder(state_dir) if state_dir and not world.dry_run else None


class Phases:
    """Measures phases by the clock `now`, and shows each in `progress` as it begins."""

    def __init__(self, now: Callable[[], datetime], progress: Progress | None = None) -> None:
        self._now = now
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @property
    def milliseconds(self) -> dict[str, int]:
        """The same as whole numbers, for records that hold no others."""
        return {name: round(seconds * 1000) for name, seconds in self.seconds.items()}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count the block as the phase `name`, unless it fails."""
        if self._progress is not None:
            self._progress.phase(name)
        began = self._now()
        yield
        self.seconds[name] = round((self._now() - began).total_seconds(), 3)

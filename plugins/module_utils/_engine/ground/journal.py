# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a host remembers, as a file of one JSON object a line: appended durably under a lock, and read line by line.

A power cut can leave half a line at the end. Whoever reads leaves it out; whoever appends next cuts it off first,
because a line glued to it would be lost too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import stat
import typing as t

from . import disk, streams
from .errors import Busy, StoreError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .host_state import StateFile


Entry = t.TypeVar("Entry")

BLOCK = 1 << 16
STEP = 0.05
PATIENCE = 200
"""Steps that an append waits for its turn: ten seconds, where a turn takes milliseconds."""


class Journal(t.Generic[Entry]):
    """
    The entries, of one frozen dataclass, in a file of the host.

    Without a directory nothing is kept and nothing is known; `path` is None then.
    """

    def __init__(self, state_dir: str | None, kept: StateFile, entry: type[Entry]) -> None:
        self.path = kept.below(state_dir)
        self._entry = entry

    def add(self, entry: t.Any, *, unwritten: str, remedy: str) -> None:
        """Append. Raise StoreError when the disk refuses: `unwritten` begins its cause."""
        if self.path is None:
            return
        try:
            append_line(self.path, lambda _last, _torn: line(entry))
        except OSError as exc:
            raise StoreError(f"{unwritten} {self.path}: {exc.strerror}.", remedy, path=self.path) from exc

    def read(self) -> Iterator[Entry]:
        """Yield the entries, oldest first, without what is none."""
        if self.path is None or not os.path.exists(self.path):
            return
        for text in whole_lines(self.path):
            with contextlib.suppress(ValueError, TypeError):
                yield self._entry(**json.loads(text))


class BoundedJournal(Journal[Entry]):
    """
    A journal of what may be forgotten: beyond `largest` bytes only the lines stay that `keep` gives for the entries.

    It is a memory, and may be damaged: an entry that is not `sound` is none. A file of another user's is not ours to
    read: then nothing is known.
    """

    def __init__(
        self,
        state_dir: str | None,
        kept: StateFile,
        entry: type[Entry],
        *,
        largest: int,
        sound: Callable[[Entry], bool],
        keep: Callable[[Iterable[Entry]], Iterable[bytes]],
    ) -> None:
        super().__init__(state_dir, kept, entry)
        self._largest = largest
        self._sound = sound
        self._keep = keep

    def add(self, entry: t.Any, *, unwritten: str, remedy: str) -> None:
        """Append, and shorten the file where it is too large."""
        super().add(entry, unwritten=unwritten, remedy=remedy)
        path = self.path
        if path is not None and self._is_too_large(path) and os.stat(path).st_uid == os.geteuid():
            rewrite(path, lambda: self._keep(self.read()) if self._is_too_large(path) else None)

    def _is_too_large(self, path: str) -> bool:
        return os.path.getsize(path) > self._largest

    def read(self) -> Iterator[Entry]:
        """Yield the sound entries, oldest first, without what is none."""
        with contextlib.suppress(StoreError, OSError):
            yield from filter(self._sound, super().read())


def line(entry: t.Any) -> bytes:
    """Return an entry as its line."""
    # Not asdict(), which copies what is inside: a log of years is checked line by line.
    record = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def whole_lines(path: str, length: int | None = None) -> Iterator[bytes]:
    """Yield the lines of a file, or of its first `length` bytes, without their ends; half a line is left out."""
    return streams.whole_lines(disk.read_blocks(path, length=length))


def append_line(
    path: str, make: Callable[[Iterator[bytes], int], bytes], *, sleep: Callable[[float], None] | None = None
) -> None:
    """
    Append what `make` gives for the whole lines that are there, newest first, and for the bytes of half a line.

    Nobody else appends meanwhile, half a line at the end is cut off, and on return the line is on the disk. With
    `sleep` the wait for others ends in Busy, without it never. Raise OSError when the disk refuses; the file then is
    as it was.
    """
    made = not os.path.exists(path)
    with disk.closing(locked(path, sleep)) as handle:
        size = os.fstat(handle).st_size
        whole = _whole(handle, size)
        data = make(_backwards(handle, whole), size - whole)
        if whole < size:
            os.ftruncate(handle, whole)
        try:
            disk.write_all(handle, data)
            os.fsync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, whole)
            raise
    if made:
        disk.sync_directory(os.path.dirname(path))


def rewrite(path: str, make: Callable[[], Iterable[bytes] | None]) -> None:
    """Put the lines that `make` gives in the place of all, unless it gives None; nobody appends meanwhile."""
    with disk.closing(locked(path, None)):
        if (lines := make()) is not None:
            disk.write_atomically(path, lines, mode=0o600)


def settled_size(path: str, *, sleep: Callable[[float], None] | None = None) -> int:
    """Return the size of a file that nobody is appending to at this moment. Raise Busy as `append_line`, or OSError."""
    with disk.closing(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)) as handle:
        _lock(handle, path, sleep, fcntl.LOCK_SH)
        return os.fstat(handle).st_size


def locked(path: str, sleep: Callable[[float], None] | None, patience: int = PATIENCE) -> int:
    """
    Open and lock the file that still has its name then: another may have come into its place during the wait.

    Raise Busy when others hold it for longer than `patience` steps of `sleep`, OSError when the disk refuses.
    """
    while True:
        handle = _open(path)
        try:
            _lock(handle, path, sleep, patience=patience)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.lstat(path)):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _open(path: str) -> int:
    """Open for appending. What root makes belongs to the directory's owner, who appends to it on other days."""
    # The directory is another user's, who could have put a link or a pipe here for root to write to.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(path, flags, 0o600)
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
            raise OSError(errno.EINVAL, "it is not a regular file with a single link")
        if state.st_size == 0:
            disk.give_away(handle, os.path.dirname(path))
    except BaseException:
        os.close(handle)
        raise
    return handle


def _lock(
    handle: int, path: str, sleep: Callable[[float], None] | None, kind: int = fcntl.LOCK_EX, patience: int = PATIENCE
) -> None:
    if sleep is None:
        fcntl.flock(handle, kind)
        return
    for _step in range(patience):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return
        sleep(STEP)
    raise Busy(f"Another process holds the lock of {path}.", "Find the process with fuser, and stop it.", path=path)


def _whole(handle: int, size: int) -> int:
    """Return the bytes up to the end of the last whole line."""
    end = size
    while end:
        start = max(0, end - BLOCK)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _backwards(handle: int, end: int) -> Iterator[bytes]:
    """Yield the whole lines before `end`, the last one first."""
    rest = b""
    while end:
        start = max(0, end - BLOCK)
        first, *lines = (os.pread(handle, end - start, start) + rest).split(b"\n")
        # The block ends with the end of a line on the first round, which is no line of its own.
        yield from (text for text in reversed(lines) if text)
        rest, end = first, start
    if rest:
        yield rest

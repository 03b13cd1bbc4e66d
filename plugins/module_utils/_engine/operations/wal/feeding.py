# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Files of a write-ahead log for a server that has neither a key nor a way to the store.

Its restore_command connects to a socket in a directory that both can enter, says a name, and gets a status: 0 when the
file lies in that directory, 1 when it is absent, and 200 for everything else, also when nobody answers any more. What
the server will ask for next is fetched meanwhile.
"""

from __future__ import annotations

import collections
import contextlib
import os
import socket
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ...drivers.components.postgres import wal_files
from ...ground.errors import RecoveryError
from . import feed_client, fetching

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from ...records.wal.lineage import Branch

JOBS = 4
AHEAD = 8
"""Segments that are fetched before they are asked for."""

AHEAD_BYTES = 256 << 20
"""The most bytes that these may have."""

LONGEST_NAME = 64


class Feed:
    """
    Serves the log of one server along a branch, from the block that `served` begins to its end.

    The server of user and group `owner` may enter `directory`, and may not write there: else it could lead its maker
    astray. `failures` are the causes of what could not be given, the last one last; `given` counts the files that were,
    `asked` each of them, and `absent` are those that the server was told not to wait for. It reads ahead: behind
    segment `last`, where its target lies, a hole is as good as the end, and so it is where the server holds the
    segments itself.
    """

    def __init__(
        self,
        reader: fetching.Log,
        directory: str,
        branch: Branch,
        owner: tuple[int, int],
        *,
        last: int | None = None,
        held: range = range(0),
    ) -> None:
        self.failures: collections.deque[RecoveryError] = collections.deque(maxlen=16)
        self.given = 0
        self.absent: set[str] = set()
        self.asked: collections.Counter[str] = collections.Counter()
        self.segment_size = reader.server.segment_size
        self._reader = reader
        self.directory = directory
        self._files = os.path.join(directory, feed_client.FILES)
        self._branch = branch
        self._owner = owner
        self._last = last
        self._held = held
        self._running: dict[str, Future[bool]] = {}
        self._ahead = max(1, min(AHEAD, AHEAD_BYTES // reader.server.segment_size))

    def ended_after(self, timeline: int, number: int) -> bool:
        """Whether the server asked for a segment of a timeline behind that number, and was told that it is absent."""
        files = (wal_files.parse(name) for name in tuple(self.absent))
        segments = (file for file in files if file.kind == wal_files.SEGMENT and file.timeline == timeline)
        return any(file.number(self.segment_size) > number for file in segments)

    def counted(self) -> collections.Counter[str]:
        """Return how often each file was given by now."""
        return collections.Counter(dict(self.asked))  # at once: another thread goes on to count

    def is_unfinished(self, name: str, number: int) -> bool:
        """
        Whether a file is a segment of at least that number, of which less than the whole was there.

        So it may be with one that the server has itself: a backup of a standby ends within a segment.
        """
        file = wal_files.parse(name)
        if file.kind != wal_files.SEGMENT or file.number(self.segment_size) < number:
            return False
        return name in self._reader.unfinished_given or self._holds(name)

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """Answer while the block runs."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, ThreadPoolExecutor(JOBS) as pool:
            path = feed_client.address(self.directory)
            with contextlib.suppress(FileNotFoundError):  # of a run that was killed
                os.unlink(path)
            feed_client.at(listener, path, "bind")
            os.chown(path, -1, self._owner[1])
            os.chmod(path, 0o660)
            if not os.path.isdir(self._files):
                os.mkdir(self._files, 0o700)
                os.chown(self._files, *self._owner)
            listener.listen()
            thread = threading.Thread(target=self._accept, args=(listener, pool), daemon=True)
            thread.start()
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                thread.join()
                pool.shutdown(cancel_futures=True)

    def _accept(self, listener: socket.socket, pool: ThreadPoolExecutor) -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:  # it was shut down
                return
            with connection, contextlib.suppress(OSError):
                name = connection.recv(LONGEST_NAME).decode("ascii", "replace").rstrip("\n")
                connection.sendall(b"%d\n" % self._answer(name, pool.submit))

    def _answer(self, name: str, submit: Callable[..., Future[bool]]) -> int:
        try:
            running = self._running.pop(name, None) or submit(self._fetch, name)
            self._look_ahead(name, submit)
            try:
                found = running.result()
            except RecoveryError:  # it was tried too early, perhaps
                found = self._fetch(name)
        except RecoveryError as exc:
            if not isinstance(exc, fetching.Hole) or not self._is_spare(name):
                self.failures.append(exc)
                return feed_client.FAILED
            found = False
        except Exception as exc:  # noqa: BLE001 - the server must not take it for the end of the log
            self.failures.append(RecoveryError(f"An unexpected error, {type(exc).__name__}: {exc}.", "Report it."))
            return feed_client.FAILED
        self.given += found
        self.asked[name] += found or self._holds(name)
        if not found:
            self.absent.add(name)
        return feed_client.FOUND if found else feed_client.ABSENT

    def _is_spare(self, name: str) -> bool:
        """Whether a segment is not needed for the target, or is there without us."""
        file = wal_files.parse(name)
        if file.kind != wal_files.SEGMENT:
            return False
        return self._holds(name) or (self._last is not None and file.number(self.segment_size) > self._last)

    def _holds(self, name: str) -> bool:
        """Whether the server has a segment itself."""
        file = wal_files.parse(name)
        return file.kind == wal_files.SEGMENT and file.number(self.segment_size) in self._held

    def _fetch(self, name: str) -> bool:
        path = os.path.join(self._files, name)
        # What is elsewhere on this machine is none of the server's business, nor whether it is.
        ready = name == os.path.basename(name) and os.path.exists(path)
        return ready or fetching.fetch(self._reader, name, path)

    def _look_ahead(self, name: str, submit: Callable[..., Future[bool]]) -> None:
        """Begin to fetch what a recovery along the branch asks for after this segment."""
        with contextlib.suppress(ValueError):
            file = wal_files.parse(name)
            if file.kind != wal_files.SEGMENT:
                return
            size = self._reader.server.segment_size
            first = file.number(size) + 1
            for stretch in self._branch.stretches(first, first + self._ahead - 1, size):
                for number in range(stretch.first, stretch.last + 1):
                    following = wal_files.segment(stretch.timeline, number, size)
                    if following not in self._running and not os.path.exists(os.path.join(self._files, following)):
                        self._running[following] = submit(self._fetch, following)

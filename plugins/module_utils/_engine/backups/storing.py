# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One backup's files on their way into the store: compressed, sealed, stored, and listed for the manifest.

A member is one or several volumes. Its volumes are streams of their own, so no limit of a store or of the cipher is
ever met in the middle of one. An upload's parts are small and all alike, so that memory is the same for any size.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import typing as t

from .. import codec, repository
from ..catalogue.manifest import File
from ..catalogue.stored_backup import RECORD_BYTES
from ..crypto import lbx, strict_json
from ..errors import RecoveryError, StoreError, UsageError
from ..stores import base
from ..streams import Peekable

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..stores.base import Store

VOLUME_LIMIT = 9_900 * base.PART_SIZE
"""Bytes of one volume, about 77 GiB: S3 takes 10,000 parts, and one derived key may seal up to 256 GiB."""


class Cancelled(RecoveryError):
    """Another part of the same backup failed first."""


class BackupFiles:
    """Stores the members of one backup attempt. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        application: str,
        backup_id: str,
        writer: lbx.Writer,
        compression: codec.Codec,
    ) -> None:
        self._store = store
        self._application = application
        self.backup_id = backup_id
        self._writer = writer
        self._codec = compression
        self._lock = threading.Lock()
        self._begun: list[str] = []
        self._files: list[File] = []

    @property
    def files(self) -> tuple[File, ...]:
        """What is stored by now, ordered by name."""
        with self._lock:
            return tuple(sorted(self._files, key=lambda file: file.name))

    def store_member(self, number: int, plaintext: Iterable[bytes]) -> int:
        """
        Store a member, in as many volumes as it needs, and return the bytes of its plaintext.

        What `plaintext` raises passes through, and the volume that was being written does not exist then.
        """
        source = Peekable(plaintext)
        volume = 1
        while True:
            name = repository.member(self._application, self.backup_id, number, volume)
            self._store_file(name, f"{number:04d}", volume, source, limit=VOLUME_LIMIT)
            if source.exhausted:
                return source.passed
            volume += 1

    def store_record(self, what: str, record: dict[str, t.Any]) -> None:
        """Store the encrypted record `what` (`detail` or `globals`)."""
        name = repository.detail(self._application, self.backup_id, what)
        data = strict_json.dumps(record, raw_names=True)
        if len(data) > RECORD_BYTES:
            raise UsageError(
                f"The record {what} of the backup would have {len(data)} bytes, and readers take {RECORD_BYTES}.",
                "Back up fewer tables at once, by schemas or tables.",
                field="tables",
            )
        self._store_file(name, what, 1, Peekable([data]), limit=None)

    def discard(self) -> None:
        """Remove what this attempt stored, as far as the store lets us: unlisted files are garbage, not backups."""
        # Those that were begun, too: who was interrupted between storing and noting cannot know.
        for name in self._begun:
            with contextlib.suppress(StoreError):
                self._store.delete(name)

    def _store_file(self, name: str, member: str, volume: int, source: Peekable, *, limit: int | None) -> None:
        before = source.passed
        sealed = lbx.SealedFile(name, codec.compress(source, self._codec, limit=limit), self._writer)
        with self._lock:
            self._begun.append(name)
        self._store.put(name, iter(sealed), part_size=base.PART_SIZE)
        with self._lock:
            self._files.append(
                File(name, member, volume, sealed.size, sealed.sha256, sealed.head_sha256, source.passed - before)
            )


class Crew:
    """Runs tasks on a few threads. The first failure stops the others and is what the caller gets."""

    def __init__(self, size: int) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(size)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._first: BaseException | None = None
        self._endings: list[Callable[[], object]] = []

    def check(self) -> None:
        """Raise Cancelled once another task has failed: long tasks call this often."""
        if self._stop.is_set():
            raise Cancelled("Another part of the work failed first.")

    def guarded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield `chunks` unchanged until another task fails."""
        for chunk in chunks:
            self.check()
            yield chunk

    @contextlib.contextmanager
    def ended_by(self, end: Callable[[], object]) -> Iterator[None]:
        """Let `end` be called when work inside the block has to stop that cannot look for itself."""
        with self._lock:
            self.check()
            self._endings.append(end)
        try:
            yield
        finally:
            with self._lock:
                self._endings.remove(end)

    def run(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Run all tasks in their order, as threads come free. Raise the first failure once all have stopped."""
        concurrent.futures.wait([self._pool.submit(self._one, task) for task in tasks])
        if self._first is not None:
            raise self._first

    def close(self) -> None:
        """Let the threads go."""
        self._halt()
        self._pool.shutdown(wait=True)

    def _one(self, task: Callable[[], object]) -> None:
        if self._stop.is_set():
            return
        try:
            task()
        except BaseException as exc:  # noqa: BLE001 - the caller of run gets it
            self._halt(exc)

    def _halt(self, failure: BaseException | None = None) -> None:
        """Stop everything once; what fails from then on fails because of that."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
            self._first = failure
            for end in self._endings:
                end()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
One backup's files on their way into the store: compressed, sealed, stored, and listed for the manifest.

A member is one or several volumes. Its volumes are streams of their own, so no limit of a store or of the cipher is
ever met in the middle of one. An upload's parts are small and all alike, so that memory is the same for any size.

Where a detail lies, readers believe that a backup was finished, and a store may let nobody delete it. So it is sealed
at once, and stored only by `finish`.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t

from ...drivers.crypto import lbx, strict_json
from ...drivers.stores import base
from ...ground import codec
from ...ground.errors import AccessDenied, StoreError, UsageError
from ...ground.streams import Peekable
from ...records.repository import names as repository
from ...records.repository.manifest import File
from ...records.repository.stored_backup import RECORD_BYTES
from ...records.wal import archive

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ...drivers.components.base import WalRange
    from ...drivers.stores.base import Store
    from ...ground.progress import Phases, Progress

VOLUME_LIMIT = 9_900 * base.PART_SIZE
"""Bytes of one volume, about 77 GiB: S3 takes 10,000 parts, and one derived key may seal up to 256 GiB."""


class BackupFiles:
    """Stores the members of one backup attempt. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        application: str,
        backup_id: str,
        writer: lbx.Writer,
        compression: codec.Codec,
        *,
        component: str,
        attempt: int,
        progress: Progress,
        phases: Phases,
    ) -> None:
        self.attempt = attempt
        self.progress = progress
        self.phases = phases
        self._store = store
        self._application = application
        self._component = component
        self.backup_id = backup_id
        self._writer = writer
        self._codec = compression
        self._lock = threading.Lock()
        self._begun: list[str] = []
        self._files: list[File] = []
        self._detail: list[bytes] = []

    @property
    def compression(self) -> str:
        """The compression as users write it, such as `zstd:3`."""
        return str(self._codec)

    @property
    def files(self) -> tuple[File, ...]:
        """What is stored by now, and the detail as it will be, ordered by name."""
        with self._lock:
            return tuple(sorted(self._files, key=lambda file: file.name))

    def member(self, number: int, plaintext: Iterable[bytes], /) -> None:
        """
        Store a member, in as many volumes as it needs.

        What `plaintext` raises passes through, and the volume that was being written does not exist then.
        """
        source = Peekable(plaintext)
        volume = 1
        while True:
            name = repository.member(self._application, self.backup_id, number, volume)
            self._store_file(name, f"{number:04d}", volume, source, limit=VOLUME_LIMIT)
            if source.exhausted:
                return
            volume += 1

    def record(self, what: str, body: dict[str, t.Any], /) -> None:
        """
        Store the encrypted record `what`.

        `detail` also says whose it is, should its manifest go, and is kept until `finish`.
        """
        name = repository.detail(self._application, self.backup_id, what)
        whose = {"component": self._component} if what == "detail" else {}
        data = strict_json.dumps({**body, **whose}, raw_names=True)
        if len(data) > RECORD_BYTES:
            raise UsageError(
                f"The record {what} of the backup would have {len(data)} bytes, more than the limit of {RECORD_BYTES}.",
                "Back up less of it at once.",
            )
        if what == "detail":
            sealed = self._sealed(name, Peekable([data]), limit=None)
            self._detail = list(sealed)
            self._note(sealed, name, what, 1, len(data))
        else:
            self._store_file(name, what, 1, Peekable([data]), limit=None)

    def lacking(self, wal: WalRange, /) -> tuple[str, ...] | None:
        """Return the segments of a range that are not in the store by now, None where this host may not list it."""
        try:
            return archive.lacking(self._store, self._application, wal)
        except AccessDenied:
            return None

    def finish(self) -> None:
        """Store the detail: nothing is left that could refuse the backup but the store."""
        self._put(repository.detail(self._application, self.backup_id, "detail"), self._detail)

    def discard(self) -> None:
        """Remove what this attempt stored, as far as the store lets us: unlisted files are garbage, not backups."""
        # Those that were begun, too: who was interrupted between storing and noting cannot know.
        for name in self._begun:
            with contextlib.suppress(StoreError):
                self._store.delete(name)

    def _store_file(self, name: str, member: str, volume: int, source: Peekable, *, limit: int | None) -> None:
        before = source.passed
        sealed = self._sealed(name, source, limit=limit)
        self._put(name, sealed)
        self._note(sealed, name, member, volume, source.passed - before)

    def _sealed(self, name: str, source: Peekable, *, limit: int | None) -> lbx.SealedFile:
        return lbx.SealedFile(name, codec.compress(source, self._codec, limit=limit), self._writer)

    def _put(self, name: str, blocks: Iterable[bytes]) -> None:
        with self._lock:
            self._begun.append(name)
        self._store.put(name, iter(blocks), part_size=base.PART_SIZE)

    def _note(self, sealed: lbx.SealedFile, name: str, member: str, volume: int, plain_size: int) -> None:
        """List a file for the manifest, once it was read to its end."""
        file = File(name, member, volume, sealed.size, sealed.sha256, sealed.head_sha256, plain_size)
        with self._lock:
            self._files.append(file)

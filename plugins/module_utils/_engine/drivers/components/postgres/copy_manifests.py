# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
PostgreSQL's own manifests of the copies that this host made, which an incremental copy is asked for with.

A host that cannot open its backups has no other way to one. What lies here is believed only where its hash is the one
that was signed with the backup; where it lacks, or is another, a full backup takes the place of an incremental one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import typing as t

from ....ground import disk, host_state
from ....ground.errors import StoreError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class CopyManifests:
    """Those of one component in one store, in `directory`, which nobody else may enter; without one none is kept."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self.sha256 = ""
        """The hash of the manifest that has passed."""
        self.trouble = ""
        """Why it is not kept, if anything kept it from that."""

    def held(self, backup_id: str) -> str | None:
        """Return the hash of the manifest of a backup; None where it is not at hand."""
        digest = hashlib.sha256()
        try:
            for block in self.blocks(backup_id):
                digest.update(block)
        except StoreError:
            return None
        return digest.hexdigest()

    def blocks(self, backup_id: str) -> Iterator[bytes]:
        """Yield the manifest of a backup. Raise StoreError where it is not at hand."""
        return disk.read_blocks(self._path(backup_id)) if self._directory else iter(())

    def passing(self, backup_id: str, content: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a manifest as it comes, and keep it beside. A disk that refuses is trouble, and no error."""
        digest = hashlib.sha256()
        with contextlib.ExitStack() as stack:
            handle = self._opened(backup_id, stack)
            for block in content:
                digest.update(block)
                if handle is not None and not self._written(handle, block):
                    handle = None
                yield block
        self.sha256 = digest.hexdigest()

    def keep_only(self, backup_id: str) -> None:
        """Remove the manifests of all other backups."""
        with contextlib.suppress(OSError):
            for name in os.listdir(self._directory or "/nonexistent"):
                if name != host_state.COPY.leaf(backup_id=backup_id):
                    os.unlink(os.path.join(self._directory or "", name))

    def _path(self, backup_id: str) -> str:
        return os.path.join(self._directory or "", host_state.COPY.leaf(backup_id=backup_id))

    def _opened(self, backup_id: str, stack: contextlib.ExitStack) -> int | None:
        if not self._directory:
            return None
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return stack.enter_context(disk.closing(os.open(self._path(backup_id), flags, 0o600)))
        except OSError as exc:
            self._note(exc)
            return None

    def _written(self, handle: int, block: bytes) -> bool:
        try:
            disk.write_all(handle, block)
        except OSError as exc:
            self._note(exc)
            return False
        return True

    def _note(self, exc: OSError) -> None:
        self.trouble = (
            f"PostgreSQL's manifest could not be kept in {self._directory}: {exc.strerror}. So the next backup will be "
            "a full one."
        )

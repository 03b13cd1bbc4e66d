# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The files of a server's write-ahead log, read from a store by those who have a key.

Anyone who may write can take a name. So what a name holds counts only if a trusted signer made it, and a file is looked
for under all names that it may have.
"""

from __future__ import annotations

import itertools
import typing as t

from ...drivers.components.postgres import timelines, wal_files
from ...drivers.crypto import lbx
from ...ground import codec
from ...ground.errors import NotFound, Tampered
from . import contents, names

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...drivers.components.postgres.timelines import Ancestor
    from ...drivers.components.postgres.wal_files import WalFile
    from ...drivers.stores.base import ObjectInfo, Store
    from ..repository.trusted_keys import TrustedKeys

LOOKED_AT = 512
"""Objects whose heads are looked at in search of one that counts: anyone who may write can add more."""


class WalReader:
    """Reads the log of one server. Safe to use from several threads."""

    unfinished_given: frozenset[str] = frozenset()
    """Segments that it gave though they are not whole: none."""

    def __init__(self, store: Store, trusted_keys: TrustedKeys, server: contents.Server) -> None:
        self.server = server
        self._store = store
        self._keys = trusted_keys
        self._application = trusted_keys.application
        self._strange: set[ObjectInfo] = set()

    def read(self, file: WalFile) -> Iterator[bytes]:
        """
        Yield what a file holds, each block after it authenticated; at the end all of it is what the name says.

        Taking the first block raises NotFound where nothing has its name, Tampered where what has was altered or is of
        no trusted signer, and StoreError where the store does not say.
        """
        name, _head = self._find(file)
        start, size = b"", 0
        for block in self.opened(name, contents.limit(file, self.server)):
            start = start or block[: contents.HEADER_BYTES]
            size += len(block)
            yield block
        if cause := contents.refusal(file, self.server, start, size):
            raise Tampered(f"{name} {cause}.", "It was not used: find out who stored it.", name=name)

    def opened(self, name: str, limit: int) -> Iterator[bytes]:
        """Yield what an object of this log holds, up to `limit` bytes, each block after it authenticated."""
        opened = lbx.open_file(self._store.get(name), self._expected(name), self._keys.opener)
        return codec.decompress(opened, limit=limit)

    def signed(self, name: str) -> bool:
        """Whether an object is there and its head is of a signer who is trusted for this log; no key is needed."""
        try:
            lbx.read_head(self._store.get(name, 0, lbx.HEAD_LIMIT), self._expected(name))
        except (NotFound, Tampered):
            return False
        return True

    def counts(self, info: ObjectInfo) -> bool:
        """Whether a listed object is signed by who may; one that is not is looked at once."""
        if info in self._strange:
            return False
        if self.signed(info.name):
            return True
        self._strange.add(info)
        return False

    def holds(self, file: WalFile) -> bool:
        """Whether the store holds a file that a signer made who is trusted for this log."""
        return any(self.signed(name) for name in self._names(file))

    def objects(self, file: WalFile) -> Iterator[str]:
        """Yield the names of the objects that may hold a file."""
        return self._names(file)

    def tails(self, segment: str = "", after: str = "") -> Iterator[tuple[ObjectInfo, names.StoredTail]]:
        """Yield object and meaning of what was streamed of one segment, or of all behind `after`, as it is listed."""
        prefix = names.tails(self._application, self.server.system_identifier, segment)
        for info in self._store.list(prefix, f"{prefix}{after}0" if after else ""):  # what follows a slash
            if tail := names.parse_tail(self._application, info.name):
                yield info, tail

    def lineage(self, timeline: int) -> tuple[Ancestor, ...]:
        """
        Return on which timelines one is based, by the signed head of its history, without a key.

        Raise NotFound where there is no history of it, Tampered where its head tells none.
        """
        file = wal_files.parse(wal_files.history(timeline))
        name, head = self._find(file)
        try:
            found = tuple(timelines.Ancestor(one, wal_files.lsn(end)) for one, end in head.lineage or ())
            timelines.check(found, timeline)
        except ValueError as exc:
            raise Tampered(f"{name} has a lineage that makes no sense: {exc}.", "Find out who stored it.") from exc
        return found

    def history(self, timeline: int) -> tuple[Ancestor, ...]:
        """Return the same by the content, which a key opens. Raise Tampered where the head tells something else."""
        file = wal_files.parse(wal_files.history(timeline))
        try:
            found = contents.ancestors(file, b"".join(self.read(file)))
        except ValueError as exc:
            raise Tampered(f"In the stored {file.name}, {exc}.", "Find out who stored it.") from exc
        if found != self.lineage(timeline):
            raise Tampered(f"Head and content of the stored {file.name} differ.", "Find out who stored it.")
        return found

    def later(self, file: WalFile) -> str:
        """
        Return the name of something that the store holds of the same timeline after a segment; empty if nothing.

        What no trusted signer made is nothing, but of much of that not all is looked at, and then the rest counts.
        """
        return self._first(itertools.chain(self._segments_behind(file), self._streamed(file.timeline, file.name)))

    def anything_of(self, timeline: int) -> str:
        """Return the name of some file that the store holds of a timeline, as `later` does; empty if there is none."""
        prefix = names.timeline(self._application, self.server.system_identifier, timeline)
        listed = ((info, names.parse(self._application, info.name)) for info in self._store.list(prefix))
        stored = ((info, one.file.name) for info, one in listed if one)
        return self._first(itertools.chain(stored, self._streamed(timeline)))

    def _segments_behind(self, file: WalFile) -> Iterator[tuple[ObjectInfo, str]]:
        prefix = names.timeline(self._application, self.server.system_identifier, file.timeline)
        after = names.name(self._application, self.server.system_identifier, file)
        for info in self._store.list(prefix, after):
            stored = names.parse(self._application, info.name)
            if stored and stored.file.kind == wal_files.SEGMENT and stored.file.name > file.name:
                yield info, stored.file.name

    def _streamed(self, timeline: int, after: str = "") -> Iterator[tuple[ObjectInfo, str]]:
        """Yield the segments of a timeline, behind another one, of which something was streamed."""
        return ((info, tail.file.name) for info, tail in self.tails(after=after) if tail.file.timeline == timeline)

    def _first(self, found: Iterable[tuple[ObjectInfo, str]]) -> str:
        """Return the first that a trusted signer made; where too many are none of those, the next one."""
        for looked, (info, name) in enumerate(found):
            if looked >= LOOKED_AT or self.counts(info):
                return name
        return ""

    def _find(self, file: WalFile) -> tuple[str, lbx.Head]:
        """
        Return the object of a file and its head. Raise NotFound where it has none.

        Raise Tampered where none of those of its name was signed by who may: one that was altered is not absent.
        """
        strange: Tampered | None = None
        for name in self._names(file):
            try:
                head, _rest = lbx.read_head(self._store.get(name, 0, lbx.HEAD_LIMIT), self._expected(name))
            except NotFound:
                continue
            except Tampered as exc:
                strange = strange or exc
                continue
            return name, head
        raise strange or NotFound(f"{self._store.url} holds no {file.name}.", name=file.name)

    def _names(self, file: WalFile) -> Iterator[str]:
        usual = names.name(self._application, self.server.system_identifier, file)
        if file.kind != wal_files.PARTIAL:
            yield usual
        # Only where the usual name did not do: a listing costs as much as a file.
        for info in self._store.list(names.copies(self._application, self.server.system_identifier, file)):
            stored = names.parse(self._application, info.name)
            if stored and stored.file == file and info.name != usual:
                yield info.name

    def _expected(self, name: str) -> lbx.Expected:
        scope = names.scope(self.server.system_identifier)
        return lbx.Expected(name, self._keys.timeless_signers(scope, lambda: self._store.head(name).modified))

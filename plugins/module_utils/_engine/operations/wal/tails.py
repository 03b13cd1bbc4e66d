# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a server has written by now of a segment that it has not finished, into the store and out of it again.

Each is the segment from its beginning, without the zeros that follow. The newest two stay: a reader who has just listed
them finds one. When the segment is stored whole, they go for good.
"""

from __future__ import annotations

import typing as t

from ...drivers.crypto import keys, lbx
from ...drivers.stores.base import is_there
from ...ground import codec
from ...ground.errors import AlreadyExists, NotFound, Tampered, UsageError
from ...ground.streams import Peekable
from ...records.wal import names

if t.TYPE_CHECKING:
    from datetime import datetime

    from ...drivers.components.postgres.wal_files import WalFile
    from ...drivers.stores.base import Store
    from ...records.repository.trusted_keys import TrustedKeys
    from ...records.wal.settings import WalSettings

KEPT = 2
OTHER_NAMES = 8
"""How many further names are tried where somebody has taken one: a zero more makes another."""

LARGEST = 64
"""Names of which it is remembered whose they are."""


class Tails:
    """Stores the tails of one server."""

    def __init__(self, told: WalSettings, store: Store, trusted_keys: TrustedKeys, now: datetime) -> None:
        self._told = told
        self._store = store
        self._keys = trusted_keys
        self._writer = trusted_keys.writer(told.scope, now)
        self._own: dict[str, bool] = {}

    def prove(self) -> None:
        """Raise UsageError where what is stored could not be removed again, and what the store raises."""
        name = f"{names.tails(self._told.application, self._told.system_identifier)}probe"
        self._store.put(name, [b"lifeboat wal-stream"])
        if self._store.locked_until(name) is not None or self._purge(name) or is_there(self._store, name):
            raise self._kept()

    def keep(self, file: WalFile, content: bytes) -> None:
        """
        Store what was written of a segment, unless that is stored. Raise UsageError where what it replaces stays.

        What the store and the keys raise passes through.
        """
        length = len(content.rstrip(b"\0"))
        # What strangers put there does not push out what is ours.
        held = [one for one in self._held(file) if self._is_own(file, one)]
        if length and (not held or max(held) < length):
            held.append(self._put(file, content, length))
            for old in sorted(held)[:-KEPT]:
                self._remove(file, old)

    def drop(self, file: WalFile) -> None:
        """Remove all tails of a segment. Raise UsageError where one stays."""
        for length in self._held(file):
            self._remove(file, length)

    def _held(self, file: WalFile) -> list[int]:
        """Return the lengths of a segment's tails that the store lists."""
        prefix = names.tails(self._told.application, self._told.system_identifier, file.name)
        parsed = (names.parse_tail(self._told.application, info.name) for info in self._store.list(prefix))
        return [one.length for one in parsed if one]

    def _is_own(self, file: WalFile, length: int) -> bool:
        name = names.tail(self._told.application, self._told.system_identifier, file.name, length)
        if name not in self._own:
            self._own[name] = self._digest(name) is not None
        return self._own[name]

    def _put(self, file: WalFile, content: bytes, length: int) -> int:
        """Store a tail, and return the length under which that is."""
        for more in range(min(OTHER_NAMES, len(content) - length + 1)):
            plain = content[: length + more]
            name = names.tail(self._told.application, self._told.system_identifier, file.name, len(plain))
            digest = keys.plaintext_digest(self._keys.digest_key, [plain])
            blocks = (plain[start : start + codec.BLOCK] for start in range(0, len(plain), codec.BLOCK))
            packed = codec.compress(Peekable(blocks), self._told.compression)
            try:
                self._store.put_new(name, b"".join(lbx.SealedFile(name, packed, self._writer, digest=digest)))
            except AlreadyExists:
                if self._digest(name) != digest:
                    continue
            self._own = {name: True, **dict(list(self._own.items())[:LARGEST])}
            return len(plain)
        raise Tampered(
            f"The names of what was streamed of {file.name} in {self._store.url} are taken by files that no trusted "
            "signer made.",
            "Find out who writes into the store, and remove them there.",
        )

    def _digest(self, name: str) -> str | None:
        """Return the digest of what has a name; None where that is of no signer of ours."""
        try:
            start = self._store.get(name, 0, lbx.HEAD_LIMIT)
            head, _rest = lbx.read_head(start, lbx.Expected(name, self._keys.root_signers(self._told.scope)))
        except (NotFound, Tampered):
            return None
        return head.digest

    def _remove(self, file: WalFile, length: int) -> None:
        if self._purge(names.tail(self._told.application, self._told.system_identifier, file.name, length)):
            raise self._kept()

    def _purge(self, name: str) -> bool:
        """Remove an object for good. Whether it stays."""
        return self._store.purge(name) == "retained"

    def _kept(self) -> UsageError:
        return UsageError(
            f"{self._store.url} keeps what was deleted: every {self._told.cluster} tail of a segment would stay.",
            "Stream to a store without a default lock for objects, or leave out lifeboat_wal_stream.",
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Faults that are planted in a recovered copy, and in the log that it was recovered from, to see whether each is named.

Nothing is written to the store: what of it changes is laid over it in memory.
"""

from __future__ import annotations

import typing as t

from ...drivers.components.base import Planting
from ...drivers.components.postgres import amcheck, page_planting, server_proof, wal_files
from ...drivers.stores.overlay import OverlayStore
from ...ground.errors import NotFound, RecoveryError, Tampered
from ...records.repository import names as repository
from ...records.wal import archive, reading
from ...records.wal.bases import Base
from . import recovered

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...drivers.components.postgres.walled_server import WalledServer
    from .recovered import Extent, Recovered

CANARIES = ("missing_segment", "swapped_segments", "flipped_page")

LARGEST = 64 << 20
"""Bytes of a stored segment beyond which it is not exchanged: it is held in memory."""


class Planted:
    """What was planted, and what is found of it."""

    def __init__(self, server: WalledServer, done: Recovered, extent: Extent, databases: Sequence[str]) -> None:
        self._extent = extent
        self._server = server
        self._done = done
        self._databases = databases
        self._look: Callable[[], tuple[str, ...]] = tuple

    def found(self) -> tuple[str, ...]:
        """Return what whoever looks at the last fault says of it."""
        return self._look()

    def plantings(self, sleep: Callable[[float], None]) -> Iterator[Planting]:
        """Plant one fault after the other, each before it is yielded."""
        yield self._missing()
        yield self._swapped()
        yield self._flipped(sleep)

    def _needed(self) -> list[tuple[str, str, int]]:
        """Return the segments that came from the store: each one's name, its only object, and its bytes."""
        known, plan = self._done.known, self._done.plan
        size, application = known.server.segment_size, self._done.backup.manifest.application
        first = Base.of(self._done.backup).needed_from(size)
        found = []
        for number in range(first, plan.last + 1):
            timeline = plan.branch.timeline_of(number, size)
            objects = list(known.archive.objects(application, timeline, number, number))
            if len(objects) == 1:
                found.append((wal_files.segment(timeline, number, size), *objects[0]))
        return found

    def _missing(self) -> Planting:
        canary, needed, done = CANARIES[0], self._needed(), self._done
        if not needed:
            return Planting(canary, reason=_OWN_LOG)
        segment, name, _size = needed[0]
        server, application = done.known.server, done.backup.manifest.application
        listed = done.backup.store.list(repository.wal(application, server.system_identifier))
        sizes = {server.system_identifier: server.segment_size}
        left = archive.collect((info for info in listed if info.name != name), application, sizes)
        held = left.get(server.system_identifier) or archive.Archive(server.system_identifier, server.segment_size)

        def look() -> tuple[str, ...]:
            try:
                recovered.plan(done.known, done.backup, self._extent.replay, held)
            except NotFound as exc:
                return (exc.cause,)
            return ()

        self._look = look
        return Planting(canary, segment)

    def _swapped(self) -> Planting:
        canary, done = CANARIES[1], self._done
        small = [(segment, name) for segment, name, size in self._needed() if size <= LARGEST][:2]
        if len(small) < 2:
            return Planting(canary, reason=_ONE_SEGMENT if small else _OWN_LOG)
        (one, first), (other, second) = small
        store = done.backup.store
        stored = {first: b"".join(store.get(second)), second: b"".join(store.get(first))}
        over = OverlayStore(store, stored, store.head(first).modified)
        reader = reading.WalReader(over, done.backup.trusted_keys, done.known.server)

        def look() -> tuple[str, ...]:
            said = [_refusal(reader, segment) for segment in (one, other)]
            return (f"{one} and {other}: {said[0]}",) if all(said) else ()

        self._look = look
        return Planting(canary, f"{one} and {other}")

    def _flipped(self, sleep: Callable[[float], None]) -> Planting:
        canary = CANARIES[2]
        try:
            if not server_proof.has_checksums(self._server):
                return Planting(canary, reason="The server has no data checksums.")
            table = page_planting.choose(self._server, self._databases)
            if table is None:
                return Planting(canary, reason="No database has a table with rows.")
        except RecoveryError as exc:
            return Planting(canary, reason=exc.cause)
        page_planting.flip(self._server, table, sleep)

        def look() -> tuple[str, ...]:
            options = [f"--table={table.pattern}", "--no-dependent-indexes", "--no-dependent-toast"]
            return amcheck.check(self._server, options, jobs=1, budget=self._extent.budget).damage

        self._look = look
        return Planting(canary, str(table))


def _refusal(reader: reading.WalReader, segment: str) -> str:
    """Return why a segment is refused; empty where it is taken."""
    try:
        for _block in reader.read(wal_files.parse(segment)):
            pass
    except Tampered as exc:
        return exc.cause
    return ""


_OWN_LOG = "It brings its own log, and nothing was replayed beyond it."
_ONE_SEGMENT = "Only one segment was replayed."

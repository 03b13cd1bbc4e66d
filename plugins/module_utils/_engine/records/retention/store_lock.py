# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A lock that lies in the store itself, so that two hosts do not do the same work on it at once.

It is an object with its owner's token, created only where there is none, and read back: a store that answers yes to
everything must not make two owners. It is renewed while the work goes on; one that was not for half an hour belonged to
somebody who died. Whoever died on this machine is known to be dead at once.

Where the store is full there is no room for a lock, and work that makes room must go on: it is taken as soon as there
is some.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import threading
import typing as t

from ...ground import holder
from ...ground.errors import AlreadyExists, Busy, Full, InconsistentStore, NotFound, RecoveryError, StoreError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.stores.base import Store
    from ...ground.model import World

STALE = datetime.timedelta(minutes=30)
RENEWED = datetime.timedelta(minutes=5)

STEP = 5.0
"""Seconds between two tries to get it."""

_LARGEST = 4096


class StoreLock:
    """The lock while it is held. `stored` is the time at which the store took it, by its own clock; None when full."""

    def __init__(self, store: Store, name: str, token: str, world: World) -> None:
        self.stored: datetime.datetime | None = None
        self._store = store
        self._name = name
        self._data = json.dumps({"owner": token, **holder.stamp()}).encode()
        self._world = world
        self._renewed = world.now()
        self._mutex = threading.Lock()

    def take(self, patience: float) -> None:
        """
        Wait at most so many seconds for the lock, which is taken over from the dead at once.

        Raise Busy that names who has it, InconsistentStore where the store shows a lock that it said is deleted.
        """
        deadline = self._world.now() + datetime.timedelta(seconds=patience)
        taken_away: set[bytes] = set()
        while True:
            try:
                found = self._put()
            except Full:
                return
            if self.stored is not None:
                return
            if found is not None and self._is_over(found) and found[0] not in taken_away:
                self._store.delete(self._name)
                taken_away.add(found[0])
            elif self._world.now() >= deadline:
                raise self._refusal(found, taken_away)
            else:
                self._world.sleep(STEP)

    def _is_over(self, found: tuple[bytes, datetime.datetime]) -> bool:
        return self._world.now() - found[1] > STALE or holder.is_dead(_record(found))

    def _refusal(self, found: tuple[bytes, datetime.datetime] | None, taken_away: set[bytes]) -> RecoveryError:
        if found is not None and found[0] in taken_away:
            return InconsistentStore(
                f"{self._store.url} deleted {self._name}, the lock of {_owner(found)}, but still shows it.",
                "Look for a cache between this host and the store, and run again.",
                name=self._name,
            )
        return Busy(
            f"{_owner(found)} is using {self._store.url} and holds its lock.",
            f"Run again later; the lock of a killed run expires after {STALE.seconds // 60} minutes.",
            name=self._name,
        )

    def check(self) -> None:
        """Renew the lock when it is time. Raise Busy when it has become somebody else's."""
        with self._mutex, contextlib.suppress(Full):
            found = self._found() if self.stored is not None else self._put()
            if found is None or found[0] != self._data:
                raise Busy(
                    f"{_owner(found)} has taken over the lock of {self._store.url}.",
                    "Run again to finish the rest.",
                    name=self._name,
                )
            now = self._world.now()
            if now - self._renewed >= RENEWED:
                self._store.put(self._name, [self._data])
                self._renewed = now

    def give_back(self) -> None:
        """End it; if the store fails now, it ends by itself."""
        with contextlib.suppress(StoreError):
            found = self._found()
            if found is not None and found[0] == self._data:
                self._store.delete(self._name)

    def _put(self) -> tuple[bytes, datetime.datetime] | None:
        """Put the lock where there is none, and give the one that is there. Raise Full when there is no room."""
        found = self._found()
        if found is None:
            with contextlib.suppress(AlreadyExists):
                self._store.put_new(self._name, self._data)
            found = self._found()
        if found is not None and found[0] == self._data:
            self.stored, self._renewed = found[1], self._world.now()
        return found

    def _found(self) -> tuple[bytes, datetime.datetime] | None:
        try:
            return b"".join(self._store.get(self._name, 0, _LARGEST)), self._store.head(self._name).modified
        except NotFound:
            return None


@contextlib.contextmanager
def locked(lock: StoreLock, patience: float) -> Iterator[StoreLock]:
    """Hold the lock while the block runs."""
    lock.take(patience)
    try:
        yield lock
    finally:
        lock.give_back()


def _record(found: tuple[bytes, datetime.datetime]) -> dict[str, t.Any]:
    try:
        record = json.loads(found[0])
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _owner(found: tuple[bytes, datetime.datetime] | None) -> str:
    host = _record(found).get("host") if found else None
    return f"The host {host}" if isinstance(host, str) and host.isprintable() else "Somebody else"

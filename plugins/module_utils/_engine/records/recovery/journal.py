# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The events of one recovery: on this host's disk, and sealed in the store, where an event's number is taken only once.

An event is on the disk before it is in the store, and what the store missed follows with the next one. Where the two
differ, the store is right: another run was faster. Whoever finds his number taken has lost the recovery, and stops.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import typing as t

from ...ground import host_state, journal
from ...ground.errors import AlreadyExists, Busy, NotFound, StoreError, Tampered, UsageError
from ...ground.workers import at_once
from ..repository import names as repository
from . import events, holding, sealing
from .events import Event
from .state import State, fold

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from ...drivers.stores.base import Store
    from ..repository.trusted_keys import TrustedKeys
    from .events import Mode, Run, What

_KEPT = {"recover": host_state.RECOVERIES, "drill": host_state.DRILLS}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """
    Where an application's recoveries lie. `store` is None where it cannot be reached, and `down` says why. What is
    `read_only` stays as it is.
    """

    application: str
    keys: TrustedKeys
    store: Store | None
    state_dir: str | None
    down: StoreError | None = None
    read_only: bool = False

    def path(self, mode: Mode, recovery_id: str) -> str | None:
        """Return the file of a recovery on this host; None where the host keeps nothing."""
        return _KEPT[mode].below(self.state_dir, application=self.application, recovery_id=recovery_id)

    def recoveries(self, mode: Mode) -> dict[str, bool]:
        """Return the ids of all that were run in this mode, the newest first, and whether each ran on this host."""
        listed = self.store.list(repository.events(self.application, mode)) if self.store else ()
        parsed = (repository.parse_event(self.application, mode, info.name) for info in listed)
        found = {place[0] for place in parsed if place}
        own = set(self._own(mode))
        return {identity: identity in own for identity in sorted(found | own, reverse=True)}

    def _own(self, mode: Mode) -> Iterator[str]:
        pattern = self.path(mode, "")
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(os.path.dirname(pattern)) if pattern else ():
                identity = name.partition(".")[0]
                if repository.RECOVERY_ID.fullmatch(identity):
                    yield identity


class RecoveryJournal:
    """The events of one recovery, as they were read last."""

    def __init__(self, place: Place, mode: Mode, recovery_id: str) -> None:
        self.recovery_id = recovery_id
        self.events: list[Event] = []
        self.overtaken = 0
        self._place = place
        self._mode: Mode = mode
        self._path = place.path(mode, recovery_id)
        self._records: list[bytes] = []
        self._kept = 0

    @property
    def path(self) -> str | None:
        """Its file on this host; None where the host keeps nothing."""
        return self._path

    @property
    def state(self) -> State:
        """How the recovery stands."""
        return fold(self.events)

    def begin(self) -> None:
        """Read only the event with which it began. Raise as `read` does."""
        local = self._local()
        self._take([(local[0], None) if local else self._fetched(1)])

    def read(self) -> t.Self:
        """
        Read all of it, from the disk and from the store, and bring the disk up to date.

        Raise Tampered where an event is not the one that belongs in its place, NotFound where there is none.
        """
        stored = self._stored()
        local = self._local()
        mine: dict[int, tuple[bytes, datetime.datetime | None]] = {
            number: (record, None) for number, record in enumerate(local, 1)
        }
        if any(stored[number][0] != mine[number][0] for number in stored.keys() & mine.keys()):
            self._take(list(mine.values()))  # another run's number is one thing, and an altered event another
            mine = {}
        merged = {**mine, **stored}
        self._take([merged[number] for number in sorted(merged)])
        self._kept = len(local)
        if self._records != local and self._path and not self._place.read_only:
            self._rewrite(self._path, local)
        return self

    def recall(self) -> t.Self:
        """Read it from the disk alone; where nothing is kept there, from the store."""
        local = self._local()
        if not local:
            return self.read()
        self._take([(record, None) for record in local])
        self._kept = len(local)
        return self

    def at_work(self, identity: str) -> Run:
        """
        Return the run of this id, which may add events.

        Raise Busy when another one took over, UsageError for a run that opened nothing and for a recovery that is over.
        """
        state = self.state
        run = next((each for each in state.runs if each.id == identity), None)
        if run is None:
            raise UsageError(
                f"{self.recovery_id} was never opened by a run {identity!r}.",
                "Open it first, and pass on the run that this returns.",
                field="run",
            )
        if run != state.run:
            raise self._lost()
        if state.closed:
            raise UsageError(
                f"{self.recovery_id} is closed.", "Open another recovery with recovery_id: new.", field="recovery_id"
            )
        return run

    def add(self, what: What, run: Run, at: datetime.datetime) -> None:
        """Add an event, which `save` keeps on this host and `upload` in the store."""
        previous = hashlib.sha256(self._records[-1]).hexdigest() if self._records else ""
        event = Event(self._place.application, self.recovery_id, len(self.events) + 1, previous, at, run, what)
        self._records.append(sealing.sign(self._place.keys, event))
        self.events.append(events.parse(event.payload()))  # as others will read it

    def save(self) -> None:
        """Write what was added to the disk. Raise Busy when another process of this host did so first."""
        known = self._records[self._kept - 1] if self._kept else None

        def make(newest_first: Iterator[bytes], _torn: int) -> bytes:
            if next(newest_first, None) != known:
                raise Busy(
                    f"Another process of this host wrote to {self.recovery_id} at this moment.",
                    "Run again when no other run is at work.",
                )
            return b"".join(record + b"\n" for record in self._records[self._kept :])

        if self._path is None or self._place.read_only:
            return
        with _writing(self._path):
            journal.append_line(self._path, make)
        self._kept = len(self._records)

    def upload(self) -> None:
        """
        Put into the store what it has not got yet.

        Raise StoreError where it is not to be reached, Busy that names who was faster where a number is taken.
        """
        store = self._place.store
        if self._place.read_only:
            return
        if store is None:
            raise t.cast("StoreError", self._place.down)
        there = set(self._numbers())
        missing = [number for number in range(1, len(self._records) + 1) if number not in there]
        last = (missing[0] if missing else len(self._records) + 1) - 1
        # A store that lets a number be taken twice shows it here, one event later.
        if max(there, default=0) > len(self._records) or (last and self._fetched(last)[0] != self._records[last - 1]):
            raise self._lost()
        for number in missing:
            record, name = self._records[number - 1], self._name(number)
            try:
                store.put_new(name, sealing.seal(self._place.keys, name, record, self.events[number - 1].at))
            except AlreadyExists:
                if self._fetched(number)[0] != record:
                    raise self._lost() from None

    def _lost(self) -> Busy:
        """Return what to tell a run whose number another one took, after the disk has become what the store is."""
        return holding.overtaken(self.read().state)

    def _take(self, records: Sequence[tuple[bytes, datetime.datetime | None]]) -> None:
        if not records:
            raise NotFound(f"There is no recovery {self.recovery_id}.", "Check recovery_id, and the application.")
        opened = [self._opened(*each) for each in records]
        digests = [hashlib.sha256(record).hexdigest() for record, _stored in records]
        events.check(opened, digests, self._place.application, self.recovery_id)
        self.events, self._records = opened, [record for record, _stored in records]

    def _opened(self, record: bytes, stored: datetime.datetime | None) -> Event:
        try:
            return sealing.read(self._place.keys, record, stored)
        except Tampered as exc:
            told = f"An event of {self.recovery_id} cannot be believed: {exc.cause}"
            own = stored is None and self._path
            remedy = f"If the store is reachable, move {self._path} away, and run again." if own else exc.remedy
            raise Tampered(told, remedy, recovery_id=self.recovery_id) from exc

    def _local(self) -> list[bytes]:
        return list(journal.whole_lines(self._path)) if self._path and os.path.exists(self._path) else []

    def _rewrite(self, path: str, local: Sequence[bytes]) -> None:
        """Bring the file up to date. What the store has otherwise is set aside: it may have been done all the same."""
        lost = [record for record in local if record not in self._records]
        self.overtaken = len(lost)
        with _writing(path):
            if lost:
                aside = host_state.OVERTAKEN.path(t.cast("str", self._place.state_dir))
                journal.append_line(aside, lambda _last, _torn: b"".join(record + b"\n" for record in lost))
            journal.rewrite(path, lambda: [record + b"\n" for record in self._records])
        self._kept = len(self._records)

    def _name(self, number: int) -> str:
        return repository.event(self._place.application, self._mode, self.recovery_id, number)

    def _numbers(self) -> dict[int, datetime.datetime]:
        """Return the numbers that the store has, and since when."""
        store, application = self._place.store, self._place.application
        listed = store.list(repository.events(application, self._mode, self.recovery_id)) if store else ()
        parsed = ((repository.parse_event(application, self._mode, info.name), info.modified) for info in listed)
        return {place[1]: modified for place, modified in parsed if place}

    def _stored(self) -> Mapping[int, tuple[bytes, datetime.datetime]]:
        numbers = self._numbers()
        records = at_once(lambda number: self._unsealed(number, numbers[number]), numbers)
        return {number: (record, numbers[number]) for number, record in zip(numbers, records, strict=True)}

    def _fetched(self, number: int) -> tuple[bytes, datetime.datetime]:
        store = self._place.store
        if store is None:
            raise NotFound(f"There is no recovery {self.recovery_id} on this host.", "Check recovery_id.")
        modified = store.head(self._name(number)).modified
        return self._unsealed(number, modified), modified

    def _unsealed(self, number: int, modified: datetime.datetime) -> bytes:
        store = t.cast("Store", self._place.store)
        return sealing.fetch(self._place.keys, store, self._name(number), modified)


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    """Make the directory of a file that the block writes. Raise UsageError where the disk refuses."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        yield
    except OSError as exc:
        raise UsageError(
            f"The recovery cannot be recorded in {path}: {exc.strerror}.",
            "Free space there, or set state_dir to a directory that this user may write to.",
            field="state_dir",
        ) from exc

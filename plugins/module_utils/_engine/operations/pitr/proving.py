# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where a backup of a server's own files is proved: a copy that recovers within walls, and is gone afterwards.

It is fed its log from outside, so that neither a key nor a way to the store is within. Whatever it lacks of that log is
named before it starts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ...drivers.components.base import PHYSICAL, SCRATCH
from ...drivers.components.postgres import walled_server
from ...drivers.components.postgres.trials import SCRATCH_DIRECTORY
from ...ground.errors import NotFound, ProofMismatch
from ...records.repository import catalogue
from ..wal.fetching import Hole
from . import knowing, preparing, recovered, recovering, walled_copy
from .proved_place import ProvedPlace
from .recovered import Extent, Recovered
from .walled_copy import WalledCopy

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...drivers.components.base import Answering, Run, Stored
    from ...drivers.components.postgres.server import Programs
    from ...ground.model import World
    from ...records.repository.catalogue import Backup, RepositorySettings
    from .knowing import Known
    from .plan import Plan

REPLAY = 64
"""Segments behind the end of a base that are replayed, if they are stored."""

BUDGET = 3600.0
"""Seconds in which pg_amcheck looks at what it can."""

ARRIVING = datetime.timedelta(minutes=2)
"""How long a segment may take to arrive after a later one, as long as anything arrives."""

STEP = 5.0
"""Seconds between two looks for it."""


@dataclasses.dataclass(frozen=True, slots=True)
class PhysicalTrial:
    """
    A copy below `directory` of a server, which lasts for `timeout` seconds at most, unless they are 0.

    `replay` segments after the base are replayed, all of them where it is None. pg_amcheck has `budget` seconds, all
    that it needs where they are 0. `unasked` is said of questions that were left out.
    """

    repository: RepositorySettings
    directory: str = SCRATCH_DIRECTORY
    jobs: int = 2
    timeout: float = 86400.0
    replay: int | None = REPLAY
    budget: float = BUDGET
    superuser: str = "postgres"
    unasked: tuple[str, ...] = ()

    mode: t.ClassVar[str] = SCRATCH
    where: t.ClassVar[str] = "a scratch cluster"
    reads_all: t.ClassVar[bool] = True
    kinds: t.ClassVar[frozenset[str]] = frozenset({PHYSICAL})

    def require(self, chain: Sequence[Stored], world: World) -> None:
        """Raise what would keep a copy from being recovered here: programs, walls, a segment that is not stored."""
        walled_server.require(self._programs(chain, world))
        known, backups = self._known(chain, world)
        recovered.plan(known, backups[-1], self.replay)

    @contextlib.contextmanager
    def place(self, chain: Sequence[Stored], run: Run, *, asked: bool) -> Iterator[Answering]:  # noqa: ARG002 - here anybody may ask
        """
        Yield the copy, recovered and promoted.

        Raise ProofMismatch where the log that it needs is not stored or cannot be read to its end, Tampered where
        anything is not as it was signed.
        """
        programs = self._programs(chain, run.world)
        with _named():
            known, backups, plan = self._planned(chain, run.world)
        with walled_copy.walls(programs, self.directory, preparing.room(backups)) as within:
            copy = WalledCopy(known, backups, plan, within, run)
            copy.unpack()
            with contextlib.ExitStack() as stack:
                with _named():
                    server, reached = stack.enter_context(copy.promoted(self.superuser, self.timeout, last=plan.last))
                done = Recovered(known, backups[-1], plan, reached)
                place = ProvedPlace(server, done, self._extent, self.unasked, run)
                with contextlib.closing(place):
                    yield place

    @property
    def _extent(self) -> Extent:
        return Extent(self.replay, self.jobs, self.budget)

    def _programs(self, chain: Sequence[Stored], world: World) -> Programs:
        return preparing.server_programs(int(chain[-1].manifest.versions["server"].partition(".")[0]), world)

    def _planned(self, chain: Sequence[Stored], world: World) -> tuple[Known, list[Backup], Plan]:
        """Return what is known, and the plan. Segments arrive out of order: one that lacks is waited for a little."""
        until = world.now() + ARRIVING
        while True:
            known, backups = self._known(chain, world)
            try:
                return known, backups, recovered.plan(known, backups[-1], self.replay)
            except NotFound:
                now, newest = world.now(), known.archive.newest
                if now >= until or newest is None or newest < now - ARRIVING:
                    raise
            world.sleep(STEP)

    def _known(self, chain: Sequence[Stored], world: World) -> tuple[Known, list[Backup]]:
        opened = catalogue.open_repository(self.repository, world)
        backups = [opened.read(one.manifest.component, one.manifest.backup_id) for one in chain]
        known = knowing.of_server(opened, backups[-1], {backups[-1].manifest.backup_id: backups[-1]})
        return known, [_Followed.of(stored, backup) for stored, backup in zip(chain, backups, strict=True)]


class _Followed:
    """A backup that is read as `stored`, which notes what is read of it."""

    def __init__(self, stored: Stored, backup: Backup) -> None:
        self._stored = stored
        self._backup = backup

    @classmethod
    def of(cls, stored: Stored, backup: Backup) -> Backup:
        """Return the backup as whoever unpacks it takes it."""
        return t.cast("Backup", cls(stored, backup))

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._backup, name)

    def detail(self) -> dict[str, t.Any]:
        return self._stored.record("detail")

    def member(self, number: int, _note: Callable[[int], None] | None = None, /) -> Iterator[bytes]:
        return self._stored.member(number)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Let a log that lacks or cannot be read be what it is: a backup that is not as good as it says."""
    try:
        yield
    except (Hole, NotFound, recovering.Unreadable) as exc:
        raise ProofMismatch(exc.cause, exc.remedy, **exc.details) from exc

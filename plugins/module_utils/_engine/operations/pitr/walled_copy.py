# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A copy of a server that is made and recovers within walls, fed its log from outside: no key and no way to the store is
within.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import typing as t

from ...drivers.components.postgres import walled_server
from ...drivers.components.postgres.physical_layout import PhysicalLayout
from ...drivers.components.postgres.walled_server import WalledServer
from . import recovering, unpacking
from .staging import Stage

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...drivers.components.base import Run
    from ...drivers.components.postgres.server import Programs
    from ...drivers.components.postgres.walled_server import Walls
    from ...records.repository.catalogue import Backup
    from .knowing import Known
    from .plan import Plan
    from .recovering import Reached

COPY = "copy"
STAGED = f"{COPY}.lifeboat-{COPY}"
"""What the copy is called within its walls, and as it is staged."""


def walls(programs: Programs, parent: str, size: int = 0) -> contextlib.AbstractContextManager[Walls]:
    """Return the walls below `parent` for a copy of so many bytes, which are gone afterwards."""
    return walled_server.walled(programs, parent=parent, chance=secrets.randbits(32), name=STAGED, size=size)


@dataclasses.dataclass(frozen=True, slots=True)
class WalledCopy:
    """A copy within walls of the server of the last of `backups`, which needs the others, and where it is to go."""

    known: Known
    backups: Sequence[Backup]
    plan: Plan
    within: Walls
    run: Run

    @property
    def stage(self) -> Stage:
        """Where it is made."""
        return Stage(os.path.join(self.within.place.directory, COPY), COPY, self.within.owner)

    def unpack(self) -> None:
        """Make it, each file authentic. Raise Tampered where one is not."""
        stage, run = self.stage, self.run
        with run.phases("unpack"):
            layout = PhysicalLayout.of(self.backups[-1].detail())
            places = {space.oid: os.path.join(stage.directory, str(space.oid)) for space in layout.tablespaces}
            unpacking.unpack(self.backups, stage, places, self.within.programs, run.progress)

    @contextlib.contextmanager
    def promoted(self, superuser: str, timeout: float, *, last: int | None) -> Iterator[tuple[WalledServer, Reached]]:
        """
        Yield its server at the target, promoted. It is fed segments up to `last`, and lasts for `timeout` seconds at
        most, unless they are 0.

        Raise DatabaseError where it ends anywhere else, and what kept the feed from giving a file.
        """
        plan, stage, run = self.plan, self.stage, self.run
        feed = recovering.feed_of(self.known, self.backups[-1], plan, stage, last=last)
        server = WalledServer(self.within, stage.data, superuser, timeout)
        with feed.served(), server:
            with run.phases("replay"):
                reached = recovering.replay(plan, server, feed, run.world, lambda _at: run.progress.touch())
            with run.phases("promote"):
                recovering.promote(plan, server, feed, run.world)
            yield server, reached

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy that is recovered to prove its backup: how far it is to go, and how far it went."""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres import wal_files
from ...ground.errors import NotFound
from ...records.wal import targets
from ...records.wal.bases import Base
from .planning import Planner

if t.TYPE_CHECKING:
    from ...records.repository.catalogue import Backup
    from ...records.wal.archive import Archive
    from .knowing import Known
    from .plan import Plan
    from .recovering import Reached


class Extent(t.NamedTuple):
    """
    How far a proof goes: how many segments behind the base are replayed, all of them where it is None; how many tables
    are looked at at once, and for how many seconds, where they are not 0.
    """

    replay: int | None
    jobs: int
    budget: float


@dataclasses.dataclass(frozen=True, slots=True)
class Recovered:
    """A copy that was recovered: of which backup, along which plan, to where."""

    known: Known
    backup: Backup
    plan: Plan
    reached: Reached

    @property
    def segments(self) -> int:
        """How many segments were replayed, the last one perhaps in part."""
        size = self.known.server.segment_size
        return (self.reached.position - 1) // size - self.plan.base.start // size + 1

    @property
    def facts(self) -> dict[str, t.Any]:
        """What is told of it."""
        last_end = self.reached.last_end
        return {
            "reached": wal_files.shown(self.reached.position),
            "last_commit_at": last_end.isoformat() if last_end else None,
            "segments": self.segments,
            "timeline": self.plan.branch.timeline,
        }


def plan(known: Known, backup: Backup, replay: int | None, archive: Archive | None = None) -> Plan:
    """
    Return the recovery of a backup along the newest timeline that it leads to, by what the store holds or by this
    `archive`: to its end, or to so many segments behind the base.

    Raise NotFound where a segment lacks on that way.
    """
    archive, base = archive or known.archive, Base.of(backup)
    size, branches = archive.segment_size, known.tree.through(base.timeline, base.stop)
    if not branches:
        raise NotFound(
            f"The store has no {wal_files.history(base.timeline)}, so timeline {base.timeline} is unknown.",
            "If the server still has it in pg_wal, archive it from there.",
        )
    branch = branches[-1]
    target = targets.parse(targets.LATEST)
    if replay is not None and archive.last(branch) > base.last(size) + replay:
        end = (base.last(size) + replay + 1) * size
        target = targets.parse({"lsn": wal_files.shown(end)}, exclusive=True)
    planner = Planner([base], archive, known.tree, lambda _timeline, _number: ())
    return planner.plan(target, timeline=branch.timeline, backup_id=base.backup_id)

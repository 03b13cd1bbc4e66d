# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
Use case: a server as it was at a moment, from a base backup and the log that it wrote after it.

A copy recovers in private beside the data directory. What is there stays as it was until the copy stands where it was
to stand, has begun a timeline of its own, and that timeline's history is in the store; then two renames exchange them.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ...drivers.components.postgres import collations, replacing
from ...drivers.components.postgres.collations import Settled
from ...drivers.components.postgres.recovering_server import DATABASE, RecoveringServer
from ...drivers.components.postgres.replication import STANDBY_SIGNAL
from ...ground.errors import DatabaseError, UsageError
from ...ground.progress import Progress, status_directory
from ...records.repository import readings
from . import finishing, preparing, recovering, report, resumed, unpacking
from .request import PROMOTED, STANDBY

if t.TYPE_CHECKING:
    from ...ground.model import Outcome, World
    from .preparing import Prepared
    from .request import PitrRequest


def recover(request: PitrRequest, world: World) -> Outcome:
    """
    Recover the server, and put it into its place, stopped. In check mode stop after the plan.

    Raise UsageError for a missing confirm token or values that cannot be meant, NotFound where a segment lacks or
    nothing is stored, DatabaseError where the copy ends anywhere but at the target. In every such case the data
    directory is as it was.
    """
    if ended := resumed.find(request, world):
        return ended
    prepared = preparing.prepare(request, world)
    if world.dry_run:
        return report.planned(prepared)
    if prepared.confirm and request.confirm != prepared.confirm:
        raise UsageError(
            f"{request.data_directory} holds data.", f"To replace it, set confirm: {prepared.confirm}", field="confirm"
        )
    progress = Progress(
        status_directory(request.repository.state_dir, world), "pitr", prepared.known.component, world.now
    )
    with readings.announced_all(prepared.chain, "a recovery", secrets.token_hex(8)) as held, progress.running():
        outcome = _recovered(prepared, progress, world)
    warnings = (*(warning for reading in held for warning in reading.warnings), *outcome.warnings)
    return dataclasses.replace(outcome, warnings=warnings)


def _recovered(prepared: Prepared, progress: Progress, world: World) -> Outcome:
    request, plan, stage = prepared.request, prepared.plan, prepared.stage
    copy = RecoveringServer(prepared.programs, stage.data, stage.private, stage.owner, request.superuser)
    began = world.now()
    if not _goes_on(prepared, copy):
        unpacking.unpack(prepared.chain, stage, prepared.places, prepared.programs, progress)
    last = plan.last if plan.certain else None
    feed = recovering.feed_of(prepared.known, prepared.backup, plan, stage, last=last)
    with feed.served(), copy:
        progress.phase("replay")
        unpacked = world.now()
        reached = recovering.replay(plan, copy, feed, world, lambda _position: progress.touch())
        reached = recovering.with_heartbeat(reached, copy)
        replayed = world.now()
        timeline: int | None = None
        settled = Settled()
        warnings: tuple[str, ...] = ()
        if request.state == PROMOTED:
            progress.phase("promote")
            timeline = recovering.promote(plan, copy, feed, world)
            progress.phase("collations")
            settled = collations.settle(copy.login, DATABASE, progress.touch)
            warnings = finishing.store_history(request.wal_config, prepared.known, stage.data, timeline, world)
        copy.stop()
    copy.restore(STANDBY_SIGNAL if request.state == STANDBY else "")
    progress.phase("swap")
    took = ((unpacked - began).total_seconds(), (replayed - unpacked).total_seconds())
    kept = replacing.aside(request.data_directory, world.now())
    outcome = report.done(prepared, reached, finishing.Finished(timeline, kept, settled, warnings, *took))
    resumed.note(request, outcome, stage)
    replacing.exchange(stage.data, request.data_directory, kept)
    resumed.note_place(request)
    stage.remove()
    return outcome


def _goes_on(prepared: Prepared, copy: RecoveringServer) -> bool:
    """
    Whether the copy of an earlier run is there, and can go on to the target.

    Raise DatabaseError where it cannot, and has tablespaces: only people can tell whose what is in their places is.
    """
    stage, plan, places = prepared.stage, prepared.plan, prepared.places.values()
    if not stage.whole or stage.places != frozenset(places):
        return False
    control = copy.control()
    same = control.system_identifier == prepared.known.server.system_identifier
    before = control.timeline in plan.branch.timelines and (plan.reach is None or control.replayed <= plan.reach)
    if same and before:
        return True
    if places:
        raise DatabaseError(
            f"A run that was interrupted left a copy in {stage.directory} that is "
            f"{f'past {plan.target}' if same else 'of another server'}.",
            f"Remove it, and what is in {', '.join(places)}, and run this again.",
        )
    return False

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""
Use case: a server as it was at a moment, from a base backup and the log that it wrote after it.

A copy recovers in private beside the data directory. What is there stays as it was until the copy stands where it was
to stand, has begun a timeline of its own, and that timeline's history is in the store; then two renames exchange them.
"""

from __future__ import annotations

import typing as t

from ...drivers.components.postgres import replacing
from ...drivers.components.postgres.recovering_server import RecoveringServer
from ...ground.errors import DatabaseError, UsageError
from ...ground.progress import Progress, status_directory
from ...records.wal.bases import range_of
from ..wal.feeding import Feed
from . import finishing, preparing, recovering, report

if t.TYPE_CHECKING:
    from ...ground.model import Outcome, World
    from .preparing import Prepared
    from .request import PitrRequest
    from .staging import Stage


def recover(request: PitrRequest, world: World) -> Outcome:
    """
    Recover the server, and put it into its place, stopped. In check mode stop after the plan.

    Raise UsageError for a missing confirm token or values that cannot be meant, NotFound where a segment lacks or
    nothing is stored, DatabaseError where the copy ends anywhere but at the target. In every such case the data
    directory is as it was.
    """
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
    with progress.running():
        return _recovered(prepared, progress, world)


def _recovered(prepared: Prepared, progress: Progress, world: World) -> Outcome:
    request, plan, stage = prepared.request, prepared.plan, prepared.stage
    copy = RecoveringServer(prepared.programs, stage.data, stage.private, stage.owner, request.superuser)
    if not _goes_on(prepared, copy):
        progress.phase("unpack")
        _unpack(prepared, stage, progress)
    owner = (stage.owner.uid, stage.owner.gid)
    needs = range_of(prepared.backup)
    feed = Feed(
        prepared.known.reader,
        stage.feed,
        plan.branch,
        owner,
        last=plan.last if plan.certain else None,
        held=needs.segments if needs.included else range(0),
    )
    with feed.served(), copy:
        progress.phase("replay")
        reached = recovering.replay(plan, copy, feed, world, lambda _position: progress.touch())
        progress.phase("promote")
        timeline = recovering.promote(plan, copy, feed, world)
        warnings = finishing.store_history(request.wal_config, prepared.known, stage.data, timeline, world)
        copy.stop()
    copy.restore()
    progress.phase("swap")
    kept = replacing.exchange(stage.data, request.data_directory, world.now())
    stage.remove()
    return report.done(prepared, reached, timeline, kept, (*plan.warnings, *warnings))


def _goes_on(prepared: Prepared, copy: RecoveringServer) -> bool:
    """
    Whether the copy of an earlier run is there, and can go on to the target.

    Raise DatabaseError where it is past it, and has tablespaces: only people can tell whose what is in their places is.
    """
    stage, plan, places = prepared.stage, prepared.plan, prepared.places.values()
    if not stage.whole or stage.places != frozenset(places):
        return False
    control = copy.control()
    if control.timeline in plan.branch.timelines and (plan.reach is None or control.replayed <= plan.reach):
        return True
    if places:
        raise DatabaseError(
            f"A run that was interrupted left a copy in {stage.directory} that is past {plan.target}.",
            f"Remove it, and what is in {', '.join(places)}, and run this again.",
        )
    return False


def _unpack(prepared: Prepared, stage: Stage, progress: Progress) -> None:
    """Make the copy, each file authentic and as PostgreSQL's own manifest says."""
    backup, layout = prepared.backup, prepared.layout
    stage.make(list(prepared.places.values()))
    try:
        for space in layout.tablespaces:
            place = prepared.places[space.oid]
            stage.unpack(stage.space(place), backup.member(space.member, progress.member(f"{space.member:04d}").note))
        stage.unpack(stage.data, backup.member(layout.base, progress.member(f"{layout.base:04d}").note))
        progress.phase("verify")
        stage.complete(prepared.programs, b"".join(backup.member(layout.manifest)), prepared.places)
    except BaseException:
        stage.remove(prepared.places.values())
        raise

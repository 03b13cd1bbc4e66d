# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: bring back rows of some tables as they were in a backup, or at a moment, into a database that goes on living.

They are compared where no code of the tables' owners runs on the living server, shown, confirmed, and put back in one
transaction.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ...drivers.components.base import WHOLE_CLUSTER, Run
from ...drivers.components.postgres import rescue_source
from ...drivers.components.postgres.layout import BackupContents
from ...drivers.components.postgres.row_rescue import Rescue
from ...ground.progress import Phases, Progress, status_directory
from ...records.repository import names as repository
from ...records.repository import readings
from ..lend.borrowing import borrowing
from ..pitr.standing import standing
from ..restore.choice import choose
from ..restore.restore import require_kind
from .report import Origin, Report

if t.TYPE_CHECKING:
    from ...drivers.components.postgres.rescue_source import Source
    from ...ground.model import Outcome, World
    from ..lend.borrowing import Borrower
    from ..pitr.standing import Moment
    from ..restore.choice import Choice
    from .request import RescueRequest

__all__ = ["rescue", "rescue_chain"]


def rescue(request: RescueRequest, world: World) -> Outcome:
    """
    Bring back the rows that `request` means; in check mode stop after the comparison.

    Raise UsageError for a missing confirm token, which has the comparison in its details, Busy where rows have moved,
    DatabaseError where tables cannot be compared or written, and what stands against the moment. In every such case
    nothing was changed.
    """
    request.check()
    # Held from before the first look at a key, which may be lent too.
    with borrowing(request.loan) as loan:
        if request.moment is not None:
            return _from_moment(request, request.moment, world, loan)
        component = repository.component(request.cluster, request.database)
        chosen = choose(request.repository, component, request.backup, request.thresholds, world)
        with readings.announced_all(chosen.chain, "a rescue of rows", secrets.token_hex(8)) as held:
            done = rescue_chain(request, world, chosen, loan)
    warnings = (*(warning for reading in held for warning in reading.warnings), *done.warnings)
    return dataclasses.replace(done, warnings=warnings)


def rescue_chain(request: RescueRequest, world: World, chosen: Choice, loan: Borrower) -> Outcome:
    """Bring back rows from what was `chosen`. The rights of `loan` are asked for only to change something."""
    require_kind(chosen.chain, request.trial.kinds)
    request.trial.require(chosen.chain, world)
    record = chosen.chain[-1].manifest
    run = _run(request, world, record.component)
    contents = BackupContents.of(chosen.chain[-1])
    tables = request.wanted().tables
    with run.progress.running(), rescue_source.restored(request.trial, contents, run, tables) as source:
        done = _between(request, source, run, loan, Origin(record))
    return dataclasses.replace(done, warnings=(*chosen.cautions, *done.warnings))


def _from_moment(request: RescueRequest, moment: Moment, world: World, loan: Borrower) -> Outcome:
    """Bring back rows from the server as it was at a moment."""
    run = _run(request, world, repository.component(request.cluster, WHOLE_CLUSTER))
    with (
        run.progress.running(),
        standing(request.repository, request.cluster, moment, run) as server,
        rescue_source.connected(server.login, request.database, server.warnings) as source,
    ):
        origin = Origin(server.backup.manifest, str(server.plan.target))
        return _between(request, source, run, loan, origin)


def _run(request: RescueRequest, world: World, component: str) -> Run:
    state_dir = request.repository.state_dir
    progress = Progress(status_directory(state_dir, world), "rescue", component, world.now)
    return Run(world, progress, Phases(world.now, progress), state_dir)


def _between(request: RescueRequest, source: Source, run: Run, loan: Borrower, origin: Origin) -> Outcome:
    """Compare the living tables with those of the source, and bring back what differs."""
    sides = Rescue(
        source.connection,
        request.login,
        request.living,
        request.wanted(),
        directory=request.trial.directory,
        os_user=request.os_user,
    )
    with sides:
        with run.phases("comparison"):
            found = sides.compare()
        report = Report(request, origin, found, source.warnings)
        if report.nothing:
            return report.unchanged()
        if run.world.dry_run:
            return report.planned()
        report.require_confirm()
        with loan.rights(), run.phases("rescue"):
            left, warnings = sides.apply(found)
    return report.done(left, warnings, run.phases.seconds)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: a run ends. It leaves the recovery to a later run, or closes it and lets go of its recovery points."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import RecoveryError, UsageError, require_one_of
from ...ground.model import Done, Outcome
from ...records.recovery.events import Close, Leave, Open, Repin
from . import points
from .reaching import keep, reach
from .stepping import find, run_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...ground.model import World
    from ...records.recovery.events import Point
    from ...records.recovery.journal import RecoveryJournal
    from ...records.repository.catalogue import RepositorySettings

LEFT = ("failed", "waiting")
CLOSED = ("ok", "failed")


@dataclasses.dataclass(frozen=True, slots=True)
class EndRequest:
    """How a run ended, and in a sentence why."""

    repository: RepositorySettings
    recovery_id: str
    run: str
    result: str
    reason: str = ""


def leave(request: EndRequest, world: World) -> Outcome:
    """Journal that the run ended and the recovery did not: the next run goes on with it and takes it from nobody."""
    require_one_of("result", request.result, LEFT)
    return _ended(request, Leave(t.cast("t.Any", request.result)), world)


def close(request: EndRequest, world: World) -> Outcome:
    """Journal that the recovery is over, and take its pins back. Raise UsageError while steps are left to be done."""
    require_one_of("result", request.result, CLOSED)
    return _ended(request, Close(t.cast("t.Any", request.result)), world)


def _ended(request: EndRequest, what: Leave | Close, world: World) -> Outcome:
    if world.dry_run:
        return Outcome(changed=False)
    reached = reach(request.repository, world)
    journal = find(reached, request.recovery_id)
    run = run_of(journal, request.run)
    if what == Close("ok"):
        _require_done(journal)
    journal.add(what, run, world.now())
    warnings = [*keep(journal)]
    if isinstance(what, Close) and reached.opened:
        warnings += points.release(reached.opened, journal.recovery_id, _pinned(journal), world)
    state = journal.state
    how = {"ok": "is finished", "failed": "failed", "waiting": f"waits before step {state.waiting}"}[request.result]
    told = f"{state.opened.mode.capitalize()} {state.recovery_id} of plan {state.plan.name} {how}"
    told = f"{told}: {request.reason}" if request.reason else f"{told}."
    facts = {"recovery": state.facts(), "summary": told}
    outcome = Outcome(changed=True, facts=facts, warnings=tuple(warnings))
    if request.result != "waiting":
        failed = RecoveryError(told, recovery_id=state.recovery_id)
        world.record(
            Done("recovery", outcome if request.result == "ok" else failed, {"state": what.__class__.__name__.lower()})
        )
    return outcome


def _require_done(journal: RecoveryJournal) -> None:
    state = journal.state
    left = [step.id for step in state.plan.steps if step.id not in state.settled]
    if left:
        raise UsageError(
            f"{state.recovery_id} cannot be closed as ok: step {left[0]} is not done.",
            "Close it as failed, or leave it and run the plan again.",
            field="result",
            steps=left,
        )


def _pinned(journal: RecoveryJournal) -> Iterator[tuple[str, Point]]:
    """Yield all points that the recovery ever had."""
    for event in journal.events:
        if isinstance(event.what, Open | Repin):
            yield from event.what.points.items()

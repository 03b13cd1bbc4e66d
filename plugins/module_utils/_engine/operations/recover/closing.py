# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: a run ends. It leaves the recovery to a later run, or closes it and lets go of its recovery points."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import RecoveryError, UsageError, require_one_of
from ...ground.model import Done, Outcome
from ...records.recovery import announcing, outcome
from ...records.recovery.events import DRILL, Close, Leave, Open, Repin
from ..mark import marking
from . import ledger, points
from .reaching import Reached, keep, reach
from .stepping import find

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...ground.model import World
    from ...records.recovery.journal import RecoveryJournal
    from ...records.recovery.objectives import Objective
    from ...records.recovery.state import State
    from ...records.repository.catalogue import RepositorySettings

LEFT = ("failed", "waiting", "incomplete")
CLOSED = ("ok", "failed")


@dataclasses.dataclass(frozen=True, slots=True)
class EndRequest:
    """How a run ended, in a sentence why, and what the recovery was to achieve."""

    repository: RepositorySettings
    recovery_id: str
    run: str
    result: str
    reason: str = ""
    objectives: tuple[Objective, ...] = ()


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
    run = journal.at_work(request.run)
    if what == Close("ok"):
        _require_done(journal)
    journal.add(what, run, world.now())
    warnings = [*keep(journal), *(_marked(journal, reached, world) if isinstance(what, Close) else ())]
    if isinstance(what, Close):
        warnings += conclude(journal, reached, world, request.objectives)
    state = journal.state
    told = f"{state.title} {_how(state, request.result)}" + (f": {request.reason}" if request.reason else ".")
    known, status_page = state.facts(), announcing.status_page(state)
    facts = {"recovery": known, "summary": told, "status_page": status_page}
    done = Outcome(changed=True, facts=facts, warnings=tuple(warnings))
    reason = DRILL if known["mode"] == DRILL else request.reason
    if request.result == "failed":
        about = {"recovery_id": state.recovery_id, "mode": known["mode"], "plan": known["plan"]}
        failure = RecoveryError(told, status_page=status_page, **about)
        world.record(Done("recovery", failure, {"state": journal.events[-1].kind, "reason": reason}))
    elif request.result != "incomplete":
        kind = "waiting" if state.left else journal.events[-1].kind
        world.record(Done("recovery", done, {"state": kind, "reason": reason}))
    return done


def _how(state: State, result: str) -> str:
    """Return how a recovery ended, or a run of it, without what hosts said: others are told of it."""
    if result == "failed" and not state.closed:
        undone = [*state.failed, *state.interrupted]
        return f"stopped in step {' and '.join(undone)}" if undone else "stopped"
    text = next((wait.text for wait in reversed(state.waits) if wait.step == state.waiting), "")
    return {
        "ok": "is finished",
        "failed": "failed",
        "waiting": f"waits before step {state.waiting}" + (f" ({text})" if text else ""),
        "incomplete": "is incomplete",
    }[result]


def conclude(
    journal: RecoveryJournal, reached: Reached, world: World, wanted: Sequence[Objective] = ()
) -> Iterator[str]:
    """Do in the store what follows the end of a recovery. Yield what stands in the way."""
    yield from _let_go(journal, reached, world)
    yield from _publish(journal, reached, wanted, world)


def _let_go(journal: RecoveryJournal, reached: Reached, world: World) -> Iterator[str]:
    """Take the pins of a recovery that is over back. Yield what stands in the way."""
    whats = (event.what for event in journal.events)
    pinned = {pair for what in whats if isinstance(what, Open | Repin) for pair in what.points.items()}
    if pinned and reached.opened is None:
        yield f"The recovery points of {journal.recovery_id} stay pinned, as the store cannot be reached."
    elif reached.opened and not world.dry_run:
        yield from points.release(reached.opened, journal.recovery_id, pinned, world)


def _publish(journal: RecoveryJournal, reached: Reached, wanted: Sequence[Objective], world: World) -> Iterator[str]:
    """Put what came of a recovery that is over into the store, for metrics. Yield what stands in the way."""
    if reached.opened is None or world.dry_run:
        return
    state = journal.state
    known = [*ledger.earlier(reached.place, but=journal.recovery_id), state]
    try:
        outcome.store(reached.place.keys, reached.opened.store, outcome.of(state, wanted, known))
    except RecoveryError as exc:
        yield f"Metrics will not show {journal.recovery_id}: {exc.cause}"


def _marked(journal: RecoveryJournal, reached: Reached, world: World) -> Iterator[str]:
    """Mark what a drill restored and compared as restore-tested: its hosts have no key that may. Yield problems."""
    state = journal.state
    if state.opened.mode != DRILL or reached.opened is None:
        return
    ended = [one.end for one in state.latest.values() if one.end and one.end.result == "ok"]
    tested = {component for end in ended for component in str(end.facts.get("restore_tested", "")).split()}
    for component, point in state.points.items():
        if component in tested:
            try:
                backup = reached.opened.read(component, point.backup_id)
                _said, problem = marking.record_restore_test(backup, f"Validated by {state.recovery_id}", world)
            except RecoveryError as exc:
                problem = f"{point.backup_id} could not be marked as restore-tested: {exc.cause}"
            if problem:
                yield problem


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
    if state.opened.mode == DRILL and (state.torn_down is None or state.torn_down.left):
        raise UsageError(
            f"{state.recovery_id} cannot be closed as ok: its hosts are not torn down.",
            "Close it as failed. The next drill tears them down first.",
            field="result",
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: a run journals that a step begins, how it ended, or that it waits; and reads how the recovery stands."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ...ground.errors import NotFound, UsageError
from ...ground.model import Outcome
from ...records.recovery.events import DRILL, MODES, Begin, End, Fact, Mode, Result, Told, TornDown, Waiting
from ...records.recovery.journal import RecoveryJournal
from ...records.recovery.saying import message, messages
from ...records.repository import names as repository
from .reaching import Reached, keep, reach

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...ground.model import World
    from ...records.recovery.events import What
    from ...records.repository.catalogue import RepositorySettings


@dataclasses.dataclass(frozen=True, slots=True)
class StepRequest:
    """
    What happens to a step in a run; to read a recovery, its id will do.

    An `exclusive` step begins only once the store has its event, unless `journal` is local: two runs that cannot see
    one another must not both do it.
    """

    repository: RepositorySettings
    recovery_id: str
    run: str = ""
    step: str = ""
    attempt: int = 1
    exclusive: bool = False
    journal: str = "store"
    result: Result = "ok"
    accepted: bool = False
    reason: str = ""
    hosts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    changed: bool | None = None
    facts: Mapping[str, object] = dataclasses.field(default_factory=dict)
    text: str = ""
    channels: tuple[str, ...] = ()


def begin(request: StepRequest, world: World) -> Outcome:
    """Journal that a step begins. Raise Busy when another run took the recovery over, UsageError for what is done."""
    required = request.exclusive and request.journal != "local"
    return _journalled(request, Begin(request.step, request.attempt), world, required=required)


def end(request: StepRequest, world: World) -> Outcome:
    """Journal how a step ended."""
    what = End(
        step=request.step,
        attempt=request.attempt,
        result=request.result,
        accepted=request.accepted,
        reason=message(request.reason),
        hosts=messages(request.hosts),
        changed=request.changed,
        facts=_small(request.facts),
    )
    return _journalled(request, what, world)


def wait(request: StepRequest, world: World) -> Outcome:
    """Journal that the run stops before a step."""
    return _journalled(request, Waiting(request.step, message(request.text)), world)


def tear_down(request: StepRequest, world: World) -> Outcome:
    """
    Journal that the hosts of a drill were cleared; `hosts` are those on which something is left, and what.

    Raise UsageError where it is no drill.
    """
    return _journalled(request, TornDown(messages(request.hosts)), world)


def tell(request: StepRequest, world: World) -> Outcome:
    """Journal that receivers of notifications were told of the recovery."""
    return _journalled(request, Told(tuple(map(message, request.channels))), world)


def read(request: StepRequest, world: World) -> Outcome:
    """Tell how a recovery stands. Raise NotFound where there is none of that id."""
    journal = find(reach(request.repository, world), request.recovery_id)
    return Outcome(changed=False, facts={"recovery": journal.read().state.facts()})


def find(reached: Reached, recovery_id: str) -> RecoveryJournal:
    """Return a recovery or a drill by its id, as this host has it, else as the store has it. Raise NotFound."""
    if not repository.RECOVERY_ID.fullmatch(recovery_id):
        raise UsageError(
            f"recovery_id: {recovery_id!r} is not the id of a recovery.",
            "Use the id that state: open returned.",
            field="recovery_id",
        )
    modes: tuple[Mode, ...] = MODES
    for mode in modes:
        with contextlib.suppress(NotFound):
            return RecoveryJournal(reached.place, mode, recovery_id).recall()
    raise reached.place.down or NotFound(f"There is no recovery {recovery_id}.", "Check recovery_id and application.")


def _journalled(request: StepRequest, what: What, world: World, *, required: bool = False) -> Outcome:
    if world.dry_run:
        return Outcome(changed=False)
    journal = find(reach(request.repository, world), request.recovery_id)
    run = journal.at_work(request.run)
    if isinstance(what, TornDown) and journal.state.opened.mode != DRILL:
        raise UsageError(
            f"{journal.recovery_id} is no drill: its hosts stay as they are.", "Name a drill.", field="recovery_id"
        )
    if not isinstance(what, Told | TornDown):
        _check_step(request.step, what, journal)
    journal.add(what, run, world.now())
    warnings = keep(journal, required=required)
    return Outcome(changed=True, facts={"recovery": journal.state.facts()}, warnings=warnings)


def _check_step(step: str, what: What, journal: RecoveryJournal) -> None:
    """Raise UsageError when the plan has no such step, or it must not begin."""
    if journal.state.plan.digest_of(step) is None:
        raise UsageError(
            f"step: plan {journal.state.plan.name} has no step {step!r}.", "Use the id of a step.", field="step"
        )
    if isinstance(what, Begin) and step in journal.state.settled:
        raise UsageError(f"step: {step} is done in {journal.recovery_id}.", "Leave it out of this run.", field="step")


def _small(facts: Mapping[str, object]) -> dict[str, Fact]:
    """Return facts as the journal takes them: numbers are whole, and texts one line."""
    return {message(name): _fact(value) for name, value in facts.items() if value is not None}


def _fact(value: object) -> Fact:
    if isinstance(value, bool | int):
        return value
    return round(value) if isinstance(value, float) else message(str(value))

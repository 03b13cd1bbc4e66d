# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: a run opens a recovery. It begins one, or goes on with one that is unfinished, where the last run left it.

What was chosen when it began, the recovery points and the hosts in whose place others stand, is taken from there: a
resumed recovery does not drift to another backup, and one of other hosts is another recovery.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import typing as t

from ...ground import disk, holder, journal
from ...ground.entries import nearest
from ...ground.errors import StoreError, Tampered, UsageError, require_one_of
from ...ground.host_state import RECOVERIES_LOCK
from ...ground.model import Done, Outcome
from ...records.anomalies.thresholds import DEFAULTS, Thresholds
from ...records.recovery import announcing, arriving, expecting, forecast, forms
from ...records.recovery.events import DRILL, MODES, Aim, Approve, Close, Mode, Open, Plan, Repin, Run
from ...records.recovery.journal import RecoveryJournal
from ...records.repository import names as repository
from ...records.retention import store_lock
from . import ledger, log_sizes, points, resuming, which
from .closing import conclude
from .reaching import Reached, keep, reach

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping

    from ...ground.model import World
    from ...records.recovery.events import Expected, Point
    from ...records.recovery.state import State
    from ...records.repository.catalogue import RepositorySettings

JOURNALS = ("store", "local")
PATIENCE = 1200
"""Steps that a run waits for another one of this host to have opened a recovery: a minute."""

SIMULATED = "simulated"
"""The id of a recovery that check mode would begin."""


@dataclasses.dataclass(frozen=True, slots=True)
class OpenRequest:
    """
    What a run begins with. `pid` is the process that runs the plan, `user` whoever asked for it.

    `recovery_id` is empty, an id, or `new`. `points` name backups by component, `*` for all, `clusters` those of hosts
    that are not called as their cluster is. What is None or empty is taken from the recovery that is resumed.
    `target` is the moment to which steps of type pitr recover servers, as somebody wrote it, `default_target` the one
    where nobody wrote any.
    With `takeover` it is taken from a run that may live; with `journal` local the store may miss it.
    """

    repository: RepositorySettings
    plan: Plan
    pid: int
    user: str
    recovery_id: str = ""
    mode: Mode = "recover"
    reason: str = ""
    replace: Mapping[str, str] = dataclasses.field(default_factory=dict)
    failover: Mapping[str, str] = dataclasses.field(default_factory=dict)
    target: object = None
    default_target: object = None
    points: Mapping[str, str] = dataclasses.field(default_factory=dict)
    clusters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    infected_since: datetime.datetime | None = None
    incident_at: datetime.datetime | None = None
    approve: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    takeover: bool = False
    journal: str = "store"
    thresholds: Thresholds = DEFAULTS


def plan(value: Mapping[str, t.Any]) -> Plan:
    """Return a plan as it stands in the journal. Raise UsageError where a part is missing or of another type."""
    try:
        return forms.read(Plan, dict(value), "plan")
    except Tampered as exc:
        raise UsageError(
            "plan is not a plan as lookup recovery_plan describes it.",
            "Give name, digest, and of each step id, digest, type, hosts, component and stage.",
            field="plan",
        ) from exc


def open_recovery(request: OpenRequest, world: World) -> Outcome:
    """
    Begin a recovery or go on with one; facts hold how it stands and the run that the others must name.

    Raise Busy that names who is at work, UsageError for what only a person can decide, StoreError where the store
    cannot be reached and this host has no journal of it.
    """
    run = _run(request)
    _check(request)
    reached = reach(request.repository, world)
    with _turn(request, reached, world):
        asked = which.Asked(
            request.plan.name,
            request.mode,
            request.recovery_id,
            request.takeover,
            run.process,
            world.now(),
            request.replace,
            request.failover,
            request.target,
        )
        found = which.find(reached.place, asked)
        # The store may have missed how a recovery ended, and then its pins are still there.
        missed = [told for each in found.over for told in (*keep(each), *conclude(each, reached, world))]
        warnings = [*found.warnings, *missed]
        if found.interrupted:
            warnings += _abandoned(found.interrupted, run, reached, world)
        if found.journal and found.journal in found.over:
            return _outcome(found.journal, warnings, changed=False)
        if found.journal is None and reached.opened is None and request.journal != "local":
            raise _down(reached)
        return _Opening(request, world, reached, run, found.journal).open(warnings)


class _Opening:
    def __init__(
        self, request: OpenRequest, world: World, reached: Reached, run: Run, found: RecoveryJournal | None
    ) -> None:
        self._request = request
        self._world = world
        self._reached = reached
        self._run = run
        self._now = world.now()
        self._before = found.state if found else None
        self._journal = found or self._begun()
        self._target = resuming.target(self._before, request.target, request.default_target, request.plan)
        self._warnings: list[str] = []

    def open(self, warnings: Iterable[str]) -> Outcome:
        self._warnings += warnings
        before, request = self._before, self._request
        chosen = self._points()
        if before:
            resuming.require_settled(before, request.plan)
        self._add(
            Open(
                plan=request.plan,
                mode=request.mode,
                reason=request.reason or (before.opened.reason if before else ""),
                replace=resuming.replaced(before.opened.replace if before else {}, request.replace),
                failover=resuming.failed_over(before, request.failover),
                points=before.points if before else chosen,
                forecast=self._forecast(before.points if before else chosen),
                incident_at=request.incident_at or (before.opened.incident_at if before else self._now),
                confirmed=tuple(sorted({*request.confirmed, *(before.opened.confirmed if before else ())})),
                resumed=before is not None,
            )
        )
        if before and chosen:
            self._add(Repin(chosen))
        if self._target != (before.target if before else ""):
            self._add(Aim(self._target))
        for step in request.approve:
            if step not in self._journal.state.approved:
                self._add(Approve(step, DRILL if request.mode == DRILL else request.user))
        self._warnings += keep(self._journal, required=before is None and request.journal != "local")
        self._pin()
        outcome = _outcome(self._journal, self._warnings, changed=True, before=before)
        reason = DRILL if request.mode == DRILL else request.reason
        self._world.record(Done("recovery", outcome, {"state": "open", "reason": reason}))
        return outcome

    def _forecast(self, chosen: Mapping[str, Point]) -> dict[str, Expected]:
        """Return how long each step will take; what was forecast when the recovery began stays."""
        plan, mode, known = self._request.plan, self._request.mode, self._before.forecast if self._before else {}
        if all(step.id in known for step in plan.steps):
            return dict(known)
        sizes = forecast.sizes(plan, chosen, self._request.clusters)
        earlier = ledger.earlier(self._reached.place, but=self._journal.recovery_id)
        logs = log_sizes.of(plan, chosen, self._target, self._request.clusters, self._reached.opened)
        but = {*known, *arriving.idle(plan, self._target)}
        return {**forecast.expect(plan, sizes, mode, earlier, but=but, logs=logs), **known}

    def _add(self, what: t.Any) -> None:
        self._journal.add(what, self._run, self._now)

    def _begun(self) -> RecoveryJournal:
        identity = repository.recovery_id(self._now, secrets.token_hex(8))
        named = SIMULATED if self._world.dry_run else identity
        return RecoveryJournal(self._reached.place, self._request.mode, named)

    def _points(self) -> dict[str, t.Any]:
        """Return the points to begin with, or those by which somebody replaces what was chosen."""
        request, opened = self._request, self._reached.opened
        named = points.spread(request.points, opened) if opened else request.points
        whole = frozenset(log_sizes.servers(request.plan, request.clusters)) if self._target else frozenset()
        wanted = points.Wanted(named, request.infected_since, request.thresholds, self._target, whole)
        resuming.require_clean_target(self._target, request.infected_since)
        only = [name for name in named if wanted.names(name)] if self._before else None
        if only is not None and self._before and self._target != self._before.target:
            only += sorted(whole.difference(only))
        if opened is None:
            if only is None or only:
                self._warnings.append("No recovery point was chosen, as the store cannot be reached.")
            return {}
        if self._before:
            resuming.require_clean(self._before, wanted)
        if only == []:
            return {}
        found = points.choose(request.repository, opened, wanted, self._world, only=only)
        self._warnings += found.warnings
        known = self._before.points if self._before else {}
        # What is known of a backup may have changed since; only another one is a change of the recovery point.
        changed = {
            name: one
            for name, one in found.points.items()
            if name not in known or known[name].backup_id != one.backup_id
        }
        if self._before and changed:
            resuming.require_unused(self._before, changed)
        return changed

    def _pin(self) -> None:
        state, opened = self._journal.state, self._reached.opened
        if opened and not self._world.dry_run:
            self._warnings += points.pin(opened, state.recovery_id, state.points, self._world)


def _run(request: OpenRequest) -> Run:
    stamp = holder.stamp(request.pid)
    if not stamp["started"]:
        raise UsageError(
            f"process: there is no process {request.pid} on this host.",
            "Give the process that runs the plan, and run this module on the host where it runs.",
            field="process",
        )
    return Run(id=secrets.token_hex(8), user=request.user, **stamp)


def _check(request: OpenRequest) -> None:
    require_one_of("journal", request.journal, JOURNALS)
    require_one_of("mode", request.mode, MODES)
    steps = [step.id for step in request.plan.steps]
    for step in request.approve:
        if step not in steps:
            near = nearest(step, steps) or next(iter(steps), "")
            raise UsageError(
                f"approve: plan {request.plan.name} has no step {step!r}.",
                f"Use the id of a step, such as {near}." if near else "The plan has no steps.",
                field="approve",
            )
    if request.journal == "local" and not RECOVERIES_LOCK.below(request.repository.state_dir):
        raise UsageError(
            "journal: local needs a directory on this host, and state_dir does not exist.",
            "Create the directory state_dir, readable for its owner alone.",
            field="state_dir",
        )


@contextlib.contextmanager
def _turn(request: OpenRequest, reached: Reached, world: World) -> Iterator[None]:
    """Let nobody else open a recovery of the application during the block, on this host or from another."""
    with contextlib.ExitStack() as stack:
        lock = RECOVERIES_LOCK.below(request.repository.state_dir)
        if lock and not world.dry_run:
            stack.enter_context(disk.closing(journal.locked(lock, world.sleep, PATIENCE)))
        if reached.opened and not world.dry_run:
            name = repository.lock(reached.place.application, "recovery")
            one = store_lock.StoreLock(reached.opened.store, name, secrets.token_hex(16), world)
            stack.enter_context(store_lock.locked(one, 0))
        yield


def _abandoned(kept: RecoveryJournal, run: Run, reached: Reached, world: World) -> Iterator[str]:
    """End a drill whose run was killed, so that it is not taken for one that goes on. Yield what to say about it."""
    yield f"{kept.state.title} was interrupted. What it left on its hosts is removed first."
    if not world.dry_run:
        kept.add(dataclasses.replace(kept.state.opened, resumed=True), run, world.now())
        kept.add(Close("failed"), run, world.now())
        yield from keep(kept)
        yield from conclude(kept, reached, world)


def _down(reached: Reached) -> StoreError:
    down = t.cast("StoreError", reached.place.down)
    down.advise(
        "With journal: local (lifeboat_journal) a recovery begins without the store, and its events follow later."
    )
    return down


def _outcome(kept: RecoveryJournal, warnings: Iterable[str], *, changed: bool, before: State | None = None) -> Outcome:
    state = kept.state
    how = "is finished" if state.closed else "goes on" if before else "begins"
    left = expecting.total(state.plan, state.forecast, but=state.settled)
    told = f"{state.title} {how}." + ("" if state.closed else f" Forecast: {expecting.said(left)}.")
    lost = (
        [f"{kept.overtaken} events of this host count for nothing: another run was faster."] if kept.overtaken else []
    )
    return Outcome(
        changed=changed,
        facts={"recovery": state.facts(), "summary": told, "status_page": announcing.status_page(state)},
        before=before.shown() if before and changed else "",
        after=state.shown() if changed else "",
        warnings=(*warnings, *lost),
    )

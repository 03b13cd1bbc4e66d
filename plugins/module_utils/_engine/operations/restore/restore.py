# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: a backup back to where it is wanted, put in the place of what is there only when it is proved the same.

The order keeps the promise that a restore gives exactly that data or leaves the target as it was: everything that can
be known is checked first; a place of its own is filled; it is compared with the proof; and one step puts it in the old
one's place. Where the disk cannot hold both, every byte is read and the old data is backed up before it goes.
"""

from __future__ import annotations

import dataclasses
import functools
import secrets
import typing as t

from ...drivers.components.base import Run
from ...ground.errors import ProofMismatch, RecoveryError, StoreError, UsageError
from ...ground.progress import Phases, Progress, status_directory
from ...records.host.restores import History, Restored
from ...records.repository import names as repository
from ...records.repository import readings
from ..backup import backup as backups
from ..lend.borrowing import Borrower, borrowing
from . import emergency, offering, report
from .choice import Choice, choose
from .read_progress import expect, tracked
from .request import RestoreRequest

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ...drivers.components.base import Place, Stored
    from ...drivers.components.target import Committed, Plan, Reader
    from ...ground.model import Outcome, World
    from .emergency import BackUp
    from .report import Announced

__all__ = ["RestoreRequest", "restore", "restore_chain"]


def restore(request: RestoreRequest, world: World) -> Outcome:
    """
    Restore the backup that `request` names.

    Raise UsageError for a missing confirm token, what the target raises when it cannot take the backup, Busy when it is
    in use, Tampered when a stored byte is not as signed, ProofMismatch when what was restored is not what was backed
    up, NotFound when retention let it go meanwhile. In every such case, unless it is restored in place, the target is
    as it was.
    """
    request.check()
    # Held from before the first look at a key, which may be lent too.
    with borrowing(request.loan) as loan:
        component, identity = repository.component(*request.target.name), request.backup
        try:
            chosen = choose(request.repository, component, request.backup, request.thresholds, world)
            identity = chosen.chain[-1].manifest.backup_id
            with readings.announced_all(chosen.chain, "a restore", secrets.token_hex(8)) as held:
                done = restore_chain(request, world, chosen, loan=loan, readings=held)
        except offering.DAMAGED as exc:
            offering.advise(exc, request, component, identity, world)
            raise
    warnings = (*(warning for reading in held for warning in reading.warnings), *done.warnings)
    return dataclasses.replace(done, warnings=warnings)


def restore_chain(
    request: RestoreRequest,
    world: World,
    chosen: Choice,
    back_up: BackUp = backups.back_up,
    *,
    loan: Borrower | None = None,
    readings: Sequence[readings.Reading] = (),
) -> Outcome:
    """
    Restore what was `chosen` by a request that was checked; `back_up` makes the emergency backup where one is due.

    The rights of `loan` are asked for only when something is about to be changed.
    """
    require_kind(chosen.chain, request.target.kinds)
    record = chosen.chain[-1].manifest
    state_dir = request.repository.state_dir
    progress = Progress(status_directory(state_dir, world), "restore", record.component, world.now)
    lender = loan or Borrower()
    phases = Phases(world.now, progress)
    run = Run(world, progress, phases, state_dir, request.recovery_id, lender.rights, lender.lends)
    chain = tracked(chosen.chain, progress)
    with request.target.plan(chain, run) as plan:
        history = History(state_dir)
        last = history.last(plan.host, plan.target, plan.identity, plan.selection)
        if last and request.recovery_id and (last.backup_id, last.recovery_id) == (record.backup_id, run.recovery_id):
            return report.done_before(request, last, record)
        if not plan.selection:
            expect(chain, progress)
        with progress.running():
            plan.decide()
            if not plan.beside:
                for reading in readings:
                    reading.require()
            announced = _announced(request, plan, chosen, history, last)
            if world.dry_run:
                return report.planned(announced)
            _require_confirm(announced)
            plan.require_free()
            with plan.ready():
                again = _announced(request, plan, chosen, history, last)
                _require_confirm(again)
                return _Restore(again, chosen, run, back_up).go(history)


def require_kind(chain: Sequence[Stored], kinds: frozenset[str]) -> None:
    """Raise UsageError when a backup is not of a kind that can be taken."""
    for backup in chain:
        if backup.manifest.kind not in kinds:
            raise UsageError(
                f"The backup {backup.manifest.backup_id} is {backup.manifest.kind}, not {' or '.join(sorted(kinds))}.",
                "Use the module for that kind, or another backup.",
                field="backup",
            )


def _announced(
    request: RestoreRequest, plan: Plan, chosen: Choice, history: History, last: Restored | None
) -> Announced:
    backup = chosen.chain[-1]
    confirm, why = _confirmation(plan, last, backup)
    estimate = history.estimate(backup.manifest.plain_size)
    return report.Announced(request, plan, backup, chosen.cautions, confirm, why, estimate)


def _confirmation(plan: Plan, last: Restored | None, backup: Stored) -> tuple[str, str]:
    """Return the token that this restore needs, and why; both empty when it needs none."""
    if not plan.holds_data:
        return "", ""
    token = f"{plan.target}@{plan.host}"
    if last is not None and last.backup_id == backup.manifest.backup_id:
        recovery = f" by recovery {last.recovery_id}" if last.recovery_id else ""
        why = f"The same backup was restored into {plan.target} at {last.finished}{recovery}"
        return f"{token} after {last.finished}", why
    return token, f"{plan.target} on {plan.host} contains data that this restore replaces"


def _require_confirm(announced: Announced) -> None:
    """Raise UsageError that names the exact token, unless it was given."""
    if announced.confirm and announced.request.confirm != announced.confirm:
        raise UsageError(
            " ".join((f"{announced.why}.", *announced.cautions)),
            f"To replace it, set confirm: {announced.confirm}",
            field="confirm",
            confirm=announced.confirm,
        )


class _Restore:
    """One restore that is carried out."""

    def __init__(self, announced: Announced, chosen: Choice, run: Run, back_up: BackUp) -> None:
        self._announced = announced
        self._plan = announced.plan
        self._request = announced.request
        self._chosen = chosen
        self._run = run
        self._back_up = back_up
        self._began = run.world.now()
        self._warnings = list(announced.warnings)
        self._emergency_id = ""
        self._contents = ""

    def go(self, history: History) -> Outcome:
        try:
            with self._plan.filled(self._prepared()) as place:
                self._prove(place)
                committed = self._plan.commit(place)
        except RecoveryError as exc:
            exc.details.update(emergency_backup_id=self._emergency_id or None)
            if not self._plan.destroyed:
                raise
            raise report.lost(exc, self._plan.target, self._emergency_id) from exc
        except BaseException as exc:
            if self._plan.destroyed:
                exc.add_note(report.gone(self._plan.target, self._emergency_id))
            raise
        usable = self._seconds()
        restored = self._restored(committed, usable)
        try:
            history.add(restored)
        except StoreError as exc:  # the target is replaced, whether this host remembers it or not
            self._warnings.append(str(exc))
        self._warnings += self._plan.settle()
        results = {
            "kept": committed.kept or None,
            "emergency_backup_id": self._emergency_id or None,
            "proved": restored.proved,
            "finished": restored.finished,
            "seconds_until_usable": usable,
            "seconds": self._seconds(),
            "phase_seconds": self._run.phases.seconds,
        }
        return report.done(self._announced, committed, self._contents, tuple(self._warnings), results)

    def _prepared(self) -> Reader | None:
        """Check every byte and back up what is there, where the old data will not survive."""
        plan, wish = self._plan, self._request.emergency_backup
        if not plan.beside:
            with self._run.phases("full_check"):
                emergency.read_to_the_end(self._chosen.chain)
        if not plan.holds_data or not (wish == "required" or (wish == "auto" and not plan.beside)):
            return None
        with self._run.phases("emergency_backup"):
            self._emergency_id = emergency.make(self._request, plan, self._run.world, self._back_up)
        return functools.partial(self._chosen.read, self._emergency_id) if self._emergency_id else None

    def _prove(self, place: Place) -> None:
        """Compare what was filled with the proof. Raise ProofMismatch that names the first difference."""
        self._contents = place.contents
        self._warnings += place.warnings
        if not self._request.validate:
            return
        with self._run.phases("validation"):
            found = place.compare()
        self._warnings += found.notes
        if found.differences:
            raise ProofMismatch(
                f"The restored data differs from the backup: {found.differences[0]}.",
                "Nothing was replaced. Try an earlier backup, and find out why.",
                differences=list(found.differences[:100]),
                first_difference=found.differences[0],
            ).naming(found.differences[0])

    def _seconds(self) -> float:
        return round((self._run.world.now() - self._began).total_seconds(), 3)

    def _restored(self, committed: Committed, seconds: float) -> Restored:
        plan, record = self._plan, self._chosen.chain[-1].manifest
        return Restored(
            host=plan.host,
            target=plan.target,
            identity=committed.identity,
            component=record.component,
            backup_id=record.backup_id,
            recovery_id=self._run.recovery_id,
            finished=f"{self._run.world.now():%Y-%m-%dT%H:%M:%SZ}",
            seconds=seconds,
            plain_size=record.plain_size,
            kept=committed.kept,
            kept_identity=committed.kept_identity,
            selection=plan.selection,
            proved=record.proof if self._request.validate else "none",
        )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore says: when there is nothing to do, in check mode, when it is done, and when the old data is lost."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import rebuilt
from ...ground.model import Outcome
from ...ground.printing import printable
from ...ground.units import human_duration

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...drivers.components.base import Described, Stored
    from ...drivers.components.target import Committed, Plan
    from ...ground.errors import RecoveryError
    from ...records.host.restores import Restored
    from .request import RestoreRequest


SHAPE = (
    *("confirm", "estimate_seconds", "emergency_backup_id", "finished", "kept", "phase_seconds", "proved"),
    *("recovery_id", "seconds", "seconds_until_usable"),
)
"""Keys that every result of a restore has, whether they say anything or not, beside those of its component."""


UNTRIED = "  needs a mark in the store, below marks/, or a pinned backup; check mode does not try to write one\n"
"""What only a restore in place finds out when it runs."""


@dataclasses.dataclass(frozen=True, slots=True)
class Announced:
    """What is known before anything is touched: the plan, what it needs to be confirmed by and why, and its length."""

    request: RestoreRequest
    plan: Plan
    backup: Stored
    cautions: tuple[str, ...]
    confirm: str
    why: str
    estimate_seconds: float | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth knowing before."""
        return (*self.cautions, *self.plan.warnings)

    @property
    def before(self) -> str:
        """The target as it is, for a diff."""
        return f"{self.plan.before}\n" if self.plan.before else ""

    @property
    def after(self) -> str:
        """Say it to people; no name in it forges a line."""
        record = self.backup.manifest
        lines = [f"restore {record.backup_id} of {record.component} into {self.plan.target}"]
        lines += [f"  CAUTION: {caution}" for caution in self.cautions]
        if self.estimate_seconds is not None:
            lines.append(f"  about {human_duration(self.estimate_seconds)}, judging by past restores")
        lines += [f"  {line}" for line in self.plan.lines]
        if self.confirm:
            lines.append(f"  needs confirm: {self.confirm}")
        return "\n".join(map(printable, lines)) + "\n"

    def facts(self, **done: t.Any) -> dict[str, t.Any]:
        """Return the result: what is planned, and what is `done`."""
        known = {
            "confirm": self.confirm or None,
            "estimate_seconds": self.estimate_seconds,
            "recovery_id": self.request.recovery_id or None,
        }
        return {**_facts(self.request, self.backup.manifest, self.plan.target, **known), **self.plan.facts, **done}


def done_before(request: RestoreRequest, last: Restored, record: Described) -> Outcome:
    """Return the outcome of a rerun within one recovery."""
    said = f"{last.backup_id} was restored as {last.target} at {last.finished} in this recovery: nothing to do."
    facts = _facts(
        request,
        record,
        last.target,
        kept=last.kept or None,
        recovery_id=last.recovery_id,
        proved=last.proved or None,
        finished=last.finished,
        seconds=last.seconds,
        seconds_until_usable=last.seconds,
    )
    return Outcome(changed=False, facts={"restore": facts, "summary": said})


def planned(announced: Announced) -> Outcome:
    """Say what would be done, and which token it would need."""
    plan, warnings = announced.plan, announced.warnings
    if announced.confirm and announced.request.confirm != announced.confirm:
        warnings = (*warnings, f"{announced.why}. The restore will need confirm: {announced.confirm}")
    said = f"Would restore {announced.backup.manifest.backup_id} as {plan.target}."
    facts = {"restore": announced.facts(), "summary": said}
    after = announced.after + ("" if plan.beside else UNTRIED)
    return Outcome(changed=True, facts=facts, before=announced.before, after=after, warnings=warnings)


def done(
    announced: Announced, committed: Committed, contents: str, warnings: tuple[str, ...], results: Mapping[str, t.Any]
) -> Outcome:
    """Say what was done."""
    record, plan = announced.backup.manifest, announced.plan
    compared = "not compared"
    if results["proved"] != "none":
        compared = f"{contents} identical to the source (proof {results['proved']})"
    emergency_id = results["emergency_backup_id"]
    said = (
        f"{record.backup_id} is restored as {plan.target}, usable after "
        f"{human_duration(results['seconds_until_usable'])}, {compared}"
        + (f"; what it replaced is {committed.kept}" if committed.kept else "")
        + (f"; its emergency backup is {emergency_id}." if emergency_id else ".")
    )
    return Outcome(
        changed=True,
        facts={"restore": announced.facts(**results), "summary": said},
        before=announced.before,
        after=announced.after,
        warnings=warnings,
    )


def lost(error: RecoveryError, target: str, emergency_id: str) -> RecoveryError:
    """Return the same kind of error, but say that the old data is gone and what it can be had back from."""
    cause = f"The in-place restore failed after {target!r} was dropped: {error.cause}"
    remedy = f"Restore {_instead(emergency_id)} into it, or fix the cause and run again; confirm is no longer needed."
    return rebuilt({**error.record(), "cause": cause, "remedy": remedy})


def gone(target: str, emergency_id: str) -> str:
    """Return what there is to say when somebody stops a restore in place after the old data went."""
    return (
        f"What {target!r} contained is already gone. Restore {_instead(emergency_id)} into it, or run again; confirm "
        "is no longer needed."
    )


def _instead(emergency_id: str) -> str:
    return f"the emergency backup {emergency_id}" if emergency_id else "another backup"


def _facts(request: RestoreRequest, record: Described, target: str, **known: t.Any) -> dict[str, t.Any]:
    """Return a result with every key that a restore's result has, None where it says nothing."""
    return {
        **dict.fromkeys((*SHAPE, *request.target.own_facts)),
        "backup_id": record.backup_id,
        "component": record.component,
        "plain_size": record.plain_size,
        "target": target,
        **known,
    }

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a bucket shall be like, what it is like, and what has to change between the two. Nothing here talks to a store.

What is not declared is not touched, and a guard is never made weaker unless that is asked for by name.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ....ground.errors import UsageError
from . import lifecycle
from .lifecycle import SHORT_GRACE, Transition, in_days

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .lifecycle import Area, Rule

MODES = ("governance", "compliance")
MOST_DAYS = 36500
"""S3 takes no longer locks."""

KEYS = {"create", "versioning", "object_lock", "transitions", "abort_multipart_days", "noncurrent_days", "allow_weaker"}


@dataclasses.dataclass(frozen=True, slots=True)
class Lock:
    """The retention that a bucket gives to every version that is written."""

    mode: str
    days: int

    def __str__(self) -> str:
        return f"{self.mode}, {in_days(self.days)}"

    def weaker_than(self, other: Lock) -> bool:
        """Whether versions written under this one could be removed where those of the other one could not."""
        return self.days < other.days or MODES.index(self.mode) < MODES.index(other.mode)


@dataclasses.dataclass(frozen=True, slots=True)
class BucketGuards:
    """
    What is declared. None leaves a thing as it is; no transitions, or 0 days, takes our rule away.

    `versioning` is switched on and never off.
    """

    create: bool = False
    versioning: bool = False
    object_lock: Lock | None = None
    transitions: tuple[Transition, ...] | None = None
    abort_multipart_days: int | None = None
    noncurrent_days: int | None = None
    allow_weaker: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """
    What a bucket is like. `versioning` is "enabled", "suspended", or "off"; `rules` are the lifecycle's, as they came.

    `lock_enabled` says that versions can be locked, `lock` what every version gets by itself.
    """

    exists: bool = False
    versioning: str = "off"
    lock_enabled: bool = False
    lock: Lock | None = None
    rules: tuple[Rule, ...] = ()
    minimum: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One thing that has to change, as people read it."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.key}: {self.before} -> {self.after}"


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done. `rules` is the whole list to write, or None when the lifecycle stays as it is."""

    changes: tuple[Change, ...] = ()
    create: bool = False
    versioning: bool = False
    lock: Lock | None = None
    rules: tuple[Rule, ...] | None = None


def parse(options: Mapping[str, t.Any], field: str = "bucket") -> BucketGuards:
    """Read what was declared. Raise UsageError that names the key when something in it cannot be."""
    given = {key: value for key, value in options.items() if value is not None}
    unknown = sorted(set(given) - KEYS)
    if unknown:
        raise _refused(f"{field}.{unknown[0]}", "is not known", f"Use some of {', '.join(sorted(KEYS))}.")
    lock = given.get("object_lock")
    steps = given.get("transitions")
    return BucketGuards(
        create=bool(given.get("create", False)),
        versioning=bool(given.get("versioning", False)),
        object_lock=None if lock is None else _lock(lock, f"{field}.object_lock"),
        transitions=None if steps is None else _transitions(steps, f"{field}.transitions"),
        abort_multipart_days=_days(given, "abort_multipart_days", field),
        noncurrent_days=_days(given, "noncurrent_days", field),
        allow_weaker=bool(given.get("allow_weaker", False)),
    )


def plan(state: State, guards: BucketGuards, area: Area) -> Plan:
    """
    Say what has to be done to a bucket in `state`.

    Raise UsageError when that would make a guard weaker, or the bucket is missing and shall not be made.
    """
    if not state.exists and not guards.create:
        raise UsageError(
            "The bucket does not exist.", "Set bucket.create: true, or correct store.url.", field="bucket.create"
        )
    changes = [] if state.exists else [Change("bucket", "missing", "made")]
    versioning = state.versioning != "enabled" and (guards.versioning or guards.object_lock is not None)
    if versioning:
        changes.append(Change("versioning", state.versioning, "enabled"))
    lock = guards.object_lock if guards.object_lock != state.lock else None
    if lock is not None:
        _check_stronger(lock, state.lock, guards)
        changes.append(Change("object_lock", _said(state.lock), str(lock)))
    rules, lifecycle_changes = _planned_rules(state, guards, area)
    return Plan(
        changes=(*changes, *lifecycle_changes), create=not state.exists, versioning=versioning, lock=lock, rules=rules
    )


def projected(state: State, plan: Plan) -> State:
    """Return what a bucket is like once a plan is carried out."""
    return State(
        exists=True,
        versioning="enabled" if plan.versioning or plan.lock is not None else state.versioning,
        lock_enabled=state.lock_enabled or plan.lock is not None,
        lock=plan.lock or state.lock,
        rules=state.rules if plan.rules is None else plan.rules,
        minimum=state.minimum,
    )


def warnings(state: State, guards: BucketGuards, area: Area) -> list[str]:
    """Say what about a bucket in that state, with those guards in force, is dangerous."""
    found = lifecycle.dangers(state.rules, area)
    if guards.noncurrent_days and guards.noncurrent_days < SHORT_GRACE:
        found.append(
            f"Backups that somebody hides or overwrites are deleted {in_days(guards.noncurrent_days)} later, once "
            f"their lock has ended. Set bucket.noncurrent_days to {SHORT_GRACE} or more."
        )
    return found


def describe(state: State, area: Area) -> dict[str, t.Any]:
    """Return a bucket's guards as people declare them."""
    steps = lifecycle.transitions(lifecycle.find(state.rules, lifecycle.TIERS, area))
    stale = lifecycle.find(state.rules, lifecycle.UPLOADS, area)
    old = lifecycle.find(state.rules, lifecycle.NONCURRENT, area)
    return {
        "versioning": state.versioning,
        "object_lock": None if state.lock is None else {"mode": state.lock.mode, "days": state.lock.days},
        "transitions": [{"storage_class": step.storage_class, "days": step.days} for step in steps],
        "abort_multipart_days": stale.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation", 0),
        "noncurrent_days": old.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 0),
    }


def _planned_rules(state: State, guards: BucketGuards, area: Area) -> tuple[tuple[Rule, ...] | None, list[Change]]:
    steps, stale, old = guards.transitions, guards.abort_multipart_days, guards.noncurrent_days
    wanted: dict[str, Rule | None] = {}
    if steps is not None:
        wanted[lifecycle.TIERS] = lifecycle.tiers(area, steps) if steps else None
    if stale is not None:
        wanted[lifecycle.UPLOADS] = lifecycle.uploads(area, stale) if stale else None
    if old is not None:
        wanted[lifecycle.NONCURRENT] = lifecycle.noncurrent(area, old) if old else None
    rules = lifecycle.merged(state.rules, wanted, area)
    if rules is None:
        return None, []
    before = describe(state, area)
    after = describe(dataclasses.replace(state, rules=tuple(rules)), area)
    changes = [Change(key, _said(before[key]), _said(after[key])) for key in before if before[key] != after[key]]
    # What differs may be something that nobody declares here, such as a rule of ours that was switched off.
    return tuple(rules), changes or [Change("lifecycle", "changed by somebody else", "as declared")]


def _check_stronger(lock: Lock, before: Lock | None, guards: BucketGuards) -> None:
    if before is not None and lock.weaker_than(before) and not guards.allow_weaker:
        raise UsageError(
            f"The option bucket.object_lock ({lock}) is weaker than that of the bucket ({before}).",
            "Declare at least that, or set bucket.allow_weaker: true.",
            field="bucket.object_lock",
        )


def _lock(options: Mapping[str, t.Any], field: str) -> Lock:
    mode, days = options.get("mode"), options.get("days")
    if mode not in MODES:
        raise _refused(f"{field}.mode", f"is {mode!r}, which is not an Object Lock mode", f"Use {' or '.join(MODES)}.")
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MOST_DAYS:
        raise _refused(f"{field}.days", f"is {days!r}", f"Use a whole number of days from 1 to {MOST_DAYS}.")
    return Lock(str(mode), days)


def _transitions(steps: Sequence[Mapping[str, t.Any]], field: str) -> tuple[Transition, ...]:
    found: list[Transition] = []
    for number, step in enumerate(steps):
        place, name, days = f"{field}[{number}]", step.get("storage_class"), step.get("days")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Z][A-Z0-9_-]{1,63}", name) or name == "STANDARD":
            raise _refused(
                f"{place}.storage_class",
                f"is {name!r}, not a colder storage class",
                "Use one such as GLACIER_IR.",
            )
        if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MOST_DAYS:
            raise _refused(f"{place}.days", f"is {days!r}", f"Use a whole number of days from 0 to {MOST_DAYS}.")
        if found and days <= found[-1].days:
            raise _refused(f"{place}.days", "is not later than the transition before it", "Sort them by days.")
        found.append(Transition(name, days))
    return tuple(found)


def _days(given: Mapping[str, t.Any], key: str, field: str) -> int | None:
    days = given.get(key)
    if days is None:
        return None
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MOST_DAYS:
        raise _refused(f"{field}.{key}", f"is {days!r}", f"Use days from 1 to {MOST_DAYS}, or 0 for none.")
    return days


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"{step['storage_class']} after {in_days(step['days'])}" for step in value) or "none"
    if isinstance(value, int):
        return in_days(value) if value else "none"
    return "none" if value is None else str(value)


def _refused(field: str, cause: str, remedy: str) -> UsageError:
    return UsageError(f"{field} {cause}.", remedy, field=field)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: everything about how long backups stay in an S3 bucket, in an order in which a failure deletes nothing.

First the bucket is guarded, then the guards are proved, then what is hidden is looked for; last the policy deletes.
"""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ...drivers.stores.s3 import bucket_state
from ...drivers.stores.s3.lifecycle import in_days
from ...ground.errors import AccessDenied, UsageError
from ...ground.model import Outcome
from ..prune.prune import PruneRequest, prune
from . import bucket_guarding

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ...drivers.stores.factory import StoreSettings
    from ...drivers.stores.s3.guards import BucketGuards, Lock
    from ...ground.model import World
    from ...records.retention.calendar import Age
    from ...records.retention.policy import Policy, Rules
    from .bucket_guarding import GuardedBucket

SLOT_DAYS = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 31.0, "yearly": 366.0}

EVERY_BACKUP = ("hourly", "daily")
"""Slots that take each backup of somebody who makes one a day."""


@dataclasses.dataclass(frozen=True, slots=True)
class S3RetentionRequest:
    """What to do: any of a policy to apply, guards to keep, a proof to make, and hidden objects to bring back."""

    store: StoreSettings
    application: str
    prune: PruneRequest | None = None
    guards: BucketGuards | None = None
    prove_immutability: bool = False
    bring_back: bool = False


def keep(request: S3RetentionRequest, world: World) -> Outcome:
    """
    Do what is asked for, and look for hidden backups in any case.

    Raise UsageError when nothing is asked for, and what the parts raise; what comes before the failure stays done.
    """
    if request.prune is None and request.guards is None and not (request.prove_immutability or request.bring_back):
        raise UsageError("No action is set.", "Set policy, bucket, prove_immutability or bring_back.", field="policy")
    bucket = bucket_guarding.open_bucket(request.store, request.application, world)
    parts: list[Outcome] = []
    if request.guards is not None:
        parts.append(bucket_guarding.guard(bucket, request.guards, world))
        if world.dry_run and parts[0].facts["bucket"]["made"]:
            return _joined(parts)  # there is nothing yet to look at
    if request.prove_immutability:
        parts.append(bucket_guarding.prove(bucket, world))
    if request.bring_back:
        parts.append(bucket_guarding.bring_back(bucket, world))
    if not (request.bring_back and world.dry_run):
        parts.append(bucket_guarding.find_covered(bucket))
    if request.prune is not None:
        bucket_guarding.check_clock(bucket, world)
        parts.append(_lock_against_promise(bucket, request.prune.policy))
        parts.append(prune(request.prune, world))
    return _joined(parts)


def promise(policy: Policy) -> float:
    """
    Return the days for which a policy keeps every regular backup: the span of its finest rule, the longest of all
    parts.

    Some backups stay longer than that, by coarser rules; which of them that will be is not known when they are written.
    """
    return max(map(_finest, _all_rules(policy)))


def longest(policy: Policy) -> float:
    """Return the days for which a policy keeps the backup that it keeps longest."""
    return max((days for rules in _all_rules(policy) for days in _spans(rules)), default=0.0)


def _all_rules(policy: Policy) -> list[Rules]:
    sections = [policy.main, *(section for _pattern, section in policy.by_component)]
    special = [rules for section in sections for _reason, rules in section.by_reason]
    return [*(section.rules for section in sections), *special]


def _finest(rules: Rules) -> float:
    within = _days(rules.keep_within) if rules.keep_within else 0.0
    for slot, span in rules.slots[:1]:
        # A coarser slot beside `keep_within` keeps chosen ones of the backups that it lets go.
        if not within or slot in EVERY_BACKUP:
            return max(within, _span(slot, span))
    return within


def _span(slot: str, span: int | Age) -> float:
    return span * SLOT_DAYS[slot] if isinstance(span, int) else _days(span)


def _spans(rules: Rules) -> Iterable[float]:
    if rules.keep_within:
        yield _days(rules.keep_within)
    for slot, span in rules.slots:
        yield _span(slot, span)


def _days(age: Age) -> float:
    if age.hours:
        return age.hours / 24
    return age.months * 31.0 if age.months else math.inf


def _lock_against_promise(bucket: GuardedBucket, policy: Policy) -> Outcome:
    """Compare the lock that every version gets with what the policy promises."""
    try:
        _enabled, lock = bucket_state.object_lock(bucket.control)
    except AccessDenied:
        return Outcome(changed=False)
    promised, most = promise(policy), longest(policy)
    facts = {"lock_days": lock.days if lock else 0, "promised_days": _finite(promised), "longest_days": _finite(most)}
    return Outcome(changed=False, facts={"lock": facts}, warnings=tuple(_too_short(bucket, lock, promised)))


def _too_short(bucket: GuardedBucket, lock: Lock | None, promised: float) -> list[str]:
    if lock is None or lock.days >= promised:
        return []
    span = "for ever" if math.isinf(promised) else f"for {in_days(promised)}"
    text = (
        f"{bucket.control.url} locks objects for {in_days(lock.days)}, and the policy keeps every backup {span}. After "
        "its lock has ended, a backup is protected only by access rights: raise bucket.object_lock.days."
    )
    return [text]


def _finite(days: float) -> float | None:
    return None if math.isinf(days) else round(days, 2)


def _joined(parts: list[Outcome]) -> Outcome:
    facts: dict[str, t.Any] = {}
    for part in parts:
        facts |= part.facts
    said = [part.facts["summary"] for part in parts if part.facts.get("summary")]
    if said:
        facts["summary"] = " ".join(said)
    return Outcome(
        changed=any(part.changed for part in parts),
        facts=facts,
        before="".join(part.before for part in parts),
        after="".join(part.after for part in parts),
        warnings=tuple(warning for part in parts for warning in part.warnings),
    )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: keep a bucket's guards as declared, prove that they hold, and look for backups that somebody hid."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ...drivers.stores.s3 import bucket_state, factory, guards, immutability, versions
from ...drivers.stores.s3.lifecycle import Area
from ...ground.errors import AccessDenied, StoreError
from ...ground.model import Outcome
from ...ground.units import human_duration
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.stores.s3.control import Control
    from ...drivers.stores.s3.guards import BucketGuards
    from ...drivers.stores.settings import StoreSettings
    from ...ground.model import World

SKEW = 60.0
"""By how many seconds the clocks may differ before it is said."""

MOST_SKEW = 600.0
"""By how many before nothing may rest on our clock."""

SHOWN = 100
"""How many covered objects a result lists; their number is always told."""


@dataclasses.dataclass(frozen=True, slots=True)
class GuardedBucket:
    """A bucket that is looked after, for one application."""

    control: Control
    application: str
    area: Area


def open_bucket(store: StoreSettings, application: str, world: World) -> GuardedBucket:
    """Open the bucket of a store. Raise UsageError when it is no bucket, or the application's name is none."""
    name = repository.check_application(application)
    control = factory.open_control(store, environ=world.environ)
    area = Area(control.prefix + repository.root(name), control.prefix + repository.data(name))
    return GuardedBucket(control, name, area)


def guard(bucket: GuardedBucket, declared: BucketGuards, world: World) -> Outcome:
    """
    Make the bucket as declared; in a dry run, say what that would be.

    Raise UsageError when it would make a guard weaker, AccessDenied that names the right that is missing, StoreError
    when the store does not keep what it was told.
    """
    state = bucket_state.read(bucket.control)
    plan = guards.plan(state, declared, bucket.area)
    after = guards.projected(state, plan)
    if plan.changes and not world.dry_run:
        after = bucket_state.apply(bucket.control, plan, declared, bucket.area, state)
    return Outcome(
        changed=bool(plan.changes),
        facts={
            "bucket": {"name": bucket.control.bucket, "made": plan.create, **guards.describe(after, bucket.area)},
            "bucket_changes": [str(change) for change in plan.changes],
            "summary": _summary(bucket, plan.changes, world),
        },
        before="".join(f"{change.key}: {change.before}\n" for change in plan.changes),
        after="".join(f"{change.key}: {change.after}\n" for change in plan.changes),
        warnings=tuple(guards.warnings(after, declared, bucket.area)),
    )


def prove(bucket: GuardedBucket, world: World) -> Outcome:
    """
    Prove with these very credentials that what is written can be neither deleted nor unlocked. Nothing in a dry run.

    Raise StoreError when it can be.
    """
    if world.dry_run:
        summary = "Check mode writes nothing, so the lock was not tested."
        return Outcome(changed=False, facts={"immutability": None, "summary": summary})
    proof = immutability.prove(bucket.control, repository.canary(bucket.application), world.now)
    found = []
    if not proof.by_lock:
        found.append(
            f"{bucket.control.url} could not be tested: these credentials may not delete at all, so the lock was not "
            "reached. Test it once with credentials that may delete versions."
        )
    if abs(proof.skew) > SKEW:
        found.append(_skewed(proof.skew))
    how = "because of the lock" if proof.by_lock else "because these credentials lack the rights"
    summary = f"Objects written to {bucket.control.url} can be neither deleted nor unlocked, {how}."
    facts = {"immutability": _described(proof), "proved": proof.by_lock, "summary": summary}
    return Outcome(changed=False, facts=facts, warnings=tuple(found))


def _described(proof: immutability.Proof) -> dict[str, t.Any]:
    until = proof.locked_until.astimezone(datetime.UTC) if proof.locked_until else None
    return {
        "object": proof.name,
        "version_id": proof.version_id,
        "mode": proof.mode,
        "locked_until": f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else None,
        "locked_days": round(proof.locked_seconds / 86400, 2),
        "deletion_refused_by": proof.deletion,
        "shortening_refused_by": proof.shortening,
        "clock_skew": proof.skew,
    }


def check_clock(bucket: GuardedBucket, world: World) -> None:
    """Raise StoreError when our clock and the store's differ so much that nothing may be deleted by either."""
    theirs = bucket.control.time()
    skew = (world.now() - theirs).total_seconds()
    if abs(skew) > MOST_SKEW:
        raise StoreError(_skewed(skew), "Correct the clock of this host; nothing was deleted.", clock_skew=skew)


def find_covered(bucket: GuardedBucket) -> Outcome:
    """
    Look for backups that were hidden under delete markers or overwritten: nobody but an attacker or a mistake does so.

    What these credentials may not list is unknown, and no error.
    """
    with contextlib.suppress(AccessDenied):  # then it may keep versions
        if bucket_state.versioning(bucket.control) in {None, "off"}:
            return Outcome(changed=False, facts={"covered": []})
    try:
        found = _covered(bucket)
    except AccessDenied:
        return Outcome(changed=False, facts={"covered": None})
    facts = {"covered": [_fact(one) for one in found[:SHOWN]], "covered_count": len(found)}
    if not found:
        return Outcome(changed=False, facts=facts)
    hidden = sum(one.hidden for one in found)
    first = min(found, key=lambda one: one.since)
    how = " and ".join(
        f"{count} {word}" for count, word in ((hidden, "hidden"), (len(found) - hidden, "overwritten")) if count
    )
    warning = (
        f"Objects of backups in {bucket.control.url} were changed after they were written: {how}, the first of them, "
        f"{first.name}, at {first.since.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC. If nobody of your team did that, "
        "somebody has stolen credentials that may write."
    )
    return Outcome(changed=False, facts=facts, warnings=(warning,))


def bring_back(bucket: GuardedBucket, world: World) -> Outcome:
    """Take away the delete markers that hide objects of backups. What was overwritten stays so."""
    hidden = [one for one in _covered(bucket) if one.hidden]
    if not world.dry_run:
        for one in hidden:
            versions.reveal(bucket.control, one.name)
    names = [one.name for one in hidden]
    return Outcome(
        changed=bool(hidden),
        facts={"brought_back": names, "summary": f"{len(names)} hidden objects are restored."},
        before="".join(f"hidden: {name}\n" for name in names),
        after="".join(f"visible: {name}\n" for name in names),
    )


def _summary(bucket: GuardedBucket, changes: tuple[guards.Change, ...], world: World) -> str:
    if not changes:
        return f"The bucket {bucket.control.bucket} is protected as declared."
    verb = "would change" if world.dry_run else "changed"
    return f"Protection of the bucket {bucket.control.bucket} {verb}: {', '.join(change.key for change in changes)}."


def _covered(bucket: GuardedBucket) -> list[versions.Covered]:
    """List what is covered. Leftovers of runs that failed, and what works come and go by, do not count."""
    application, backups = bucket.application, set()

    def noted() -> Iterator[versions.Version]:
        for version in versions.listed(bucket.control, repository.root(application)):
            parsed = repository.parse_manifest(application, version.name)
            if parsed is not None and not version.marker:
                backups.add(parsed[1])
            yield version

    found = list(versions.covered(noted()))
    return [one for one in found if _matters(application, one.name, backups)]


def _matters(application: str, name: str, backups: set[str]) -> bool:
    if repository.parse_manifest(application, name) is not None or name.startswith(f"{application}/trust/"):
        return True
    mark = repository.parse_mark(application, name)
    return (mark[0] if mark else repository.owner(application, name)) in backups


def _fact(one: versions.Covered) -> dict[str, t.Any]:
    since = one.since.astimezone(datetime.UTC)
    return {
        "name": one.name,
        "how": "hidden" if one.hidden else "overwritten",
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "version_id": one.version_id,
        "size": one.size,
    }


def _skewed(skew: float) -> str:
    where = "ahead of" if skew > 0 else "behind"
    return f"This host's clock is {human_duration(abs(skew))} {where} the store's."

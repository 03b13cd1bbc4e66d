# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A bucket's guards as the bucket has them: read them, and write what a plan says.

No answer is believed alone: after a change the bucket is read again, and must show what it was told.
"""

from __future__ import annotations

import typing as t

from ....ground.errors import StoreError
from . import guards as guards_
from .bucket import CODES
from .guards import Lock, State

if t.TYPE_CHECKING:
    from .control import Control
    from .guards import BucketGuards, Plan
    from .lifecycle import Area

NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed"}
NO_LIFECYCLE = {"NoSuchLifecycleConfiguration", "NotImplemented"}
NOT_KNOWN = {405, 501}
"""What a store answers that has no versions at all."""

BAD_REQUEST = 400
"""What a store answers to a lifecycle that it cannot keep: they differ in classes and days."""

HOME_REGION = "us-east-1"
"""The one region that a bucket is not told to be made in."""


def read(control: Control) -> State:
    """Tell what a bucket is like."""
    status = versioning(control)
    if status is None:
        return State()
    enabled, retention = object_lock(control)
    rules, minimum = lifecycle_rules(control)
    return State(True, status, enabled, retention, rules, minimum)


def versioning(control: Control) -> str | None:
    """Tell whether versions are kept: enabled, suspended or off; None when there is no bucket."""
    try:
        found = control.ask(
            "get_bucket_versioning",
            "Reading the bucket's versioning",
            right="s3:GetBucketVersioning",
            absent={"NoSuchBucket"},
        )
    except StoreError as exc:
        if exc.details.get("status") in NOT_KNOWN:
            return "off"
        raise
    return None if found is None else str(found.get("Status", "off")).lower()


def object_lock(control: Control) -> tuple[bool, Lock | None]:
    """Tell whether versions can be locked, and what lock each gets by itself."""
    found = control.ask(
        "get_object_lock_configuration",
        "Reading the bucket's Object Lock",
        right="s3:GetBucketObjectLockConfiguration",
        absent=NO_LOCK,
    )
    configuration = (found or {}).get("ObjectLockConfiguration", {})
    if configuration.get("ObjectLockEnabled") != "Enabled":
        return False, None
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    days = int(rule.get("Days", 0)) or 365 * int(rule.get("Years", 0))
    mode = str(rule.get("Mode", "")).lower()
    return True, Lock(mode, days) if mode in guards_.MODES and days else None


def lifecycle_rules(control: Control) -> tuple[tuple[dict[str, t.Any], ...], str | None]:
    """Return the lifecycle's rules as they are, and the size from which on objects change their class."""
    found = control.ask(
        "get_bucket_lifecycle_configuration",
        "Reading the bucket's lifecycle",
        right="s3:GetLifecycleConfiguration",
        absent=NO_LIFECYCLE,
    )
    return tuple((found or {}).get("Rules", ())), (found or {}).get("TransitionDefaultMinimumObjectSize")


def apply(control: Control, plan: Plan, guards: BucketGuards, area: Area, before: State) -> State:
    """Change what the plan says, and return the bucket as it then is. Raise StoreError unless it is as declared."""
    if plan.create:
        _create(control, locked=plan.lock is not None)
    if plan.versioning:
        control.ask(
            "put_bucket_versioning",
            "Enabling versioning",
            right="s3:PutBucketVersioning",
            VersioningConfiguration={"Status": "Enabled"},
        )
    if plan.lock is not None:
        _put_lock(control, plan.lock)
    if plan.rules is not None:
        _put_rules(control, plan, before)
    after = read(control)
    missing = guards_.plan(after, guards, area).changes
    if missing:
        raise StoreError(
            f"{control.url} accepted the protection of the bucket, but does not show it: {missing[0]}.",
            "Run again; if it persists, this store cannot protect backups.",
            missing=[str(change) for change in missing],
        )
    return after


def _create(control: Control, *, locked: bool) -> None:
    parameters: dict[str, t.Any] = {"ObjectLockEnabledForBucket": True} if locked else {}
    if control.is_aws and control.region != HOME_REGION:
        parameters["CreateBucketConfiguration"] = {"LocationConstraint": control.region}
    # Another run may have made it since we looked.
    made = {"BucketAlreadyOwnedByYou"}
    control.ask("create_bucket", "Creating the bucket", right="s3:CreateBucket", absent=made, **parameters)


def _put_lock(control: Control, lock: Lock) -> None:
    answer = control.ask(
        "put_object_lock_configuration",
        "Setting the bucket's Object Lock",
        right="s3:PutBucketObjectLockConfiguration",
        absent={"InvalidBucketState", "NotImplemented", "MethodNotAllowed"},
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": lock.mode.upper(), "Days": lock.days}},
        },
    )
    if answer is None:
        raise StoreError(
            f"{control.url} cannot enable Object Lock for an existing bucket.",
            "Use a store that can, or create another bucket with bucket.create, which enables it from the start.",
            url=control.url,
        )


def _put_rules(control: Control, plan: Plan, before: State) -> None:
    if not plan.rules:
        control.ask("delete_bucket_lifecycle", "Removing the bucket's lifecycle", right="s3:PutLifecycleConfiguration")
        return
    # AWS takes a value that is left out for a wish to have its default back.
    minimum = {"TransitionDefaultMinimumObjectSize": before.minimum} if before.minimum else {}
    try:
        control.ask(
            "put_bucket_lifecycle_configuration",
            "Setting the bucket's lifecycle",
            right="s3:PutLifecycleConfiguration",
            LifecycleConfiguration={"Rules": list(plan.rules)},
            **minimum,
        )
    except StoreError as exc:
        if exc.details.get("status") != BAD_REQUEST or exc.details.get("code") in CODES:
            raise
        exc.details["field"] = "bucket.transitions"
        remedy = "Use storage classes that this store has, each after at least its minimum of days."
        raise StoreError(exc.cause, remedy, **exc.details) from exc

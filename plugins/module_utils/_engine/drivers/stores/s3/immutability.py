# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The proof that what is written here cannot be taken back: a canary is written, and then attacked.

Some stores take locks and enforce none, so nothing counts but a refusal. The attacker has the credentials that this
runs with, those of a writer. A refusal can have two reasons, the lock or the credentials; harmless requests that need
the same rights tell which it was.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import typing as t

from ....ground.errors import AccessDenied, NotFound, StoreError
from . import versions
from .bucket import CODES
from .control import store_time

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .control import Control

CANARY = b"This object was written to prove that it cannot be deleted. It is no backup and holds nothing.\n"

SOON = datetime.timedelta(minutes=1)
"""The end that the attack tries to give to a lock."""

SLACK = datetime.timedelta(hours=1)
"""By how much a lock may be shorter than its days: stores round."""

REFUSING = {400, 403, 409, 423}
"""Statuses with which stores refuse to touch what is locked."""

Reason = t.Literal["lock", "rights"]


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """
    What was refused, and why. `skew` is by how many seconds our clock is ahead of the store's.

    `locked_until` is None when these credentials may write and not see what lock it got.
    """

    name: str
    version_id: str
    mode: str
    locked_until: datetime.datetime | None
    locked_seconds: float
    deletion: Reason
    shortening: Reason
    skew: float

    @property
    def by_lock(self) -> bool:
        """Whether the store itself was seen to keep a locked version, and not only the credentials' limits."""
        return self.deletion == "lock"


@dataclasses.dataclass(frozen=True, slots=True)
class _Canary:
    control: Control
    name: str
    version_id: str
    at: datetime.datetime

    @property
    def key(self) -> dict[str, str]:
        return {"Key": self.control.prefix + self.name}

    def held(self) -> versions.Held | None:
        """Tell what keeps it. Raise NotFound when it is gone, AccessDenied when one may not look."""
        return versions.held(self.control, self.name, self.version_id)


def prove(control: Control, name: str, now: Callable[[], datetime.datetime]) -> Proof:
    """
    Write the canary `name`, try to delete and to unlock it, and tell what stood in the way.

    Raise StoreError, which names the store, when nothing did, or when the canary got no lock at all.
    """
    canary = _put(control, name)
    skew = (now() - canary.at).total_seconds()
    lock = _lock(canary)
    mode = lock.mode if lock else "unknown"
    deletion = _attack_by_deletion(canary, lock)
    shortening = _attack_by_shortening(canary, lock)
    return Proof(
        name=name,
        version_id=canary.version_id,
        mode=mode,
        locked_until=lock.until if lock else None,
        locked_seconds=(lock.until - canary.at).total_seconds() if lock else 0.0,
        deletion=deletion,
        shortening=shortening,
        skew=round(skew, 1),
    )


def _put(control: Control, name: str) -> _Canary:
    # The lock comes from the bucket, as it does for a backup; asking for one here would prove something else.
    answer = control.ask(
        "put_object",
        "Writing the canary",
        right="s3:PutObject",
        Key=control.prefix + name,
        Body=CANARY,
        ContentMD5=base64.b64encode(hashlib.md5(CANARY, usedforsecurity=False).digest()).decode(),
    )
    version_id = (answer or {}).get("VersionId")
    if not version_id:
        raise StoreError(
            f"{control.url} keeps no versions: anyone who may write can overwrite every backup.",
            "Declare bucket.versioning and bucket.object_lock.",
            url=control.url,
        )
    return _Canary(control, name, str(version_id), store_time(answer or {}))


def _lock(canary: _Canary) -> versions.Held | None:
    """Tell what lock the canary got; None when these credentials may not look."""
    try:
        # AWS leaves the lock out of what it tells of an object to somebody who may read that and not its lock.
        found = canary.held() or versions.retention(canary.control, canary.name, canary.version_id)
    except AccessDenied:
        return None
    except NotFound:
        raise _untrue(canary, "accepted the canary, but does not show it") from None
    if found is None or not found.now:
        raise StoreError(
            f"{canary.control.url} does not lock new objects: a backup can be deleted at once.",
            "Declare bucket.object_lock, which locks every new version.",
            url=canary.control.url,
        )
    return found


def _attack_by_deletion(canary: _Canary, lock: versions.Held | None) -> Reason:
    ways: list[dict[str, t.Any]] = [{}]
    if lock is None or lock.mode != "compliance":
        ways.append({"BypassGovernanceRetention": True})
    for way in ways:
        if _accepted(canary, "delete_object", "s3:DeleteObjectVersion", VersionId=canary.version_id, **way):
            raise _not_enforced(canary, lock, bypassed=bool(way))
    try:
        canary.held()
    except NotFound:
        raise _not_enforced(canary, lock, bypassed=False) from None
    except AccessDenied:
        pass
    return "lock" if _may_delete_versions(canary) else "rights"


def _attack_by_shortening(canary: _Canary, lock: versions.Held | None) -> Reason:
    until = lock.until if lock else canary.at + SOON * 2
    mode = (lock.mode if lock else "governance").upper()

    def put(end: datetime.datetime) -> bool:
        retention = {"Mode": mode, "RetainUntilDate": end}
        right = "s3:PutObjectRetention"
        return _accepted(canary, "put_object_retention", right, VersionId=canary.version_id, Retention=retention)

    if put(canary.at + SOON):
        found = _lock(canary)
        if found is None or found.until < until - SLACK:
            raise StoreError(
                f"{canary.control.url} allows these credentials to shorten the lock of a version.",
                "Backups there are not protected: use a store that enforces Object Lock.",
                url=canary.control.url,
                version_id=canary.version_id,
            )
        return "lock"
    # A lock may always be made longer, by whoever may touch it at all.
    return "lock" if lock and put(until + datetime.timedelta(seconds=1)) else "rights"


def _may_delete_versions(canary: _Canary) -> bool:
    """Whether these credentials could delete a version if no lock kept it: a delete marker is one that none keeps."""
    try:
        answer = canary.control.ask("delete_object", "Hiding the canary", right="s3:DeleteObject", **canary.key)
    except StoreError as exc:
        if _refused(exc):
            return False
        raise
    marker = (answer or {}).get("VersionId")
    return bool(marker) and _accepted(canary, "delete_object", "s3:DeleteObjectVersion", VersionId=marker)


def _accepted(canary: _Canary, operation: str, right: str, **parameters: t.Any) -> bool:
    """Whether the store did, or says it did, what it was asked to do to the canary."""
    try:
        canary.control.ask(operation, "Attacking the canary", right=right, **canary.key, **parameters)
    except StoreError as exc:
        if _refused(exc):
            return False
        raise
    return True


def _refused(exc: StoreError) -> bool:
    """Whether that was a no, and not a failure such as credentials that just expired."""
    return exc.details.get("status") in REFUSING and exc.details.get("code") not in CODES


def _not_enforced(canary: _Canary, lock: versions.Held | None, *, bypassed: bool) -> StoreError:
    if bypassed:
        return StoreError(
            f"These credentials may bypass the lock of {canary.control.url}: anyone who has them can delete backups.",
            "Remove s3:BypassGovernanceRetention from their policy, or declare the mode compliance.",
            url=canary.control.url,
            version_id=canary.version_id,
        )
    try:
        canary.held()
        shown = " It still shows the version, so its responses cannot be trusted."
    except StoreError:
        shown = ""
    until = f" until {lock.until:%Y-%m-%d %H:%M} UTC" if lock else ""
    return StoreError(
        f"{canary.control.url} accepted a lock{until}, but deleted the locked version.{shown}",
        "Use a store that enforces Object Lock.",
        url=canary.control.url,
        version_id=canary.version_id,
    )


def _untrue(canary: _Canary, what: str) -> StoreError:
    return StoreError(f"{canary.control.url} {what}.", "Do not store backups there.", url=canary.control.url)

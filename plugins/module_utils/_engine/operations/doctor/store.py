# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: can it be reached, read and written, and does its clock agree with ours?"""

from __future__ import annotations

import contextlib
import typing as t

from ...drivers.stores import factory
from ...drivers.stores.s3 import bucket_state, clock, lifecycle
from ...drivers.stores.s3 import factory as s3_factory
from ...ground.errors import AccessDenied, AlreadyExists, RecoveryError, StoreError
from ...ground.units import human_count, human_duration
from ...records.repository import names as repository
from ...records.repository import newer
from ...records.repository.catalogue import STRANGER, TRUST
from ...records.repository.receipts import Receipts
from .check import Case, Check, failed, ok, refused, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...records.repository.catalogue import IntegrityProblem

SKEW_LIMIT = 15 * 60.0
"""Seconds of difference beyond which S3 refuses a request."""

PROBE_BLOCK = 1 << 20
PROBE_BLOCKS = 16
PART = 5 << 20
"""What is sent of an upload that is then broken off: enough for the store to have begun it."""


class _BrokenOff(Exception):
    """Ends the trial upload on purpose."""


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the store; `case` gets its backups."""
    if case.opened is None:
        if case.problem is not None:
            yield refused("store", case.problem)
        return
    yield _reach(case)
    if case.wants("clock"):
        yield from _clock(case)
    if case.wants("lifecycle"):
        yield from _lifecycle(case)
    yield from _catalogue(case)


def _lifecycle(case: Case) -> Iterator[Check]:
    """Look whether the bucket deletes WAL by its age: which of it is needed, only retention knows."""
    settings, below = case.request.repository.store, repository.wal(case.application)
    store = t.cast("t.Any", case.opened).store
    if factory.directory_of(settings):
        return
    try:
        if next(iter(store.list(below)), None) is None:
            return
        control = s3_factory.open_control(settings, environ=case.world.environ)
        rules, _size = bucket_state.lifecycle_rules(control)
    except RecoveryError:  # most hosts have no business with the bucket's rules
        return
    expiring = lifecycle.expiring(rules, control.prefix + below)
    for name in expiring:
        yield failed(
            "lifecycle",
            f"The bucket's lifecycle rule {name} deletes WAL that base backups need.",
            "Remove the rule, or limit it to other prefixes; retention deletes WAL by lifeboat_keep_wal.",
        )
    if not expiring:
        yield ok("lifecycle", "No lifecycle rule of the bucket deletes WAL.")


def _catalogue(case: Case) -> Iterator[Check]:
    """Tell what is wrong with what is stored, by its kind: one cause may spoil every backup."""
    kinds: dict[str, list[IntegrityProblem]] = {}
    for problem in t.cast("t.Any", case.opened).problems:
        if problem.kind != TRUST:  # the keys' own check tells of those
            kinds.setdefault(problem.kind, []).append(problem)
    strangers = kinds.get(STRANGER, [])
    if strangers and not case.backups:
        yield failed(
            "catalogue",
            f"None of the {human_count(len(strangers), 'backup')} in the store is signed by a trusted key.",
            "Set the key of this application; if it is set, find out who wrote to the store.",
            names=[problem.name for problem in strangers],
        )
        return
    for alike in kinds.values():
        first = alike[0]
        yield failed(
            "catalogue",
            first.sentence + (f" The same applies to {len(alike) - 1} more." if len(alike) > 1 else ""),
            "Run playbook lifeboat.recovery.verify, and find out who did that.",
            names=[problem.name for problem in alike],
        )


def _reach(case: Case) -> Check:
    opened = t.cast("t.Any", case.opened)
    try:
        # A host with a server of its own answers for its own cluster; a validator for all there are.
        case.backups = opened.backups(repository.cluster(case.request.cluster) if case.request.login else None)
        newer.notice(opened, case.backups)
        case.listed = True
    except AccessDenied as exc:
        known = Receipts(case.state_dir, case.request.repository.place).of(case.application)
        if not known:
            return refused("store", exc)
    except RecoveryError as exc:
        return refused("store", exc)
    held = human_count(len(case.backups), "backup") if case.listed else "what it may not list"
    if not case.wants("store"):
        return ok("store", f"{opened.store.url} holds {held}.")
    if case.world.dry_run or opened.trusted_keys.mode == "reader":
        why = "check mode writes nothing" if case.world.dry_run else "this host has no key to sign with"
        return ok(
            "store", f"{opened.store.url} holds {held}; writes were not tested: {why}.", backups=len(case.backups)
        )
    try:
        how = _write(case)
    except StoreError as exc:
        return failed("store", f"{opened.store.url} cannot be written to: {exc.cause}", exc.remedy)
    return ok("store", f"{opened.store.url} holds {held} and is writable ({how}).", backups=len(case.backups))


def _write(case: Case) -> str:
    """
    Try to write in a way that leaves nothing: a host may have no right to remove what it wrote.

    To create what exists already is refused by who may write and by who may not, with different answers. Without a
    small file to try that with, an upload is begun and broken off.
    """
    opened, content = t.cast("t.Any", case.opened), b""
    # Neither a manifest nor a detail: if retention takes the backup meanwhile, what comes back must not look like one.
    files = (file for backup in case.backups[-1:] for file in backup.manifest.files if file.member != "detail")
    smallest = min(files, key=lambda file: file.size, default=None)
    if smallest and smallest.size <= PROBE_BLOCK:
        with contextlib.suppress(StoreError):
            content = b"".join(opened.store.get(smallest.name))
    if smallest and content:
        # The same bytes: a store that ignores the condition changes nothing.
        try:
            opened.store.put_new(smallest.name, content)
        except AlreadyExists:
            return "tested by a write that the store had to reject"
        return "tested by writing a file again unchanged"
    try:
        opened.store.put(f"{repository.data(case.application)}probe.lbx", _broken_off(), part_size=PART)
    except _BrokenOff:
        return "tested by an upload that was aborted"
    return "tested by an upload"


def _broken_off() -> Iterator[bytes]:
    for _block in range(PROBE_BLOCKS):
        yield bytes(PROBE_BLOCK)
    raise _BrokenOff


def _clock(case: Case) -> Iterator[Check]:
    settings = case.request.repository.store
    if factory.directory_of(settings) or not case.request.limits.clock_skew:
        return
    skew = clock.ahead(settings, case.world.now)
    if skew is None:
        yield ok("clock", "The store does not report its time, so the clocks were not compared.")
        return
    said = f"This host's clock is {human_duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the store's"
    remedy = "Synchronize the clock by NTP, such as with systemd-timesyncd or chrony."
    if abs(skew) > SKEW_LIMIT:
        yield failed("clock", f"{said}; the store rejects requests signed so.", remedy, seconds=round(skew, 1))
    elif abs(skew) > case.request.limits.clock_skew:
        yield warning("clock", f"{said}.", remedy, seconds=round(skew, 1))
    else:
        yield ok("clock", "The clocks of this host and of the store agree.", seconds=round(skew, 1))

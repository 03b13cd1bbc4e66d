# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: one backup of a component into the store, nothing touching a disk.

The order keeps every promise: keys, store and what the source needs are checked before anything is captured; all
members are of one moment; each file's end is stored only after all before it was well; whatever may refuse the backup
does so before its detail is stored; and the manifest, written last and create-only, is what makes the backup exist.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ...drivers.crypto import seals
from ...drivers.stores.base import is_there
from ...ground import units
from ...ground.errors import AccessDenied, RecoveryError, StoreError, Tampered, TooSmall
from ...ground.model import Outcome
from ...ground.printing import printable
from ...ground.progress import Progress, status_directory
from ...records.anomalies import assessment
from ...records.anomalies.backup_figures import Statistics
from ...records.repository import catalogue, choosing, manifest
from ...records.repository import names as repository
from ...records.repository.stored_backup import incomplete
from . import earlier
from .attempts import Attempts
from .request import BackupRequest

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...drivers.components.source import Preview
    from ...drivers.crypto import lbx
    from ...ground.model import World
    from ...records.repository.manifest import Manifest
    from ...records.repository.receipts import Receipt
    from .attempts import Made

__all__ = ["BackupRequest", "back_up"]

SHAPE = (
    *("attempts", "backup_id", "component", "estimate", "finished", "members", "phase_seconds", "plain_size"),
    *("proof", "reason", "scope", "seconds", "size", "started", "suspicions"),
)
"""Keys that every result of a backup has, whether they say anything or not, beside those of its component."""


def back_up(request: BackupRequest, world: World) -> Outcome:
    """
    Make a backup, or leave things as they are when the newest is younger than `max_age`.

    Raise UsageError on a bad value, KeyRefused or StoreError when the way into the store is not clear, what the source
    raises when it does not allow a correct backup, TooSmall when a guard refuses the result, Busy when the source
    cannot be read at one moment. In every such case no backup is listed that was not listed before.
    """
    compression = request.check()
    component = repository.component(*request.source.name)
    opened = catalogue.open_repository(request.repository, world)
    writer = opened.trusted_keys.writer(component, world.now())
    known = earlier.known(opened, request, component, world.now())
    previous = t.cast("Receipt | None", known.previous)
    if previous and request.max_age is not None:
        age = (world.now() - previous.at).total_seconds()
        if 0 <= age < request.max_age and request.reason != choosing.EMERGENCY:
            return _nothing_to_do(request, previous, f"{units.human_duration(age)} old, younger than max_age")
    preview = request.source.preview(known, world)
    if previous and not preview.due and request.reason != choosing.EMERGENCY:
        return _nothing_to_do(request, previous, preview.why, preview.facts)
    if world.dry_run:
        return _planned(request, component, preview)
    progress = Progress(status_directory(request.repository.state_dir, world), "backup", component, world.now)
    attempts = Attempts(request, world, opened, component, writer, compression, progress)
    with progress.running():
        made = attempts.captured(known)
        try:
            record = attempts.manifest(made)
            _guard(request, record, earlier.comparable(opened, component, previous, world.now()))
            envelope = _publish(opened, writer, record, made.files.finish)
        except BaseException:
            if _surely_unlisted(opened, component, made.files.backup_id):
                made.files.discard()
            raise
    if request.reason != choosing.EMERGENCY:  # none is based on such a one
        made.captured.settle()
    unwritten = _remember(opened, earlier.receipt(record, hashlib.sha256(envelope).hexdigest()))
    suspicions, trouble = assessment.note(
        Statistics(request.repository.state_dir, request.repository.place),
        record,
        made.captured.figures,
        request.thresholds,
    )
    warnings = (*preview.warnings, *made.captured.warnings, *unwritten, *trouble)
    return _made(request, record, made, warnings, suspicions)


def _publish(opened: catalogue.Repository, writer: lbx.Writer, record: Manifest, finish: Callable[[], None]) -> bytes:
    """
    Look at the manifest as readers do, and at every file once more; then `finish` the files, and write the manifest.

    Return its envelope. What is refused leaves files without a detail: garbage, in a store that lets nobody delete.
    """
    payload = record.payload()
    place = (record.application, record.component, record.backup_id)
    try:
        manifest.parse(payload, *place)
    except Tampered as exc:
        remedy = "The backup was discarded. Report this bug."
        raise RecoveryError(f"This backup would be rejected by readers. {exc.cause}", remedy) from exc
    envelope = seals.seal_record("manifest", payload, [writer.signer])
    _require_there(opened, tuple(file for file in record.files if file.member != "detail"), record)
    finish()
    _require_there(opened, record.files, record)
    _require_parents(opened, record)
    opened.store.put_new(repository.manifest(*place), envelope)
    return envelope


def _require_there(opened: catalogue.Repository, files: tuple[manifest.File, ...], record: Manifest) -> None:
    """Raise StoreError unless these files of the backup are in the store with their sizes."""
    # A host that may only write cannot list; each of its uploads was checked as it ended.
    with contextlib.suppress(AccessDenied):
        if problem := incomplete(dataclasses.replace(record, files=files), opened.store):
            raise StoreError(problem, "It was removed during the backup: find out by what, and run again.")


def _require_parents(opened: catalogue.Repository, record: Manifest) -> None:
    """Raise StoreError unless what the backup is based on is in the store: retention may have been faster."""
    for parent in record.parents:
        with contextlib.suppress(AccessDenied):
            if not is_there(opened.store, repository.manifest(record.application, record.component, parent.backup_id)):
                raise StoreError(
                    f"{parent.backup_id}, which this backup is based on, was removed meanwhile.",
                    "Run again: the next one is a full one, or based on another.",
                )


def _surely_unlisted(opened: catalogue.Repository, component: str, backup_id: str) -> bool:
    """Whether no manifest lists the files: its answer may be lost, and then they must stay."""
    with contextlib.suppress(StoreError):
        return not is_there(opened.store, repository.manifest(opened.application, component, backup_id))
    return False


def _remember(opened: catalogue.Repository, receipt: Receipt) -> tuple[str, ...]:
    """Write the receipt. Return a warning where the host cannot remember it: the backup exists all the same."""
    try:
        opened.receipts.add(receipt)
    except StoreError as exc:
        return (str(exc),)
    return ()


def _guard(request: BackupRequest, record: Manifest, previous: Receipt | None) -> None:
    """Refuse a result that is suspiciously small, before it becomes a backup."""
    size = record.plain_size
    if size < request.min_bytes:
        raise TooSmall(
            f"The backup has only {units.human_size(size)}, less than min_bytes.",
            "The backup was discarded. Check the source before you lower min_bytes.",
            plain_size=size,
        )
    if previous is None or not choosing.is_comparable(record) or request.accept_shrink or not request.max_shrink:
        return
    least = previous.plain_size * (100 - request.max_shrink) // 100
    if size < least:
        raise TooSmall(
            f"The backup shrank from {units.human_size(previous.plain_size)} to {units.human_size(size)}, "
            f"by more than {request.max_shrink} percent.",
            "The backup was discarded. If this is expected, run once with accept_shrink: true.",
            plain_size=size,
            previous=previous.plain_size,
        )


def _nothing_to_do(
    request: BackupRequest, previous: Receipt, why: str, own: Mapping[str, t.Any] | None = None
) -> Outcome:
    """Say that the previous backup does."""
    times = {"started": previous.started.isoformat(), "seconds": (previous.at - previous.started).total_seconds()}
    facts = _facts(request, own or {}, **dataclasses.asdict(previous) | times)
    said = f"{previous.backup_id} is {why}: nothing to do."
    return Outcome(changed=False, facts={"backup": facts, "summary": said})


def _planned(request: BackupRequest, component: str, preview: Preview) -> Outcome:
    """Say what would be written, without capturing."""
    lines = (f"backup of {component} ({request.reason}), {request.compression}, {preview.how}", *preview.lines)
    known = {"reason": request.reason, "members": preview.members, "estimate": preview.estimate}
    facts = {
        "backup": _facts(request, preview.facts, component=component, **known),
        "summary": f"Would back up {component}: {preview.members} members.",
    }
    after = "\n  ".join(map(printable, lines)) + "\n"
    return Outcome(changed=True, facts=facts, after=after, warnings=preview.warnings)


def _made(
    request: BackupRequest, record: Manifest, done: Made, warnings: tuple[str, ...], suspicions: Sequence[str]
) -> Outcome:
    """Say what was made."""
    seconds = max(record.seconds, 0.001)
    summary = (
        f"{record.backup_id} of {record.component}: {units.human_size(record.plain_size)} of data stored as "
        f"{units.human_size(record.size)} in {units.human_duration(seconds)} "
        f"({units.human_rate(record.plain_size / seconds)}), {done.captured.said}."
    )
    known = {
        **record.facts,
        "members": len(record.numbers),
        "attempts": done.files.attempt,
        "phase_seconds": done.files.phases.seconds,
        "suspicions": list(suspicions),
    }
    facts = {"backup": _facts(request, done.captured.facts, **known), "summary": summary}
    looked = tuple(f"{record.backup_id} of {record.component} is suspicious. {cause}" for cause in suspicions)
    return Outcome(changed=True, facts=facts, after=summary + "\n", warnings=(*warnings, *looked))


def _facts(request: BackupRequest, own: Mapping[str, t.Any], **known: t.Any) -> dict[str, t.Any]:
    """Return a result with every key that one has, None where it says nothing, and no other."""
    return {name: known.get(name) for name in SHAPE} | {name: own.get(name) for name in request.source.own_facts}

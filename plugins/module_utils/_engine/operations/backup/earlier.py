# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a component's earlier backups: by the store's word, or by a host's memory where it only writes."""

from __future__ import annotations

import os
import typing as t

from ...drivers.components.base import PHYSICAL, Copy
from ...drivers.components.source import Known, Link
from ...ground import host_state
from ...ground.errors import AccessDenied, InconsistentStore, NotFound, Tampered
from ...records.repository import choosing
from ...records.repository.receipts import Receipt, store_digest
from ...records.repository.stored_backup import chain
from ...records.wal import archive

if t.TYPE_CHECKING:
    import datetime

    from ...drivers.components.base import WalRange
    from ...records.repository.catalogue import Backup, Repository
    from ...records.repository.manifest import Manifest
    from .request import BackupRequest


def known(opened: Repository, request: BackupRequest, component: str, now: datetime.datetime) -> Known:
    """Return what a source is told before a backup."""
    previous, links = _previous(opened, component, now)
    memory = _memory(request, component) if request.source.kind == PHYSICAL else None
    return Known(
        previous, request.repository.state_dir, links, memory, lambda wal: _reach(opened, wal) if previous else None
    )


def receipt(record: Manifest, digest: str) -> Receipt:
    """Return what the host remembers of a backup."""
    return Receipt(
        application=record.application,
        component=record.component,
        backup_id=record.backup_id,
        manifest_sha256=digest,
        scope=record.scope,
        reason=record.reason,
        began=record.started.isoformat(),
        finished=record.finished.isoformat(),
        size=record.size,
        plain_size=record.plain_size,
        copy_sha256=record.copy.manifest_sha256 if record.copy else "",
        checksums=bool(record.copy and record.copy.checksums),
    )


def comparable(opened: Repository, component: str, previous: Receipt | None, now: datetime.datetime) -> Receipt | None:
    """Return the newest backup before whose size tells something: where parents are used, the host remembers it."""
    if previous is None or choosing.is_comparable(previous):
        return previous
    return choosing.newest(opened.receipts.believed(opened.application, component, now), choosing.is_comparable)


def _previous(opened: Repository, component: str, now: datetime.datetime) -> tuple[Receipt | None, tuple[Link, ...]]:
    """Return the newest backup that `latest` means, and its chain."""
    try:
        found = opened.find(component, "latest")
    except (NotFound, InconsistentStore):
        return None, ()  # where backups are hidden, one more is what helps
    except AccessDenied:
        own = opened.receipts.believed(opened.application, component, now)
        return choosing.newest(own), _remembered(own)
    previous = receipt(found.manifest, found.manifest_sha256)
    try:
        return previous, tuple(map(_link, chain(opened.read, found)))
    except (NotFound, Tampered):
        return previous, ()


def _link(backup: Backup) -> Link:
    record = backup.manifest
    return Link(record.backup_id, backup.manifest_sha256, record.finished, record.copy, record.wal)


def _remembered(own: list[Receipt]) -> tuple[Link, ...]:
    """Return the chain of the newest backup: each is based on the one before it, up to a full one."""
    links: list[Link] = []
    for one in sorted(filter(choosing.is_latest, own), key=choosing.age):
        if choosing.is_comparable(one):
            links = []
        copy = Copy(one.copy_sha256, one.checksums) if one.copy_sha256 else None
        links.append(Link(one.backup_id, one.manifest_sha256, one.at, copy))
    return tuple(links)


def _memory(request: BackupRequest, component: str) -> str | None:
    """Return the directory for what the host keeps of a component's backups in one store."""
    settings = request.repository
    if not settings.state_dir:
        return None
    words = {"cluster": component.partition("/")[0], "application": settings.application, "backup_id": "any"}
    path = host_state.COPY.below(settings.state_dir, store=store_digest(settings.place), **words)
    return os.path.dirname(path) if path else None


def _reach(opened: Repository, wal: WalRange) -> datetime.datetime | None:
    """Return when the last segment was stored of those that follow a range; None where its timeline has a gap."""
    try:
        listed = archive.listed(
            opened.store, opened.application, {wal.system_identifier: wal.segment_size}, wal.system_identifier
        )
    except AccessDenied:
        return None
    log = listed.get(wal.system_identifier)
    held = log.segments.get(wal.timeline) if log else None
    if held is None:
        return None
    last = held.until(wal.segments[0])
    return held.stored(last) if last == held.last and last >= wal.segments[-1] else None

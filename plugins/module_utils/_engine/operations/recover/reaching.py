# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a recovery's journal lies, also while the store cannot be reached."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ...drivers.crypto import seals
from ...drivers.stores.directory import DirectoryStore
from ...drivers.stores.settings import Patience
from ...ground import disk
from ...ground.errors import StoreError
from ...ground.host_state import RECOVERIES, RECOVERY_TRUST
from ...records.recovery.journal import Place, RecoveryJournal
from ...records.repository import catalogue, trusted_keys
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from ...ground.model import World

PATIENCE = Patience(connect=5, request=30, retries=2, retrying=30)
"""A recovery goes on without its store, and must not stand still for it at each event."""


class Reached(t.NamedTuple):
    """The place of the journal, and the repository; None where the store cannot be reached."""

    place: Place
    opened: catalogue.Repository | None


def reach(settings: catalogue.RepositorySettings, world: World) -> Reached:
    """Open the store. Where it cannot be reached, keys count as the trust file says that this host saw last."""
    repository.check_application(settings.application)
    try:
        opened = catalogue.open_repository(settings, world, patience=PATIENCE)
    except StoreError as exc:
        return Reached(_offline(settings, world, exc), None)
    if opened.trusted_keys.trust and not world.dry_run:
        _keep_trust(settings, opened, opened.trusted_keys.trust.serial)
    place = Place(settings.application, opened.trusted_keys, opened.store, settings.state_dir, read_only=world.dry_run)
    return Reached(place, opened)


def keep(journal: RecoveryJournal, *, required: bool = False) -> tuple[str, ...]:
    """
    Write what was added to a journal to the disk and into the store; return what to say where the store misses it.

    Raise StoreError then if it is `required` there, or kept nowhere else; Busy when another run took the number.
    """
    journal.save()
    try:
        journal.upload()
    except StoreError as exc:
        if required or journal.path is None:
            exc.advise("With journal: local (lifeboat_journal) the recovery goes on without the store.")
            raise
        where = f"Event {len(journal.events)} of {journal.recovery_id} is only on this host"
        return (f"{where}, as the store cannot take it, and follows with the next one: {exc.cause}",)
    return ()


def _offline(settings: catalogue.RepositorySettings, world: World, down: StoreError) -> Place:
    kept = os.path.dirname(RECOVERIES.folder(settings.state_dir or ""))
    store = DirectoryStore(kept) if settings.state_dir and os.path.isdir(kept) else None
    keys = trusted_keys.load(settings.keys, store, settings.application)
    return Place(settings.application, keys, None, settings.state_dir, down, read_only=world.dry_run)


def _keep_trust(settings: catalogue.RepositorySettings, opened: catalogue.Repository, serial: int) -> None:
    """Keep the trust file. Where that is not possible, signers that it lists cannot go on without the store."""
    path = RECOVERY_TRUST.below(settings.state_dir, application=opened.application, serial=f"{serial:08d}")
    if path and not os.path.exists(path):
        name = trusted_keys.trust_name(opened.application, serial)
        with contextlib.suppress(StoreError, OSError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            disk.write_atomically(path, opened.store.get(name, 0, seals.envelope_limit("trust")))

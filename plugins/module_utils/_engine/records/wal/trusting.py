# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The trust file for those who are asked many times an hour: kept on the host, and asked for again after a while.

The copy is verified like the store's own: who may write to it gains nothing but an older one that was seen here. Where
the store has no trust file, the copy is empty. Where the user of the server may not read the store's, the copy counts
as role wal_archiving wrote it.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ...drivers.crypto import local_keys, seals, trust
from ...ground import disk
from ...ground.errors import AccessDenied, NotFound, StoreError, Tampered
from ..repository import trusted_keys
from ..repository.trusted_keys import TrustedKeys

if t.TYPE_CHECKING:
    from datetime import datetime

    from ...drivers.crypto.local_keys import LocalKeys
    from ...drivers.crypto.trust import TrustFile
    from ...drivers.stores.base import Store
    from .settings import WalSettings

MAX_AGE = 600
"""Seconds for which the copy counts without asking the store."""


def load(settings: WalSettings, store: Store, copy: str, now: datetime) -> TrustedKeys:
    """
    Return the keys of a cluster's WAL with the trust of the store, or of the copy in the file `copy` if it is young.

    Raise KeyRefused when the keys cannot be used, Tampered when the store's trust is older than the copy.
    """
    held = local_keys.read(settings.keys)
    try:
        age = now.timestamp() - os.stat(copy).st_mtime
    except FileNotFoundError:
        age = MAX_AGE
    if 0 <= age < MAX_AGE:
        with contextlib.suppress(NotFound, Tampered):
            return TrustedKeys(settings.application, held, store, _kept(copy, held, settings.application), ())
    return refresh(settings, store, copy)


def refresh(settings: WalSettings, store: Store, copy: str) -> TrustedKeys:
    """Return the same by the store's word, and keep what it says."""
    seen, held = None, local_keys.read(settings.keys)
    with contextlib.suppress(NotFound, Tampered):
        seen = _kept(copy, held, settings.application)
    last = seen.serial if seen else 0
    try:
        found = trusted_keys.load(settings.keys, store, settings.application, last_seen_serial=last)
    except AccessDenied:
        if seen is None:
            raise
        return TrustedKeys(settings.application, held, store, seen, ())
    envelope = b""
    if found.trust is not None:
        name = trusted_keys.trust_name(settings.application, found.trust.serial)
        envelope = b"".join(store.get(name, 0, seals.envelope_limit("trust")))
    with contextlib.suppress(StoreError):  # a full disk: the next call asks the store again
        disk.write_atomically(copy, [envelope])
    return found


def _kept(copy: str, held: LocalKeys, application: str) -> TrustFile | None:
    """Return what the copy says. Raise NotFound when there is none, Tampered when it is not one of ours."""
    envelope = b"".join(disk.read_blocks(copy))
    return trust.verify(envelope, held.roots, application) if envelope else None

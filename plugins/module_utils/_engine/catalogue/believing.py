# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Whether one stored manifest may be believed: its seal, its place, its signer at the time it claims, and that time.
"""

from __future__ import annotations

import hashlib
import typing as t

from .. import repository
from ..crypto import seals
from ..errors import Tampered
from . import choosing, manifest
from .stored_backup import Backup

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from ..keys.custody import Custody
    from ..stores.base import Store
    from .choosing import Place


def read(
    store: Store, custody: Custody, application: str, place: Place, now: Callable[[], datetime.datetime]
) -> Backup:
    """Give the backup whose manifest lies at `place`. Raise NotFound when it is gone, else Tampered."""
    component, backup_id = place.component, place.backup_id
    name = repository.manifest(application, component, backup_id)
    # What is larger than it may be is cut, and fails its parser.
    envelope = b"".join(store.get(name, 0, seals.envelope_limit("manifest") + 1))
    # The store's own time is what a thief of a signer cannot choose.
    signers = custody.record_signers(component, None, stored=place.stored)
    opened = seals.open_record("manifest", envelope, signers)
    record = manifest.parse(opened.payload, application, component, backup_id)
    signer = _signer(custody, opened.signers, record, place.stored)
    if record.finished > now() + choosing.FUTURE:
        raise Tampered(
            f"{backup_id} claims to have finished in the future.",
            "Check the clock of this machine and of the host that made it.",
            backup_id=backup_id,
        )
    digest = hashlib.sha256(envelope).hexdigest()
    return Backup(record, digest, signer, store, custody)


def _signer(
    custody: Custody, signers: tuple[bytes, ...], record: manifest.Manifest, stored: datetime.datetime
) -> bytes:
    allowed = custody.record_signers(record.component, record.finished, stored=stored)
    for signer in signers:
        if signer in allowed:
            return signer
    raise Tampered(
        f"The signer of {record.backup_id} was not trusted at the time that it claims.",
        "Look into the trust file: a compromised or retired signer may have made it.",
        backup_id=record.backup_id,
    )

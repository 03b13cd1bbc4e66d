# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
An event as a signed record, and the record as an encrypted file.

Roots may sign events at any time, listed or not: whoever recovers has the recovery key at hand. Others may as the trust
file says.
"""

from __future__ import annotations

import typing as t

from ...drivers.crypto import lbx, seals
from ...ground import codec
from ...ground.errors import Tampered
from ...ground.streams import Peekable
from . import events
from .events import KIND

if t.TYPE_CHECKING:
    import datetime

    from ...drivers.stores.base import Store
    from ..repository.trusted_keys import TrustedKeys
    from .events import Event

_RECORD = seals.envelope_limit(KIND)
_FILE = _RECORD + lbx.HEAD_LIMIT + (64 << 10)
"""The most bytes that an event can have: compression and encryption add little."""


def sign(keys: TrustedKeys, event: Event) -> bytes:
    """Return the record of an event. Raise KeyRefused when no key at hand may sign it."""
    return seals.seal_record(KIND, event.payload(), [keys.root_writer(KIND, event.at).signer])


def read(keys: TrustedKeys, record: bytes, stored: datetime.datetime | None) -> Event:
    """Return the event of a record that the store took then; None for one of this host. Raise Tampered otherwise."""
    opened = seals.open_record(KIND, record, keys.root_signers(KIND, None, stored=stored))
    event = events.parse(opened.payload)
    if keys.root_signers(KIND, event.at, stored=stored).isdisjoint(opened.signers):
        raise Tampered("Its signer was not trusted at the time that it claims.")
    return event


def seal(keys: TrustedKeys, name: str, record: bytes, at: datetime.datetime) -> bytes:
    """Return a record as the file of this name."""
    packed = codec.compress(Peekable([record]), codec.Codec.parse("zstd"))
    return b"".join(lbx.SealedFile(name, packed, keys.root_writer(KIND, at)))


def fetch(keys: TrustedKeys, store: Store, name: str, stored: datetime.datetime) -> bytes:
    """Return the record in a stored file. Raise NotFound when there is none, Tampered when it is not as it was."""
    expected = lbx.Expected(name, keys.root_signers(KIND, None, stored=stored))
    opened = lbx.open_file(store.get(name, 0, _FILE), expected, keys.opener)
    return b"".join(codec.decompress(opened, limit=_RECORD))

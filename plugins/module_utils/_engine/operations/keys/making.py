# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: make a key file, or read the public part of the one that is there.

A secret is written once, into a file that only its owner may read, and never leaves it. What is returned is public.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ...drivers.crypto import keyfile
from ...drivers.crypto.keys import OpeningKey, RecoveryKey, Signer
from ...ground.errors import AlreadyExists, require_one_of
from ...ground.model import Outcome

if t.TYPE_CHECKING:
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class KeyRequest:
    """A key of `type` (recovery, opening, signer or digest) in the file at `path`."""

    type: str
    path: str


def make_key(request: KeyRequest, world: World) -> Outcome:
    """
    Make the key unless the file is there; facts hold its id and its public keys, in hex.

    Raise UsageError on an unknown type, KeyRefused when the file holds no such key or others may read it, StoreError
    when it cannot be written. In a dry run nothing is made, and the facts of a key to be made are empty.
    """
    require_one_of("type", request.type, keyfile.TYPES)
    made = f"{request.path}: a {request.type} key\n"
    if not os.path.lexists(request.path):
        if world.dry_run:
            return Outcome(True, {"path": request.path}, after=made)
        try:
            keyfile.write(request.path, [keyfile.create(request.type, world.now())])
        except AlreadyExists:
            # Somebody else made it just now; theirs is as good.
            return Outcome(False, _facts(request), made, made)
        return Outcome(True, _facts(request), after=made)
    return Outcome(False, _facts(request), made, made)


def _facts(request: KeyRequest) -> dict[str, t.Any]:
    record = keyfile.read_one(request.path, request.type)
    return {"path": request.path, "kid": record.kid, **_public(request.type, record.secret)}


def _public(type_: str, secret: bytes) -> dict[str, str]:
    """Return what may be known: who encrypts to the key needs `public`, who believes what it signs needs `root`."""
    if type_ == "recovery":
        key = RecoveryKey(secret)
        return {"public": key.opening.recipient.public.hex(), "root": key.root.public.hex()}
    if type_ == "opening":
        return {"public": OpeningKey(secret).recipient.public.hex()}
    if type_ == "signer":
        return {"public": Signer(secret).public.hex()}
    return {}

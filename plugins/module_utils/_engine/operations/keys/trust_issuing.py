# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use cases: read the trust file of an application, sign the next one, and publish it.

The three are apart because no machine should need all it takes: a host with the store reads and publishes, and the
recovery key signs wherever it is kept. What passes between them is public and signed.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...drivers.crypto import local_keys, trust
from ...drivers.crypto.keys import HPKE_X25519, Recipient, public_key
from ...drivers.stores import factory
from ...ground.errors import AlreadyExists, KeyRefused, Tampered, UsageError
from ...ground.model import Outcome
from ...records.repository import trusted_keys
from ...records.repository.names import check_application

if t.TYPE_CHECKING:
    from ...drivers.crypto.trust import SignerEntry, TrustFile
    from ...drivers.stores.base import Store
    from ...ground.model import World

CLOCKS = datetime.timedelta(hours=1)
"""How far the clock of the machine that signs may be ahead of a host whose signer it lists."""


@dataclasses.dataclass(frozen=True, slots=True)
class PublishedTrust:
    """Read the newest trust file in a store, or publish `envelope` there; `roots` are the public keys that count."""

    application: str
    store: factory.StoreSettings
    roots: tuple[str, ...]
    envelope: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class NewSigner:
    """A signer's public key, in hex, and the scopes that it may sign."""

    public: str
    scope: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class SignRequest:
    """
    Sign the trust file that comes after `envelope`, with the recovery key of `keys`.

    `recipients` (public keys, in hex) and `signers` are added to what it lists, `retired` ones (public keys of
    either) end. `taken` is the last serial after the newest that the store has an object for.
    """

    application: str
    keys: local_keys.KeySettings
    envelope: str = ""
    recipients: tuple[str, ...] = ()
    signers: tuple[NewSigner, ...] = ()
    retired: tuple[str, ...] = ()
    taken: int = 0


def read_trust(request: PublishedTrust, world: World) -> Outcome:
    """Return the newest trust file that a root signed; its envelope is empty when there is none."""
    store = _open(request, world)
    keys = local_keys.KeySettings(roots=request.roots)
    found = trusted_keys.load(keys, store, request.application).trust
    envelope = _fetch(store, request.application, found.serial) if found else ""
    taken = trusted_keys.taken_serial(store, request.application, found.serial if found else 0)
    return Outcome(False, {"envelope": envelope, "taken": taken, **_facts(found)})


def sign_trust(request: SignRequest, world: World) -> Outcome:
    """
    Sign the next trust file, or give the one there is when it says the same.

    Raise KeyRefused without a recovery key or with one of another root, UsageError on a malformed public key.
    """
    application = check_application(request.application)
    held = local_keys.read(request.keys)
    if held.recovery is None:
        raise KeyRefused(
            "The recovery key is needed to sign a trust file, and is not set.",
            "Run this where it is kept, and set recovery_key_file.",
        )
    roots = {*held.roots, held.recovery.root.public}
    current = trust.verify(request.envelope.encode(), roots, application) if request.envelope else None
    now = world.now().replace(microsecond=0)
    retired = {public_key(text, "retired") for text in request.retired}
    recipients = _recipients(current, request, held.recovery.opening.recipient, retired)
    signers = _signers(current, request, retired, now)
    made = trusted_keys.next_trust(
        current, application, recipients, signers, [held.recovery.root], now, max(request.taken, 0)
    )
    before = _text(current)
    if made is None:
        return Outcome(False, {"envelope": request.envelope, **_facts(current)}, before, before)
    signed = trust.verify(made, roots, application)
    return Outcome(True, {"envelope": made.decode(), **_facts(signed)}, before, _text(signed))


def publish_trust(request: PublishedTrust, world: World) -> Outcome:
    """
    Store a signed trust file, unless the store has one that says the same.

    Raise Tampered when no root signed it, AlreadyExists when another one was published in the meantime.
    """
    roots = {public_key(text, "roots") for text in request.roots}
    offered = trust.verify(request.envelope.encode(), roots, check_application(request.application))
    store = _open(request, world)
    newest = trusted_keys.load(local_keys.KeySettings(roots=request.roots), store, request.application).trust
    before = _text(newest)
    if newest is not None and _says_the_same(newest, offered):
        return Outcome(False, _facts(newest), before, before)
    if newest is not None and newest.serial >= offered.serial:
        raise AlreadyExists(
            f"The store has trust file {newest.serial} of {request.application}, which has a different content.",
            "Read it, sign the next one based on it, and publish that.",
            serial=newest.serial,
        )
    store.put_new(trusted_keys.trust_name(request.application, offered.serial), request.envelope.encode())
    return Outcome(True, _facts(offered), before, _text(offered))


def _open(request: PublishedTrust, world: World) -> Store:
    check_application(request.application)
    return factory.open_store(request.store, environ=world.environ, dry_run=world.dry_run)


def _fetch(store: Store, application: str, serial: int) -> str:
    try:
        return b"".join(store.get(trusted_keys.trust_name(application, serial))).decode()
    except UnicodeDecodeError as exc:
        raise Tampered(
            f"Trust file {serial} of {application} changed while it was read.", "Find out who writes to the store."
        ) from exc


def _recipients(
    current: TrustFile | None, request: SignRequest, own: Recipient, retired: set[bytes]
) -> list[Recipient]:
    """Return whom backups are encrypted to: always the recovery key itself, or a disaster would be final."""
    listed = list(current.recipients) if current else []
    listed += [own, *(Recipient(HPKE_X25519, public_key(text, "recipients")) for text in request.recipients)]
    if own.public in retired:
        raise UsageError(
            "The signing recovery key cannot retire itself.",
            "Sign with the next recovery key.",
            field="retired",
        )
    return [item for item in {item.kid: item for item in listed}.values() if item.public not in retired]


def _signers(
    current: TrustFile | None, request: SignRequest, retired: set[bytes], now: datetime.datetime
) -> list[SignerEntry]:
    """Return who may sign. An entry is never removed: what it signed in its time still counts."""
    entries = {item.public: item for item in (current.signers if current else ())}
    for signer in request.signers:
        public = public_key(signer.public, "signers")
        known = entries.get(public)
        if known is None:
            entries[public] = trust.SignerEntry(public, tuple(signer.scope), now - CLOCKS)
        elif known.until is None:
            scope = tuple(dict.fromkeys((*known.scope, *signer.scope)))
            entries[public] = dataclasses.replace(known, scope=scope)
    for public in retired & entries.keys():
        if entries[public].until is None:
            entries[public] = dataclasses.replace(entries[public], until=now)
    return list(entries.values())


def _says_the_same(one: TrustFile, other: TrustFile) -> bool:
    """Compare without serials and times: hosts that share a store may each have signed the same thing."""
    listed = [(item.public, item.scope, item.until, item.compromised_since) for item in one.signers]
    others = [(item.public, item.scope, item.until, item.compromised_since) for item in other.signers]
    return set(one.recipients) == set(other.recipients) and set(listed) == set(others)


def _facts(found: TrustFile | None) -> dict[str, t.Any]:
    if found is None:
        return {"serial": 0, "recipients": [], "signers": []}
    return {
        "serial": found.serial,
        "recipients": [{"kid": item.kid, "public": item.public.hex()} for item in found.recipients],
        "signers": [
            {
                "public": item.public.hex(),
                "scope": list(item.scope),
                "until": trust.time_text(item.until) if item.until else None,
            }
            for item in found.signers
        ],
    }


def _text(found: TrustFile | None) -> str:
    if found is None:
        return ""
    opens = [f"opens: {item.kid}" for item in found.recipients]
    signs = [
        f"signs {', '.join(item.scope)}: {item.public.hex()}"
        + (f" until {trust.time_text(item.until)}" if item.until else "")
        for item in found.signers
    ]
    return "\n".join([f"trust file {found.serial} of {found.application}", *opens, *signs]) + "\n"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which keys this process holds, what they may do, and what the store's newest trust file says about everybody's.

Three modes. `single-key`: a recovery key is at hand, its root signs and its recipient opens. `sealed-host`: a signer
of this host and pinned roots; recipients come from the trust file only, and nothing here opens. `reader`: pinned
roots, perhaps an opening key; writes nothing.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ...drivers.crypto import handover, local_keys, seals, trust, wraps
from ...drivers.crypto.lbx import Writer
from ...drivers.crypto.local_keys import KeySettings
from ...drivers.crypto.opener import KeyOpener
from ...ground.errors import KeyRefused, NotFound, Tampered
from . import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from ...drivers.crypto.keys import Recipient, Signer
    from ...drivers.crypto.lbx import Head, Opener
    from ...drivers.crypto.local_keys import LocalKeys, Mode
    from ...drivers.crypto.trust import SignerEntry, TrustFile
    from ...drivers.stores.base import Store

_TRUST_NAME = re.compile(r"([0-9]{8})\.json")


class TrustedKeys:
    """The keys of this process and the trust of one application. Make it with `load`."""

    def __init__(
        self,
        application: str,
        keys: LocalKeys,
        store: Store | None,
        trusted: TrustFile | None,
        ignored: tuple[str, ...],
    ) -> None:
        self.application = application
        self.mode: Mode = keys.mode
        self.roots = keys.roots
        self.trust = trusted
        self.ignored_trust_files = ignored
        self._held = keys
        self._store = store
        # One for all files: it keeps what old keys handed over.
        self._opener = KeyOpener(keys.opening, self._side_wraps, self._find_handover)

    @property
    def can_open(self) -> bool:
        """Whether a key that opens backups is at hand: on a database host, then, it is not sealed."""
        return bool(self._held.opening)

    @property
    def opener(self) -> Opener:
        """What `lbx.open_file` takes. KeyRefused when no key at hand opens anything."""
        if not self._held.opening:
            raise KeyRefused(
                "A key that decrypts backups is needed, and none is set.",
                "Set a recovery key or an opening key; a sealed host has none on purpose: use a validator host.",
            )
        return self._opener

    @property
    def signer(self) -> Signer:
        """What signs records here. KeyRefused where nothing does."""
        if self._held.signer is None:
            raise local_keys.nothing_to_write_with()
        return self._held.signer

    @property
    def digest_key(self) -> bytes:
        """The key of plaintext digests (WAL and blobs)."""
        if self._held.digest_key is None:
            raise KeyRefused(
                "A digest key is needed to write WAL or files, and none is set.",
                "Set digest_key_file to the application's digest key.",
            )
        return self._held.digest_key

    def writer(self, scope: str, at: datetime | None = None) -> Writer:
        """Recipients and signer for things of this scope. KeyRefused when this host may not write them."""
        signer = self.signer
        if self.trust is None:
            if self._held.recovery is None or self.mode != "single-key":
                others = len(self.ignored_trust_files)
                raise KeyRefused(
                    f"The store has no trust file for {self.application}"
                    + (f" that the pinned root signed, and {others} others" if others else "")
                    + ", so there are no recipients to encrypt for.",
                    "Issue one with the root key (module recovery_trust), then run again.",
                )
            return Writer((self._held.recovery.opening.recipient,), signer)
        if not self.trust.allows(signer.public, scope, at, stored=None):
            raise KeyRefused(
                f"The signer {signer.kid} is not in trust file {self.trust.serial} of {self.application} for {scope}.",
                "Issue the next trust file with this signer and this scope in it (module recovery_trust).",
                signer=signer.public.hex(),
            )
        return Writer(self.trust.recipients, signer)

    def root_writer(self, scope: str, at: datetime | None = None) -> Writer:
        """Return the same where the root may write, listed or not: whoever recovers has its key at hand."""
        root = self._held.recovery.root if self._held.recovery else None
        if self.trust is None or root is None or root.public not in self.roots:
            return self.writer(scope, at)
        return Writer(self.trust.recipients, root)

    def recovery_writer(self) -> Writer:
        """Return the root as signer, and the recovery key as the only recipient. KeyRefused where it is not at hand."""
        held = self._held.recovery
        if held is None or held.root.public not in self.roots:
            raise KeyRefused(
                "Only the recovery key may write a recovery kit, and it is not set.",
                "Set recovery_key_file (lifeboat_recovery_key_file).",
            )
        return Writer((held.opening.recipient,), held.root)

    def record_signers(
        self, scope: str, at: datetime | None = None, *, stored: datetime | None = None
    ) -> frozenset[bytes]:
        """Who may have signed things of this scope: made `at` a time, and `stored`, as the store says, at another."""
        return self.roots if self.trust is None else self.trust.allowed(scope, at, stored=stored)

    def root_signers(
        self, scope: str, at: datetime | None = None, *, stored: datetime | None = None
    ) -> frozenset[bytes]:
        """Return the same of what the root may sign, listed or not."""
        return self.roots | self.record_signers(scope, at, stored=stored)

    def timeless_signers(self, scope: str, stored: Callable[[], datetime]) -> frozenset[bytes]:
        """
        Who may have signed what tells no time of its own; `stored` asks since when the store has it, if that matters.

        It is not compared with the time from which a signer counts: the clocks of a store and of a controller differ.
        """
        if self.trust is None or not self.trust.is_limited(scope):
            return self.root_signers(scope)
        return self.roots | self.trust.allowed_until(scope, stored())

    def _find_handover(self, kid: str) -> bytes | None:
        return _fetch(self._store, handover_name(self.application, kid), handover.LIMIT)

    def _side_wraps(self, head: Head) -> Iterator[wraps.Wrap]:
        """Wraps that were added for this file, in the objects named after our own keys."""
        backup_id = repository.owner(self.application, head.name)
        if backup_id is None:
            return
        for key in self._held.opening:
            name = side_wraps_name(self.application, backup_id, key.recipient.kid)
            stored = _fetch(self._store, name, wraps.SIDE_WRAPS_LIMIT)
            found = wraps.parse_side_wraps(stored).get(head.sha256) if stored is not None else None
            if found is not None:
                yield found


def load(keys: KeySettings, store: Store | None, application: str, *, last_seen_serial: int = 0) -> TrustedKeys:
    """
    Read the keys and the newest trust file; without a store there is none.

    KeyRefused when they do not fit, Tampered when trust went backwards.
    """
    held = local_keys.read(keys)
    found, ignored = _newest_trust(store, application, held.roots)
    serial = found.serial if found else 0
    if serial < last_seen_serial:
        details = {"last_seen_serial": last_seen_serial, "serial": serial}
        replaced = "trust files in the store were removed or replaced: find out by whom before you go on."
        if ignored and not found:
            raise Tampered(
                f"No trust file of {application} is signed by the root at hand, but {last_seen_serial} was seen "
                "before.",
                f"Use the key of {application}. If it is the right one, {replaced}",
                **details,
            )
        raise Tampered(
            f"The newest trust file of {application} has serial {serial}, but {last_seen_serial} was seen before.",
            replaced.capitalize(),
            **details,
        )
    return TrustedKeys(application, held, store, found, ignored)


def next_trust(  # noqa: PLR0917
    current: TrustFile | None,
    application: str,
    recipients: Sequence[Recipient],
    signers: Sequence[SignerEntry],
    roots: Sequence[Signer],
    now: datetime,
    taken: int = 0,
) -> bytes | None:
    """
    The next trust file, signed by `roots`, or None if it would say what `current` says.

    `taken` is the last serial in the row after it that has an object in the store (`taken_serial`), valid or not: trust
    files are create-only, and a stranger may have put something in the way.
    """
    serial = max(current.serial if current else 0, taken) + 1
    payload = trust.TrustFile(application, serial, now, tuple(recipients), tuple(signers)).to_payload()
    made = trust.TrustFile.from_payload(payload)  # as readers will see it: times to the second
    if current is not None and _says(current) == _says(made):
        return None
    return trust.sign(made, roots)


def taken_serial(store: Store, application: str, current: int) -> int:
    """
    The last of the serials in a row after `current` that have an object; `current` if the next one is free.

    Not the highest of all: who may write could name an object by the last serial there is, and end the issuing.
    """
    taken = {serial for serial, _name, _size in _trust_names(store, application)}
    while current + 1 in taken:
        current += 1
    return current


def trust_name(application: str, serial: int) -> str:
    """The object name of a trust file."""
    return f"{repository.trust(application)}{serial:08d}.json"


def handover_name(application: str, old_kid: str) -> str:
    """The object name of an old key's handover."""
    return f"{repository.keys(application)}{old_kid}.json"


def side_wraps_name(application: str, backup_id: str, kid: str) -> str:
    """The object name of the wraps that open a backup to one more key."""
    return f"{repository.keys(application)}{backup_id}/wraps-{kid}.json"


def _says(file: TrustFile) -> tuple[object, ...]:
    return file.application, frozenset(file.recipients), frozenset(file.signers)


def _newest_trust(
    store: Store | None, application: str, roots: frozenset[bytes]
) -> tuple[TrustFile | None, tuple[str, ...]]:
    """
    The valid trust file with the highest serial; None where there is none, so that only roots count.

    Names of others above it are reported, not believed: whoever may write can put one there, and ends nothing by it.
    """
    ignored: list[str] = []
    limit = seals.envelope_limit("trust")
    for serial, name, size in sorted(_trust_names(store, application), reverse=True):
        envelope = _fetch(store, name, limit) if size <= limit else None
        with contextlib.suppress(Tampered):
            found = trust.verify(envelope or b"", roots, application)
            if found.serial == serial:
                return found, tuple(ignored)
        ignored.append(name)
    return None, tuple(ignored)


def _trust_names(store: Store | None, application: str) -> Iterator[tuple[int, str, int]]:
    prefix = repository.trust(application)
    for item in store.list(prefix) if store else ():
        match = _TRUST_NAME.fullmatch(item.name.removeprefix(prefix))
        if match and int(match[1]) > 0:
            yield int(match[1]), item.name, item.size


def _fetch(store: Store | None, name: str, limit: int) -> bytes | None:
    """A small object's bytes; None if there is none. What is larger than it may be is cut, and fails its parser."""
    with contextlib.suppress(NotFound):
        return b"".join(store.get(name, 0, limit + 1)) if store else None
    return None


__all__ = [
    "KeySettings",
    "TrustedKeys",
    "handover_name",
    "load",
    "next_trust",
    "side_wraps_name",
    "taken_serial",
    "trust_name",
]

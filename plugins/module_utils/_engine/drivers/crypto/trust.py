# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The trust file: who may open what is written, and who may sign what. Signed by roots, numbered by serial.

A scope is a component (`main/shop`), a WAL prefix (`wal/7300123`), or a kind of mark (`mark/restore_tested`). An entry
of a signer's scope that ends in `*` covers everything that begins with what stands before it; any other covers itself.
"""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import UTC, datetime

from ...ground.errors import KeyRefused, Tampered, UsageError
from . import primitives, seals, strict_json
from .keys import RECIPIENT_TYPES, Recipient, Signer
from .wraps import MAX_WRAPS

if t.TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAX_SERIAL = 99_999_999

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_WHAT = "The trust file"


@dataclasses.dataclass(frozen=True, slots=True)
class SignerEntry:
    """A signer's public key, what it may sign, and when. From `compromised_since` on its dates prove nothing."""

    public: bytes
    scope: tuple[str, ...]
    valid_from: datetime
    until: datetime | None = None
    compromised_since: datetime | None = None

    def __post_init__(self) -> None:
        if not primitives.ed25519_acceptable(self.public):
            raise KeyRefused("A signer's public key is not a usable Ed25519 key.", "Copy it again from its host.")

    def covers(self, scope: str) -> bool:
        """Whether the entry's scope includes this one."""
        return any(scope.startswith(item[:-1]) if item.endswith("*") else scope == item for item in self.scope)

    def stands(self, at: datetime | None, stored: datetime | None) -> bool:
        """
        Whether a signature made `at` a time counts; None for things that carry no time of their own.

        A thief can write any date into a record, so a compromised signer needs a time that he could not choose:
        `stored`, the store's own or a receipt's.
        """
        if self.compromised_since is not None and (stored is None or stored >= self.compromised_since):
            return False
        return at is None or (self.valid_from <= at and (self.until is None or at < self.until))


@dataclasses.dataclass(frozen=True, slots=True)
class TrustFile:
    """One serial of an application's trust."""

    application: str
    serial: int
    created: datetime
    recipients: tuple[Recipient, ...]
    signers: tuple[SignerEntry, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.serial <= MAX_SERIAL:
            raise UsageError(f"A trust file's serial must be between 1 and {MAX_SERIAL}.")
        if not 1 <= len(self.recipients) <= MAX_WRAPS:
            raise UsageError(f"A trust file needs between 1 and {MAX_WRAPS} recipients.")
        if len({item.kid for item in self.recipients}) != len(self.recipients):
            raise UsageError("A trust file lists a recipient twice.")
        if len({item.public for item in self.signers}) != len(self.signers):
            raise UsageError("A trust file lists a signer twice.")

    def allows(self, public: bytes, scope: str, at: datetime | None = None, *, stored: datetime | None = None) -> bool:
        """Whether `public` may sign things of this scope, made `at` that time and, if known, `stored` at that one."""
        return any(item.public == public and item.covers(scope) and item.stands(at, stored) for item in self.signers)

    def allowed(self, scope: str, at: datetime | None = None, *, stored: datetime | None = None) -> frozenset[bytes]:
        """Return all keys that may."""
        return frozenset(item.public for item in self.signers if item.covers(scope) and item.stands(at, stored))

    def is_limited(self, scope: str) -> bool:
        """Whether some signature of this scope counts only until a time."""
        return any(item.covers(scope) and (item.until or item.compromised_since) for item in self.signers)

    def allowed_until(self, scope: str, stored: datetime) -> frozenset[bytes]:
        """Return all keys that may have signed what tells no time of its own, and was `stored` at a time."""
        return frozenset(
            item.public
            for item in self.signers
            if item.covers(scope) and item.stands(None, stored) and (item.until is None or stored < item.until)
        )

    def to_payload(self) -> bytes:
        """Return the bytes that are signed."""
        return strict_json.dumps(
            {
                "application": self.application,
                "serial": self.serial,
                "created": time_text(self.created),
                "recipients": [
                    {"kid": item.kid, "type": item.type, "public": strict_json.base64_text(item.public)}
                    for item in self.recipients
                ],
                "signers": [_signer_json(item) for item in self.signers],
            }
        )

    @classmethod
    def from_payload(cls, payload: bytes) -> TrustFile:
        """Read those bytes, strictly."""
        fields = strict_json.take(
            strict_json.loads(payload, limit=seals.LIMITS["trust"]),
            {"application": str, "serial": int, "created": str, "recipients": list, "signers": list},
            what=_WHAT,
        )
        try:
            return cls(
                fields["application"],
                fields["serial"],
                parse_time(fields["created"]),
                tuple(_parse_recipient(item) for item in fields["recipients"]),
                tuple(_parse_signer(item) for item in fields["signers"]),
            )
        except (KeyRefused, UsageError) as exc:
            raise Tampered(f"{_WHAT} lists a key that cannot be used: {exc.cause}", "Use another copy of it.") from exc


def sign(trust: TrustFile, roots: Sequence[Signer]) -> bytes:
    """Return the envelope to store, signed by every root given: during a rotation, the old one and the new one."""
    return seals.seal_record("trust", trust.to_payload(), roots)


def verify(envelope: bytes, roots: Collection[bytes], application: str) -> TrustFile:
    """Return the trust file in `envelope`. Raise Tampered unless one of `roots` signed it for this application."""
    trust = TrustFile.from_payload(seals.open_record("trust", envelope, roots).payload)
    if trust.application != application:
        raise Tampered(f"{_WHAT} belongs to another application.", "Use another copy of it.")
    return trust


def time_text(moment: datetime) -> str:
    """Return a time as records write it: UTC, to the second."""
    return moment.astimezone(UTC).strftime(_TIME)


def parse_time(text: str) -> datetime:
    """Read that form, and no other."""
    try:
        moment = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
        if time_text(moment) == text:  # strptime is generous with leading zeros
            return moment
    except ValueError:
        pass
    raise Tampered(f"{_WHAT} contains a malformed time.", "Use another copy of it.")


def _signer_json(item: SignerEntry) -> dict[str, object]:
    return {
        "public": strict_json.base64_text(item.public),
        "scope": list(item.scope),
        "from": time_text(item.valid_from),
        "until": time_text(item.until) if item.until else None,
        "compromised_since": time_text(item.compromised_since) if item.compromised_since else None,
    }


def _parse_recipient(value: object) -> Recipient:
    fields = strict_json.take(value, {"kid": str, "type": str, "public": str}, what=_WHAT)
    if fields["type"] not in RECIPIENT_TYPES:
        raise KeyRefused(f"recipients of the type {fields['type']!r} are not supported by this version.")
    recipient = Recipient(fields["type"], strict_json.unbase64(fields["public"], what=_WHAT))
    if recipient.kid != fields["kid"]:
        raise Tampered(f"{_WHAT} contains a recipient whose kid does not match its key.", "Use another copy of it.")
    return recipient


def _parse_signer(value: object) -> SignerEntry:
    moment = (str, type(None))
    fields = strict_json.take(
        value, {"public": str, "scope": list, "from": str, "until": moment, "compromised_since": moment}, what=_WHAT
    )
    if not all(isinstance(item, str) and item for item in fields["scope"]):
        raise Tampered(f"{_WHAT} contains a malformed scope.", "Use another copy of it.")
    return SignerEntry(
        strict_json.unbase64(fields["public"], what=_WHAT),
        tuple(fields["scope"]),
        parse_time(fields["from"]),
        parse_time(fields["until"]) if fields["until"] is not None else None,
        parse_time(fields["compromised_since"]) if fields["compromised_since"] is not None else None,
    )

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Signed records: DSSE envelopes around JSON payloads that are signed, and kept, as the bytes they are.

A record counts only under a key that the reader already allows; what the envelope itself says about keys is a hint.
The payload must not be parsed by anyone before `open_record` has returned it.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import KeyRefused, Tampered, UsageError
from . import strict_json
from .keys import ED25519, Signer, kid, pae, payload_type, verify

if t.TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# The largest payload of each kind.
LIMITS = {"manifest": 16 << 20, "trust": 1 << 20, "mark": 64 << 10, "recovery": 4 << 20, "kit": 2 << 20}
MAX_SIGNATURES = 16

_SIGNATURE_BYTES = 64


@dataclasses.dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A payload whose seal held, and the allowed keys that signed it (at least one)."""

    payload: bytes
    signers: tuple[bytes, ...]


def seal_record(kind: str, payload: bytes, signers: Sequence[Signer]) -> bytes:
    """Sign `payload` as a record of this kind, and return the bytes to store."""
    if len(payload) > LIMITS[kind]:
        raise UsageError(f"A {kind} of {len(payload)} bytes is larger than the limit of {LIMITS[kind]}.")
    if not 1 <= len(signers) <= MAX_SIGNATURES:
        raise KeyRefused(f"A {kind} needs between 1 and {MAX_SIGNATURES} signers.")
    signatures = [
        {"keyid": signer.kid, "sig": strict_json.base64_text(signer.sign(kind, payload))} for signer in signers
    ]
    return strict_json.dumps(
        {"payloadType": payload_type(kind), "payload": strict_json.base64_text(payload), "signatures": signatures}
    )


def open_record(kind: str, envelope: bytes, allowed: Collection[bytes]) -> OpenedRecord:
    """Return the payload that a key of `allowed` signed as this kind. Raise Tampered when none did."""
    what = f"The {kind}"
    fields = strict_json.take(
        strict_json.loads(envelope, limit=envelope_limit(kind)),
        {"payloadType": str, "payload": str, "signatures": list},
        what=what,
    )
    if fields["payloadType"] != payload_type(kind):
        raise Tampered(f"{what} is a record of another kind.", "Use another copy of it.")
    payload = strict_json.unbase64(fields["payload"], what=what)
    signatures = fields["signatures"]
    if len(payload) > LIMITS[kind] or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise Tampered(f"{what} is malformed.", "Use another copy of it.")
    by_kid = {kid(ED25519, public): public for public in allowed}
    signers = tuple(
        dict.fromkeys(
            public for item in signatures if (public := _signer_of(item, kind, payload, by_kid, what)) is not None
        )
    )
    if not signers:
        raise Tampered(
            f"{what} is not signed by a key that is trusted for it.",
            "It was not used: it was altered, or comes from a host that the trust file does not list.",
            signer="unknown",
        )
    return OpenedRecord(payload, signers)


def envelope_limit(kind: str) -> int:
    """Return the most bytes that an envelope of this kind can have; readers need not fetch more."""
    return LIMITS[kind] * 4 // 3 + (16 << 10)


def _signer_of(item: object, kind: str, payload: bytes, by_kid: dict[str, bytes], what: str) -> bytes | None:
    """Return the allowed key that this signature is by, or None when it is by somebody unknown."""
    fields = strict_json.take(item, {"keyid": str, "sig": str}, what=what)
    signature = strict_json.unbase64(fields["sig"], what=what)
    public = by_kid.get(fields["keyid"])
    if public is None:
        return None
    if len(signature) != _SIGNATURE_BYTES or not verify(public, signature, kind, payload):
        raise Tampered(f"{what} has an invalid signature.", "Use another copy of it.")
    return public


__all__ = ["LIMITS", "OpenedRecord", "envelope_limit", "open_record", "pae", "seal_record"]

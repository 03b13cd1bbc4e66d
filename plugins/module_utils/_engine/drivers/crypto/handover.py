# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Handovers: the secret of an old opening key, encrypted to those that follow it. One object for any number of files.

It is not signed: it is accepted if it yields the secret whose public key has the old kid, and a file opens only with
the data key that its signed head committed to.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import KeyRefused, Tampered
from . import primitives, strict_json, wraps
from .keys import HPKE_X25519, OpeningKey, Recipient, kid

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMAT = "lifeboat-handover/1"
LIMIT = 64 << 10

_INFO = b"lifeboat v1 handover\0"
_WHAT = "A handover"


@dataclasses.dataclass(frozen=True, slots=True)
class Handover:
    """An old public key, and its secret wrapped to the keys that may use it."""

    public: bytes
    wraps: tuple[wraps.Wrap, ...]

    @property
    def kid(self) -> str:
        """The old key's kid, which is also the object's name."""
        return kid(HPKE_X25519, self.public)


def make(old: OpeningKey, recipients: Sequence[Recipient]) -> bytes:
    """Encrypt `old` to `recipients`, and return the bytes to store. Read them back before dropping the old key."""
    public = old.recipient.public
    if not recipients or any(recipient.type != HPKE_X25519 for recipient in recipients):
        raise KeyRefused("Old keys can be handed over only to recipients of type hpke-x25519.")
    items = [
        wraps.Wrap(recipient.kid, recipient.type, primitives.hpke_seal(recipient.public, _INFO + public, old.secret))
        for recipient in recipients
    ]
    return strict_json.dumps(
        {
            "format": FORMAT,
            "type": HPKE_X25519,
            "public": strict_json.base64_text(public),
            "wraps": [item.to_json() for item in items],
        }
    )


def parse(data: bytes, old_kid: str) -> Handover:
    """Read what is stored as the handover of `old_kid`. Raise Tampered when it is none."""
    fields = strict_json.take(
        strict_json.loads(data, limit=LIMIT), {"format": str, "type": str, "public": str, "wraps": list}, what=_WHAT
    )
    if fields["format"] != FORMAT or fields["type"] != HPKE_X25519:
        raise Tampered(f"{_WHAT} has a format that this version does not support.")
    offer = Handover(strict_json.unbase64(fields["public"], what=_WHAT), wraps.parse_wraps(fields["wraps"]))
    if len(offer.public) != primitives.KEY_BYTES or offer.kid != old_kid:
        raise Tampered(f"{_WHAT} is stored under the name of another key.", "Use another copy of it.")
    return offer


def accept(offer: Handover, keys: Iterable[OpeningKey]) -> OpeningKey | None:
    """Return the old key if one of `keys` opens the handover and what comes out has its public key, else None."""
    for key in keys:
        for item in offer.wraps:
            secret = (
                primitives.hpke_open(key.secret, _INFO + offer.public, item.ct) if item.type == HPKE_X25519 else None
            )
            if secret is None or len(secret) != primitives.KEY_BYTES:
                continue
            old = OpeningKey(secret)
            if old.recipient.public == offer.public:
                return old
    return None

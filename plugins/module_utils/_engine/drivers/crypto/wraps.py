# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A file's data key, wrapped once for each recipient, and the commitment that tells the right data key.

AES-GCM alone does not commit to its key: two recipients could be made to see two plaintexts. `commit` stands in the
signed head, so a wrap needs no signature of its own and can be added later, in a file beside the backup.
"""

from __future__ import annotations

import dataclasses
import hmac
import typing as t

from ...ground.errors import KeyRefused, Tampered
from . import primitives, strict_json
from .keys import HPKE_X25519, OpeningKey, Recipient

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_WRAPS = 16
SIDE_WRAPS_FORMAT = "lifeboat-wraps/1"
SIDE_WRAPS_LIMIT = 16 << 20

_INFO = b"lifeboat v1 wrap\0"
_MAX_KID = 2048  # an ARN is at most that long
_MAX_CT = 8192


@dataclasses.dataclass(frozen=True, slots=True)
class Wrap:
    """A data key encrypted to one recipient. Types that nobody here can open are carried, not refused."""

    kid: str
    type: str
    ct: bytes

    def to_json(self) -> dict[str, str]:
        """Return the form that stands in headers."""
        return {"kid": self.kid, "type": self.type, "ct": strict_json.base64_text(self.ct)}

    @classmethod
    def from_json(cls, value: object) -> Wrap:
        """Read that form back."""
        fields = strict_json.take(value, {"kid": str, "type": str, "ct": str}, what="A wrap")
        wrap = cls(fields["kid"], fields["type"], strict_json.unbase64(fields["ct"], what="A wrap"))
        if not (0 < len(wrap.kid) <= _MAX_KID and 0 < len(wrap.type) <= 64 and 0 < len(wrap.ct) <= _MAX_CT):
            raise Tampered("A wrap is malformed.", "Use another copy of it.")
        return wrap


def commit(data_key: bytes) -> bytes:
    """Return what a head says about its data key: enough to know it again, useless for finding it."""
    return primitives.hkdf(data_key, b"lifeboat v1 commit")


def fits(data_key: bytes, commitment: bytes) -> bool:
    """Whether this is the data key that was committed to; takes the same time for every wrong one."""
    return hmac.compare_digest(commit(data_key), commitment)


def wrap(recipient: Recipient, data_key: bytes) -> Wrap:
    """Encrypt `data_key` to `recipient`."""
    if recipient.type != HPKE_X25519:
        raise KeyRefused(
            f"Recipients of the type {recipient.type} cannot be encrypted to by this version.",
            f"Remove {recipient.kid} from the trust file, or use a version that supports its type.",
        )
    return Wrap(
        recipient.kid, recipient.type, primitives.hpke_seal(recipient.public, _INFO + commit(data_key), data_key)
    )


def wrap_all(recipients: Sequence[Recipient], data_key: bytes) -> tuple[Wrap, ...]:
    """Return one wrap for each recipient."""
    if not 1 <= len(recipients) <= MAX_WRAPS:
        raise KeyRefused(f"A file needs between 1 and {MAX_WRAPS} recipients, and has {len(recipients)}.")
    made = tuple(wrap(recipient, data_key) for recipient in recipients)
    if len({item.kid for item in made}) != len(made):
        raise KeyRefused("A recipient is listed twice.")
    return made


def unwrap(item: Wrap, key: OpeningKey, commitment: bytes) -> bytes | None:
    """Return the data key if this key opens this wrap and what comes out was committed to, else None."""
    if item.type != HPKE_X25519:
        return None
    data_key = primitives.hpke_open(key.secret, _INFO + commitment, item.ct)
    if data_key is None or len(data_key) != primitives.KEY_BYTES or not fits(data_key, commitment):
        return None
    return data_key


def parse_wraps(value: object) -> tuple[Wrap, ...]:
    """Read the list of wraps of a header: 1 to 16, no kid twice."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_WRAPS:
        raise Tampered("A list of wraps is malformed.", "Use another copy of it.")
    items = tuple(Wrap.from_json(item) for item in value)
    if len({item.kid for item in items}) != len(items):
        raise Tampered("A list of wraps names a key twice.", "Use another copy of it.")
    return items


def dump_side_wraps(wraps: Mapping[str, Wrap]) -> bytes:
    """Return the object that opens a backup to one more key: head SHA-256 (hex) -> wrap; `commit` proves each."""
    return strict_json.dumps(
        {"format": SIDE_WRAPS_FORMAT, "wraps": {head: item.to_json() for head, item in sorted(wraps.items())}}
    )


def parse_side_wraps(data: bytes) -> dict[str, Wrap]:
    """Read such an object."""
    fields = strict_json.take(
        strict_json.loads(data, limit=SIDE_WRAPS_LIMIT), {"format": str, "wraps": dict}, what="A file of wraps"
    )
    if fields["format"] != SIDE_WRAPS_FORMAT:
        raise Tampered("A file of wraps has a format that this version does not support.")
    return {head: Wrap.from_json(item) for head, item in fields["wraps"].items()}

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The kinds of keys, what each derives, and how a key is named. Secrets never show in a repr.

A recovery key is one seed from which an X25519 recipient, an Ed25519 root and a digest key follow, so a sheet of
paper is enough to recover. An opening key only opens; a signer only signs.
"""

from __future__ import annotations

import dataclasses
import hmac
import os
import re
import typing as t

from ...ground import vaults
from ...ground.errors import KeyRefused, UsageError
from . import primitives

if t.TYPE_CHECKING:
    from collections.abc import Iterable

HPKE_X25519 = "hpke-x25519"
RECIPIENT_TYPES = (HPKE_X25519, "hpke-mlkem768-x25519", "aws-kms")
ED25519 = "ed25519"
DIGEST = "digest"

_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")
_PAPER = re.compile(r"[0-9a-f]{72}")
_PAPER_GROUP = 8
# 32 random bytes hold under 18 distinct values about once in 10^13 keys; what people type or repeat, nearly always.
_DISTINCT_BYTES = 18
_ANY_SCALAR = bytes(range(32))

VAULT_REMEDY = "Put its content into a variable, which Ansible decrypts, or run: ansible-vault decrypt."
HOW_TO_MAKE_A_KEY = "Create one with (umask 077; openssl rand -hex 32 > recovery.key), and keep a copy elsewhere."


def kid(type_: str, public: bytes) -> str:
    """Return the short name of a key: a hint for finding it, never a credential."""
    return primitives.sha256(b"lifeboat v1 kid\0", type_.encode("ascii"), b"\0", public)[:8].hex()


def pae(type_: str, body: bytes) -> bytes:
    """Return DSSE v1's pre-authentication encoding of a body of type such as `lbx-head`, `manifest` or `recovery`."""
    name = payload_type(type_).encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


def payload_type(type_: str) -> str:
    """Return the media type that is signed with a body."""
    return f"application/vnd.lifeboat.{type_}.v1"


def public_key(text: str, field: str) -> bytes:
    """Return a raw public key that was given in hex. Raise UsageError that names `field` on anything else."""
    if not _HEX_KEY.fullmatch(text.strip()):
        raise UsageError(
            f"A key in {field} is not 64 hexadecimal digits.", "Use its public key, not a secret.", field=field
        )
    return bytes.fromhex(text.strip())


@dataclasses.dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to whom data keys are wrapped: `public` is a raw public key, or the ARN of a KMS key."""

    type: str
    public: bytes

    def __post_init__(self) -> None:
        if self.type == HPKE_X25519:
            if len(self.public) != primitives.KEY_BYTES:
                raise KeyRefused("A recipient's public key is not 32 bytes.")
            primitives.x25519(_ANY_SCALAR, self.public)  # refuses points of low order
        elif self.type not in RECIPIENT_TYPES:
            raise KeyRefused(f"Recipients of type {self.type!r} are not supported by this version.")

    @property
    def kid(self) -> str:
        """The recipient's short name; for KMS the ARN itself."""
        return self.public.decode("utf-8") if self.type == "aws-kms" else kid(self.type, self.public)


@dataclasses.dataclass(frozen=True, slots=True)
class OpeningKey:
    """An X25519 secret: opens what was wrapped to its recipient, and signs nothing."""

    secret: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        _require_length(self.secret, "An opening key")

    @classmethod
    def generate(cls) -> OpeningKey:
        """Make a random one."""
        return cls(os.urandom(primitives.KEY_BYTES))

    @property
    def recipient(self) -> Recipient:
        """The public half."""
        return Recipient(HPKE_X25519, primitives.x25519_public(self.secret))


@dataclasses.dataclass(frozen=True, slots=True)
class Signer:
    """An Ed25519 secret: a host's signer, or a root."""

    secret: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        _require_length(self.secret, "A signer")

    @classmethod
    def generate(cls) -> Signer:
        """Make a random one."""
        return cls(os.urandom(primitives.KEY_BYTES))

    @property
    def public(self) -> bytes:
        """The 32 bytes that others know it by."""
        return primitives.ed25519_public(self.secret)

    @property
    def kid(self) -> str:
        """The signer's short name."""
        return kid(ED25519, self.public)

    def sign(self, type_: str, body: bytes) -> bytes:
        """Sign `body` as one of our types; no signature of one type fits another."""
        return primitives.ed25519_sign(self.secret, pae(type_, body))


def verify(public: bytes, signature: bytes, type_: str, body: bytes) -> bool:
    """Whether `public` signed `body` as this type. Keys of small order sign nothing."""
    return primitives.ed25519_verify(public, signature, pae(type_, body))


@dataclasses.dataclass(frozen=True, slots=True)
class RecoveryKey:
    """The 32 bytes from which everything can be recovered."""

    seed: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        _require_length(self.seed, "A recovery key")
        if len(set(self.seed)) < _DISTINCT_BYTES:
            raise KeyRefused("The recovery key is not random: its digits repeat.", HOW_TO_MAKE_A_KEY)

    @classmethod
    def generate(cls) -> RecoveryKey:
        """Make a random one."""
        return cls(os.urandom(primitives.KEY_BYTES))

    @classmethod
    def from_hex(cls, text: str) -> RecoveryKey:
        """Read 64 hexadecimal digits; white space around them, and an editor's mark before them, are ignored."""
        digits = text.strip().removeprefix("\ufeff")
        if digits.startswith(vaults.MARK):
            raise KeyRefused("The recovery key is encrypted with Ansible Vault.", VAULT_REMEDY)
        if not _HEX_KEY.fullmatch(digits):
            raise KeyRefused(
                f"The recovery key is not 64 hexadecimal digits (it has {len(digits)} characters).", HOW_TO_MAKE_A_KEY
            )
        return cls(bytes.fromhex(digits))

    @classmethod
    def from_paper(cls, text: str) -> RecoveryKey:
        """Read the paper form; spaces, line breaks and dashes are ignored, and the check digits are checked."""
        digits = re.sub(r"[\s-]", "", text).lower()
        if not _PAPER.fullmatch(digits):
            raise KeyRefused(
                "The paper form of a recovery key has 72 hexadecimal digits.", "Compare it with the printed sheet."
            )
        key = cls(bytes.fromhex(digits[:64]))
        if not hmac.compare_digest(key._check_digits, digits[64:]):
            raise KeyRefused(
                "The check digits do not match the key: a digit was misread.", "Compare it with the printed sheet."
            )
        return key

    @property
    def hex(self) -> str:
        """The 64 digits of `BACKUP_ENCRYPTION_KEY`."""
        return self.seed.hex()

    def paper(self) -> str:
        """Return the digits and their check in groups: eight of the key, and one that tells of a misread one."""
        digits = self.hex + self._check_digits
        return " ".join(digits[start : start + _PAPER_GROUP] for start in range(0, len(digits), _PAPER_GROUP))

    @property
    def opening(self) -> OpeningKey:
        """The X25519 key that opens what was encrypted to this recovery key."""
        return OpeningKey(primitives.hkdf(self.seed, b"lifeboat v1 recipient"))

    @property
    def root(self) -> Signer:
        """The Ed25519 key that signs trust, and in single-key mode everything."""
        return Signer(primitives.hkdf(self.seed, b"lifeboat v1 root"))

    @property
    def digest_key(self) -> bytes:
        """The key of the plaintext digests in single-key mode."""
        return primitives.hkdf(self.seed, b"lifeboat v1 digest")

    @property
    def _check_digits(self) -> str:
        return primitives.sha256(b"lifeboat v1 paper\0", self.seed)[:4].hex()


def plaintext_digest(digest_key: bytes, chunks: Iterable[bytes]) -> str:
    """HMAC-SHA256 of a plaintext, in hex: only who has the digest key can tell by it that two contents are equal."""
    digest = hmac.new(digest_key, digestmod="sha256")
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _require_length(secret: bytes, what: str) -> None:
    if len(secret) != primitives.KEY_BYTES:
        raise KeyRefused(f"{what} must be 32 bytes.")

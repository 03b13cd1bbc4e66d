# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The one file that imports `cryptography`: the few primitives that the format is made of, as functions on bytes.

Everything above speaks in bytes and in the engine's errors; which version of the library is installed shows only here.
"""

from __future__ import annotations

import hashlib
import hmac
import typing as t

from ...ground.errors import KeyRefused, MissingLibrary

_IMPORT_ERROR: ImportError | None = None
try:
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives import hpke  # of version 47
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError as _exc:
    _IMPORT_ERROR = _exc

if t.TYPE_CHECKING:
    from collections.abc import Callable

KEY_BYTES = 32
TAG_BYTES = 16

_FIELD_PRIME = 2**255 - 19
_ORDER_EIGHT_Y = 55188659117513257062467267217118295137698188065244968500265048394206261417927
# The y coordinates of the points of small order on edwards25519. Under such a "public key" one signature can fit
# every message, and OpenSSL accepts them.
_SMALL_ORDER_Y = frozenset({0, 1, _FIELD_PRIME - 1, _ORDER_EIGHT_Y, _FIELD_PRIME - _ORDER_EIGHT_Y})


def require() -> None:
    """Raise MissingLibrary unless `cryptography` could be imported."""
    if _IMPORT_ERROR is not None:
        raise MissingLibrary("cryptography", "(47 or later) to encrypt, decrypt and verify backups") from _IMPORT_ERROR


def hkdf(ikm: bytes, info: bytes, *, salt: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """Return a key derived by HKDF-SHA256 (RFC 5869)."""
    key = hmac.digest(salt or bytes(32), ikm, "sha256")
    output, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


def x25519_public(secret: bytes) -> bytes:
    """Return the public half of an X25519 secret."""
    require()
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def x25519(secret: bytes, public: bytes) -> bytes:
    """Return the shared secret of two X25519 keys. Raise KeyRefused for a point of low order."""
    require()
    try:
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as exc:
        raise _unusable() from exc


def ed25519_public(secret: bytes) -> bytes:
    """Return the public half of an Ed25519 secret."""
    require()
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def ed25519_sign(secret: bytes, message: bytes) -> bytes:
    """Return the 64 bytes of an Ed25519 signature."""
    require()
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is that of `public` on `message`; never true for a key that cannot be a signer's."""
    require()
    if not ed25519_acceptable(public):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def ed25519_acceptable(public: bytes) -> bool:
    """Whether `public` is 32 bytes, canonically encoded, and not of small order."""
    if len(public) != KEY_BYTES:
        return False
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    return y < _FIELD_PRIME and y not in _SMALL_ORDER_Y


def aes_gcm_seal(key: bytes) -> Callable[[bytes, bytes | bytearray | memoryview], bytes]:
    """Return AES-256-GCM under `key`: a function of nonce and plaintext, without associated data."""
    require()
    cipher = AESGCM(key)
    return lambda nonce, plaintext: cipher.encrypt(nonce, plaintext, None)


def aes_gcm_open(key: bytes) -> Callable[[bytes, bytes | bytearray | memoryview], bytes | None]:
    """Return AES-256-GCM under `key`: of nonce and ciphertext, with None for what does not authenticate."""
    require()
    cipher = AESGCM(key)

    def open_(nonce: bytes, ciphertext: bytes | bytearray | memoryview) -> bytes | None:
        try:
            return cipher.decrypt(nonce, ciphertext, None)
        except InvalidTag:
            return None

    return open_


def hpke_seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Encrypt to the X25519 key `public` (RFC 9180, base mode): return enc || ct. Raise KeyRefused as `x25519`."""
    require()
    try:
        return _suite().encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info)
    except ValueError as exc:
        raise _unusable() from exc


def hpke_open(secret: bytes, info: bytes, sealed: bytes) -> bytes | None:
    """Return the plaintext of what `hpke_seal` made for this key and `info`, None for anything else."""
    require()
    try:
        return _suite().decrypt(sealed, X25519PrivateKey.from_private_bytes(secret), info)
    except InvalidTag:
        return None


def sha256(*parts: bytes) -> bytes:
    """Return SHA-256 of the parts laid end to end."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def _suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def _unusable() -> KeyRefused:
    return KeyRefused(
        "A recipient's public key is not a usable X25519 key.", "Copy the public key again from where it was created."
    )

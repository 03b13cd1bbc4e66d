# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message for one context.

Sealing goes through the library's own `Suite` where it has one (cryptography 47 and later), and through the
construction below elsewhere. Opening always takes the construction: it tells "not for this key" without an exception.
"""

from __future__ import annotations

import os

from ..errors import KeyRefused
from . import primitives

ENC_BYTES = 32

_SUITE = b"HPKE" + (0x0020).to_bytes(2, "big") + (0x0001).to_bytes(2, "big") + (0x0002).to_bytes(2, "big")
_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_NONCE_BYTES = 12


def seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Encrypt `plaintext` to the X25519 key `public`: enc || ciphertext. KeyRefused for a point of low order."""
    ephemeral = os.urandom(primitives.KEY_BYTES)
    shared = primitives.x25519(ephemeral, public)
    sealed = primitives.library_hpke_seal(public, info, plaintext)
    return sealed if sealed is not None else _seal_with(ephemeral, shared, public, info, plaintext)


def open_(secret: bytes, info: bytes, sealed: bytes) -> bytes | None:
    """The plaintext of what `seal` made for this key and `info`; None for anything else."""
    if len(sealed) < ENC_BYTES + primitives.TAG_BYTES:
        return None
    enc, ciphertext = sealed[:ENC_BYTES], sealed[ENC_BYTES:]
    try:
        shared = primitives.x25519(secret, enc)
    except KeyRefused:  # enc is a point of low order
        return None
    key, nonce = _schedule(shared, enc, primitives.x25519_public(secret), info)
    return primitives.aes_gcm_open(key)(nonce, ciphertext)


def _seal_with(ephemeral: bytes, shared: bytes, public: bytes, info: bytes, plaintext: bytes) -> bytes:
    enc = primitives.x25519_public(ephemeral)
    key, nonce = _schedule(shared, enc, public, info)
    return enc + primitives.aes_gcm_seal(key)(nonce, plaintext)


def _schedule(dh: bytes, enc: bytes, public: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Sections 4.1 and 5.1 of the RFC: the AEAD's key and base nonce."""
    eae_prk = _extract(_KEM, b"", b"eae_prk", dh)
    shared = _expand(_KEM, eae_prk, b"shared_secret", enc + public, 32)
    context = b"\x00" + _extract(_SUITE, b"", b"psk_id_hash", b"") + _extract(_SUITE, b"", b"info_hash", info)
    secret = _extract(_SUITE, shared, b"secret", b"")
    key = _expand(_SUITE, secret, b"key", context, primitives.KEY_BYTES)
    return key, _expand(_SUITE, secret, b"base_nonce", context, _NONCE_BYTES)


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return primitives.hkdf_extract(salt, b"HPKE-v1" + suite + label + ikm)


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return primitives.hkdf_expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Tink's AES256_GCM_HKDF_1MB streaming encryption: segments of 1 MiB, the last one marked.

    stream  = 0x28 || salt (32) || nonce prefix (7) || segments; the header counts into the first segment
    key     = HKDF-SHA256(data key, salt, info = associated data)
    segment = AES-256-GCM(key, prefix || u32be(number) || last, plaintext)

Every call draws its own salt, so no key ever meets a second stream. A segment is written only once it is known
whether another follows: a plaintext that fails midway leaves a stream without its last segment, which nobody accepts.
"""

from __future__ import annotations

import os
import typing as t

from ...ground.errors import Tampered, UsageError
from . import primitives

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEGMENT = 1 << 20
# 256 GiB: the margin of AES-GCM stays at 2^-61, and the volume fits every cloud's limits.
MAX_SEGMENTS = 1 << 18
MAX_PLAINTEXT = MAX_SEGMENTS * (SEGMENT - primitives.TAG_BYTES) - 40
SALT_BYTES = 32
PREFIX_BYTES = 7
HEADER_BYTES = 1 + SALT_BYTES + PREFIX_BYTES


def encrypt(data_key: bytes, aad: bytes, plaintext: Iterable[bytes], *, segment: int = SEGMENT) -> Iterator[bytes]:
    """Yield the stream's header and segments. Raise what `plaintext` raises, before the last segment."""
    salt, prefix = os.urandom(SALT_BYTES), os.urandom(PREFIX_BYTES)
    seal = primitives.aes_gcm_seal(primitives.hkdf(data_key, aad, salt=salt))
    yield bytes([HEADER_BYTES]) + salt + prefix
    capacity = segment - HEADER_BYTES - primitives.TAG_BYTES
    for number, (held, last) in enumerate(_cut(plaintext, capacity, segment - primitives.TAG_BYTES)):
        if number >= MAX_SEGMENTS:
            raise UsageError("A stream cannot be longer than 256 GiB.", "Use another volume.")
        yield seal(_nonce(prefix, number, last=last), held)


def decrypt(data_key: bytes, aad: bytes, ciphertext: Iterable[bytes], *, segment: int = SEGMENT) -> Iterator[bytes]:
    """Yield each segment's plaintext once it has authenticated. Raise Tampered unless all of the stream is intact."""
    open_: t.Callable[[bytes, bytearray], bytes | None] | None = None
    prefix = b""
    for number, (held, last) in enumerate(_cut(ciphertext, segment, segment)):
        if open_ is None:
            if len(held) < HEADER_BYTES or held[0] != HEADER_BYTES:
                raise altered()
            salt, prefix = bytes(held[1 : 1 + SALT_BYTES]), bytes(held[1 + SALT_BYTES : HEADER_BYTES])
            open_ = primitives.aes_gcm_open(primitives.hkdf(data_key, aad, salt=salt))
            del held[:HEADER_BYTES]
        if number >= MAX_SEGMENTS:
            raise altered()
        plain = open_(_nonce(prefix, number, last=last), held)
        if plain is None:
            raise altered()
        yield plain


def altered() -> Tampered:
    """Return the one message for all ways to be wrong: it must not help to find which byte matters."""
    return Tampered("The encrypted data was altered or is incomplete.", "Use another copy or another backup.")


def _cut(chunks: Iterable[bytes], first: int, size: int) -> Iterator[tuple[bytearray, bool]]:
    """
    Yield one reused buffer, filled with the next `size` bytes (`first` in the first round), and whether it is the last.

    A full buffer waits until a further byte, or the end, shows which it is. An empty stream is one empty last buffer.
    """
    held = bytearray()
    capacity = first
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            if len(held) == capacity:
                yield held, False
                held.clear()
                capacity = size
            taken = view[: capacity - len(held)]
            held += taken
            view = view[len(taken) :]
    yield held, True


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")

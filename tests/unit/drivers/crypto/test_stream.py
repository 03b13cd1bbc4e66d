# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stream is Tink's, to the byte, and nothing but the whole of it opens."""

from __future__ import annotations

import functools
import io
import os
import typing as t

import pytest
import tink
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import primitives, stream
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered, UsageError
from hypothesis import given, settings
from hypothesis import strategies as st
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

KEY = bytes(range(32))
AAD = b"lifeboat v1 stream\0" + bytes(32)
SEGMENT = 128
FIRST = SEGMENT - 40 - 16
FURTHER = SEGMENT - 16
SIZES = [0, 1, 15, 16, 17]
for _full in range(4):
    SIZES += [FIRST + _full * FURTHER + around for around in (-1, 0, 1)]


@functools.cache
def tink_primitive(segment: int) -> streaming_aead.StreamingAead:
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=segment, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
        key_value=KEY,
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_data=tink_pb2.KeyData(
            type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
            value=key.SerializeToString(),
            key_material_type=tink_pb2.KeyData.SYMMETRIC,
        ),
        status=tink_pb2.ENABLED,
        key_id=1,
        output_prefix_type=tink_pb2.RAW,
    )
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


def tink_encrypt(plaintext: bytes, aad: bytes, segment: int) -> bytes:
    class Kept(io.BytesIO):
        data = b""

        def close(self) -> None:
            self.data = self.getvalue()
            super().close()

    kept = Kept()
    with tink_primitive(segment).new_encrypting_stream(kept, aad) as target:
        target.write(plaintext)
    return kept.data


def tink_decrypt(ciphertext: bytes, aad: bytes, segment: int) -> bytes:
    with tink_primitive(segment).new_decrypting_stream(io.BytesIO(ciphertext), aad) as source:
        return t.cast("bytes", source.read())


def encrypt(plaintext: bytes, aad: bytes = AAD, segment: int = SEGMENT) -> bytes:
    return b"".join(stream.encrypt(KEY, aad, [plaintext], segment=segment))


def decrypt(ciphertext: bytes, aad: bytes = AAD, segment: int = SEGMENT, key: bytes = KEY) -> bytes:
    return b"".join(stream.decrypt(key, aad, [ciphertext], segment=segment))


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_ours_and_we_open_tink_s(size: int) -> None:
    plaintext = os.urandom(size)
    ours, theirs = encrypt(plaintext), tink_encrypt(plaintext, AAD, SEGMENT)
    assert tink_decrypt(ours, AAD, SEGMENT) == plaintext
    assert decrypt(theirs) == plaintext
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("around", [-1, 0, 1, 2 << 20])
def test_so_it_is_with_segments_of_1_mib(around: int) -> None:
    plaintext = os.urandom(stream.SEGMENT - 56 + around)
    ours = encrypt(plaintext, segment=stream.SEGMENT)
    assert tink_decrypt(ours, AAD, stream.SEGMENT) == plaintext
    assert decrypt(tink_encrypt(plaintext, AAD, stream.SEGMENT), segment=stream.SEGMENT) == plaintext


def test_the_associated_data_and_the_key_must_fit() -> None:
    ours = encrypt(b"x" * 300)
    for aad in (b"", AAD[:-1], AAD + b"\0"):
        with pytest.raises(Tampered):
            decrypt(ours, aad)
    with pytest.raises(Tampered):
        decrypt(ours, key=bytes(32))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 400))
def test_blocks_of_any_size_make_one_stream(blocks: list[bytes], size: int) -> None:
    ciphertext = b"".join(stream.encrypt(KEY, AAD, blocks, segment=SEGMENT))
    pieces = [ciphertext[start : start + size] for start in range(0, len(ciphertext), size)]
    assert b"".join(stream.decrypt(KEY, AAD, [b"", *pieces, b""], segment=SEGMENT)) == b"".join(blocks)


@pytest.mark.parametrize("size", [0, 10, FIRST, FIRST + 1, FIRST + FURTHER, 300])
def test_every_truncation_is_refused(size: int) -> None:
    ciphertext = encrypt(os.urandom(size))
    for length in range(len(ciphertext)):
        with pytest.raises(Tampered):
            decrypt(ciphertext[:length])


@pytest.mark.parametrize("size", [0, 10, 300])
def test_every_flipped_bit_is_refused_with_one_message(size: int) -> None:
    ciphertext = encrypt(os.urandom(size))
    messages = set()
    for at in range(len(ciphertext)):
        for bit in range(8):
            altered = bytearray(ciphertext)
            altered[at] ^= 1 << bit
            with pytest.raises(Tampered) as caught:
                decrypt(bytes(altered))
            messages.add(str(caught.value))
    assert len(messages) == 1


def test_dropped_repeated_swapped_and_added_segments_are_refused() -> None:
    ciphertext = encrypt(os.urandom(FIRST + 4 * FURTHER))
    parts = [ciphertext[start : start + SEGMENT] for start in range(0, len(ciphertext), SEGMENT)]
    wrong = [parts[:at] + parts[at + 1 :] for at in range(5)]
    wrong += [[*parts[:at], parts[at], *parts[at:]] for at in range(5)]
    wrong += [[parts[order] for order in orders] for orders in ((1, 0, 2, 3, 4), (0, 2, 1, 3, 4), (0, 1, 2, 4, 3))]
    wrong += [[*parts, tail] for tail in (b"\0", os.urandom(SEGMENT), bytes(16))]
    for pieces in wrong:
        with pytest.raises(Tampered):
            decrypt(b"".join(pieces))


def test_plaintext_comes_as_soon_as_its_segment_is_whole_and_not_before() -> None:
    ciphertext = encrypt(os.urandom(FIRST + 2 * FURTHER))
    consumed = []

    def source() -> t.Iterator[bytes]:
        for number in range(len(ciphertext)):
            consumed.append(number)
            yield ciphertext[number : number + 1]

    opened = stream.decrypt(KEY, AAD, source(), segment=SEGMENT)
    assert len(next(opened)) == FIRST
    assert len(consumed) == SEGMENT + 1  # one byte more shows that this was not the last


def test_nothing_of_an_altered_segment_is_handed_on() -> None:
    ciphertext = bytearray(encrypt(os.urandom(FIRST + 2 * FURTHER)))
    ciphertext[SEGMENT + 5] ^= 1
    opened = stream.decrypt(KEY, AAD, [bytes(ciphertext)], segment=SEGMENT)
    assert len(next(opened)) == FIRST
    with pytest.raises(Tampered):
        next(opened)


def test_a_plaintext_that_fails_leaves_a_stream_that_opens_nowhere() -> None:
    def failing() -> t.Iterator[bytes]:
        yield os.urandom(FIRST + FURTHER)
        raise RuntimeError("pg_dump died")

    made = []
    with pytest.raises(RuntimeError, match="pg_dump died"):
        made.extend(stream.encrypt(KEY, AAD, failing(), segment=SEGMENT))
    with pytest.raises(Tampered):
        decrypt(b"".join(made))


def test_no_two_streams_share_salt_or_prefix() -> None:
    heads = {encrypt(b"")[1:40] for _number in range(100)}
    assert len(heads) == 100
    assert len({head[:32] for head in heads}) == 100


def test_streams_end_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encrypt(os.urandom(FIRST + 2 * FURTHER))
    monkeypatch.setattr(stream, "MAX_SEGMENTS", 2)
    encrypt(os.urandom(FIRST + FURTHER))
    with pytest.raises(UsageError, match="256 GiB"):
        encrypt(os.urandom(FIRST + FURTHER + 1))
    with pytest.raises(Tampered):
        decrypt(whole)


def test_the_limit_is_256_gib() -> None:
    assert stream.MAX_SEGMENTS * stream.SEGMENT == 256 << 30
    assert stream.MAX_PLAINTEXT == (256 << 30) - stream.MAX_SEGMENTS * primitives.TAG_BYTES - 40

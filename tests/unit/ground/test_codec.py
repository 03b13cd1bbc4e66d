# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compression: everything comes back, and nothing that is cut, changed or continued passes."""

from __future__ import annotations

import gzip
import random
import typing as t
import zlib

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    MissingLibrary,
    Tampered,
    UsageError,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.streams import Peekable
from hypothesis import given, settings
from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
CODECS = ("zstd", "zstd:1", "zstd:9", "gzip", "gzip:1", "gzip:9", "none")

every_codec = pytest.mark.parametrize("text", CODECS)


def packed(text: str, *chunks: bytes, limit: int | None = None) -> bytes:
    return b"".join(codec.compress(Peekable(chunks), codec.Codec.parse(text), limit=limit))


def unpacked(data: bytes, step: int = 1 << 16) -> bytes:
    return b"".join(codec.decompress(data[at : at + step] for at in range(0, len(data), step)))


def words(size: int) -> bytes:
    """Make bytes that compress about as well as a dump does."""
    source = random.Random(7)
    return b"\t".join(b"%d" % source.randrange(1_000_000) for _number in range(size // 6))[:size]


@pytest.mark.parametrize(
    ("text", "name", "level", "shown"),
    [
        ("zstd", "zstd", 3, "zstd:3"),
        ("zstd:19", "zstd", 19, "zstd:19"),
        ("gzip", "gzip", 6, "gzip:6"),
        ("gzip:1", "gzip", 1, "gzip:1"),
        ("none", "none", 0, "none"),
    ],
)
def test_parse(text: str, name: str, level: int, shown: str) -> None:
    parsed = codec.Codec.parse(text)
    assert (parsed.name, parsed.level, str(parsed)) == (name, level, shown)
    assert codec.Codec.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    ["", "zst", "zstd:", "zstd:0", "zstd:20", "zstd:-1", "gzip:10", "none:1", "ZSTD", "zstd:3 ", "zstd:٣", "lz4"],
)
def test_parse_refuses_the_rest(text: str) -> None:
    with pytest.raises(UsageError, match="not a known compression") as caught:
        codec.Codec.parse(text)
    assert caught.value.details["field"] == "compression"


@every_codec
@pytest.mark.parametrize("chunks", [[], [b""], [b"x"], [b"a", b"", b"b"], [words(3 * MIB + 1)], [bytes(5 * MIB)]])
def test_round_trip(text: str, chunks: list[bytes]) -> None:
    assert unpacked(packed(text, *chunks)) == b"".join(chunks)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CODECS), st.lists(st.binary(max_size=2000), max_size=20), st.integers(1, 50))
def test_round_trip_in_any_pieces(text: str, chunks: list[bytes], step: int) -> None:
    assert unpacked(packed(text, *chunks), step) == b"".join(chunks)


@every_codec
def test_the_magic_tells_the_kind(text: str) -> None:
    magic = codec.GZIP_MAGIC if text.startswith("gzip") else codec.ZSTD_MAGIC
    assert packed(text, b"x").startswith(magic)


def test_none_leaves_the_bytes_alone_and_still_checks_them() -> None:
    data = words(MIB)
    stored = packed("none", data)
    assert data[:1000] in stored
    assert len(data) < len(stored) < len(data) + 1000


@every_codec
def test_frames_may_follow_one_another(text: str) -> None:
    other = "gzip" if text != "gzip" else "zstd"
    data = packed(text, b"one") + packed(text) + packed(other, b"two") + packed(text, words(MIB // 4))
    for step in (11, 1000, MIB):
        assert unpacked(data, step) == b"onetwo" + words(MIB // 4)


@every_codec
def test_a_limit_ends_the_frame_and_leaves_the_rest(text: str) -> None:
    blocks = [random.Random(number).randbytes(MIB) for number in range(8)]
    source = Peekable(blocks)
    volumes = []
    while not source.exhausted:
        volumes.append(b"".join(codec.compress(source, codec.Codec.parse(text), limit=3 * MIB)))
    assert b"".join(map(unpacked, volumes)) == b"".join(blocks)
    assert len(volumes) in (2, 3)
    assert all(3 * MIB <= len(volume) < 4 * MIB + 4096 for volume in volumes[:-1])


def test_output_blocks_are_bounded() -> None:
    bomb = packed("zstd", *[bytes(MIB)] * 64)
    assert len(bomb) < 20_000
    for data in (bomb, gzip.compress(bytes(64 * MIB))):
        sizes = [len(block) for block in codec.decompress([data])]
        assert sum(sizes) == 64 * MIB
        assert max(sizes) <= MIB


def test_compressed_blocks_are_not_tiny() -> None:
    sizes = [
        len(b)
        for b in codec.compress(
            Peekable(random.Random(n).randbytes(1000) for n in range(2000)), codec.Codec.parse("zstd")
        )
    ]
    assert min(sizes[:-1]) >= codec.MINIMUM_BLOCK


@every_codec
def test_every_truncation_is_noticed(text: str) -> None:
    data = packed(text, words(700))
    for end in range(len(data)):
        with pytest.raises(Tampered, match=r"truncated|empty|outside of its frames"):
            unpacked(data[:end])


@every_codec
def test_a_truncation_at_a_block_is_noticed_after_what_came_before(text: str) -> None:
    data = packed(text, random.Random(1).randbytes(3 * MIB))
    got: list[bytes] = []
    with pytest.raises(Tampered, match="truncated"):
        got.extend(codec.decompress([data[:-1]]))
    assert sum(map(len, got)) > MIB


@every_codec
@pytest.mark.parametrize(
    "garbage", [b"\0", b"x", b"\0" * 100, codec.ZSTD_MAGIC, codec.GZIP_MAGIC, b"\x50\x2a\x4d\x18\4\0\0\0abcd"]
)
def test_anything_after_the_last_frame_is_refused(text: str, garbage: bytes) -> None:
    for step in (1, 1 << 20):
        with pytest.raises(Tampered):
            unpacked(packed(text, b"data") + garbage, step)


@every_codec
def test_no_flipped_bit_changes_what_is_read(text: str) -> None:
    original = words(300)
    data = bytearray(packed(text, original))
    harmless = 0
    for position in range(len(data) * 8):
        data[position // 8] ^= 1 << position % 8
        try:
            assert unpacked(bytes(data)) == original
            harmless += 1
        except Tampered:
            pass
        data[position // 8] ^= 1 << position % 8
    # A few bits of the headers say nothing about the content: time and system of gzip, the window of zstd.
    assert harmless < (70 if text.startswith("gzip") else 12)


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 50, b"BZh91AY", b"\x50\x2a\x4d\x18\0\0\0\0"])
def test_what_is_not_compressed_is_refused(data: bytes) -> None:
    with pytest.raises(Tampered):
        unpacked(data)


def test_a_frame_without_checksum_is_refused() -> None:
    frame = codec._library().compress(b"content")  # the library's own default leaves the checksum out
    with pytest.raises(Tampered, match="no checksum"):
        unpacked(frame)


def test_gzip_checks_what_gzip_promises() -> None:
    data = bytearray(gzip.compress(b"content"))
    data[-8] ^= 1
    with pytest.raises(Tampered, match="corrupted"):
        unpacked(bytes(data))
    assert zlib.decompress(packed("gzip", b"content"), 31) == b"content"


class Boom(Exception):
    pass


@every_codec
def test_an_error_of_the_producer_passes_and_the_frame_stays_open(text: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield random.Random(1).randbytes(MIB)
        raise Boom

    got: list[bytes] = []
    with pytest.raises(Boom):
        got.extend(codec.compress(Peekable(chunks()), codec.Codec.parse(text)))
    with pytest.raises(Tampered):
        unpacked(b"".join(got))


def test_without_the_library_only_gzip_works(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed("zstd", b"x")
    monkeypatch.setattr(codec, "zstd", None)
    assert unpacked(packed("gzip", b"x")) == b"x"
    for attempt in (lambda: packed("zstd", b"x"), lambda: packed("none", b"x"), lambda: unpacked(data)):
        with pytest.raises(MissingLibrary, match=r"backports\.zstd"):
            attempt()

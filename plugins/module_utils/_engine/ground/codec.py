# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Compression of byte streams, and the strict way back.

Neither zlib nor zstd says a word when its input simply stops, or when something else follows. Here a stream ends
with a complete frame whose checksum fits, or reading it raises Tampered.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t
import zlib

from .errors import MissingLibrary, Tampered, UsageError
from .streams import Reader

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .streams import Peekable

try:
    from compression import zstd  # Python 3.14 and later
except ImportError:
    try:
        from backports import zstd
    except ImportError:
        zstd = None

BLOCK = 1 << 20
"""Bytes in the largest block that comes out of `decompress`, however well it was compressed."""

MINIMUM_BLOCK = 64 << 10
"""Compressed output is handed on once it is this large: small blocks would cost a step each, all the way down."""

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_MAGIC = b"\x1f\x8b"
HEAD_BYTES = 5
"""Enough of a frame to tell its kind and, for zstd, whether it carries a checksum."""

CHECKSUM_FLAG = 0x04
"""The bit of a zstd frame's descriptor, its fifth byte, that promises a checksum of the content."""

STORE_LEVEL = -1000
"""The zstd level of `none`: it finds nothing to compress and copies, at the speed of memory."""

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""Tells zlib to write and expect the gzip container with its CRC-32 and length."""

LEVELS = {"zstd": range(1, 20), "gzip": range(1, 10), "none": range(1)}
"""zstd's levels 20 and above need over 100 MiB to read back; the engine's memory is bounded."""

DEFAULTS = {"zstd": 3, "gzip": 6, "none": 0}


@dataclasses.dataclass(frozen=True, slots=True)
class Codec:
    """A way to compress: its name and level. `str()` gives back the text that `parse` reads."""

    name: t.Literal["zstd", "gzip", "none"]
    level: int

    @classmethod
    def parse(cls, text: str) -> t.Self:
        """Read `zstd`, `zstd:9`, `gzip`, `gzip:6` or `none`. Raise UsageError on anything else."""
        match = re.fullmatch(r"(zstd|gzip|none)(?::([0-9]{1,2}))?", text)
        name = t.cast("t.Literal['zstd', 'gzip', 'none']", match[1]) if match else "none"
        level = int(match[2]) if match and match[2] else DEFAULTS[name]
        if not match or level not in LEVELS[name]:
            raise UsageError(
                f"{text!r} is not a known compression.",
                "Use zstd, zstd:1 to zstd:19, gzip, gzip:1 to gzip:9, or none.",
                field="compression",
            )
        return cls(name, level)

    def __str__(self) -> str:
        return self.name if self.name == "none" else f"{self.name}:{self.level}"


class _Compressor(t.Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def compress(chunks: Peekable, codec: Codec, *, limit: int | None = None) -> Iterator[bytes]:
    """
    Yield `chunks` as one complete compressed frame.

    With `limit` the frame ends early, once that many bytes or a little more have come out; what `chunks` still
    holds is left in it, for a further frame. An error in `chunks` passes through and leaves the frame incomplete.
    """
    compressor = _compressor(codec)
    produced = 0
    held = bytearray()
    while (limit is None or produced < limit) and (chunk := next(chunks, None)) is not None:
        piece = compressor.compress(chunk)
        produced += len(piece)
        held += piece
        if len(held) >= MINIMUM_BLOCK:
            yield bytes(held)
            held.clear()
    held += compressor.flush()
    yield bytes(held)


def decompress(chunks: Iterable[bytes], *, limit: int | None = None) -> Iterator[bytes]:
    """
    Yield what was compressed, in blocks of at most 1 MiB, and no more than `limit` bytes of it.

    The kind, zstd or gzip, is known from the first bytes; several frames may follow one another. Raise Tampered when
    the stream is empty, cut, damaged, of another kind, has anything after its last frame, or holds more: a few bytes
    can stand for more than a disk holds.
    """
    source = Reader(chunks)
    first = True
    while (head := source.peek(HEAD_BYTES)) or first:
        for block in _frame(source, head):
            if limit is not None:
                limit -= len(block)
                if limit < 0:
                    raise Tampered("The compressed stream contains more data than expected.", _REMEDY)
            yield block
        first = False


def _next(source: Reader) -> bytes:
    """Take the next bytes. Raise Tampered when there are none, since only an unfinished frame asks."""
    if not (piece := source.block()):
        raise Tampered("The compressed stream is truncated.", _REMEDY)
    return piece


def _frame(source: Reader, head: bytes) -> Iterator[bytes]:
    if head.startswith(ZSTD_MAGIC) and len(head) == HEAD_BYTES:
        if not head[4] & CHECKSUM_FLAG:
            raise Tampered("A compressed frame has no checksum.", _REMEDY)
        yield from _zstd_frame(source)
    elif head.startswith(GZIP_MAGIC):
        yield from _gzip_frame(source)
    elif not head:
        raise Tampered("The compressed stream is empty.", _REMEDY)
    else:
        raise Tampered("The compressed stream contains bytes outside of its frames.", _REMEDY)


def _zstd_frame(source: Reader) -> Iterator[bytes]:
    decompressor = _library().ZstdDecompressor()
    while not decompressor.eof:
        piece = _next(source) if decompressor.needs_input else b""
        with _damage_named(_library().ZstdError):
            block = decompressor.decompress(piece, max_length=BLOCK)
        if block:
            yield block
    source.give_back(decompressor.unused_data)


def _gzip_frame(source: Reader) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(GZIP_WINDOW)
    block = b""
    while not decompressor.eof:
        # A full block means that more may be waiting inside, which comes out without further input.
        waiting = decompressor.unconsumed_tail or len(block) == BLOCK
        piece = decompressor.unconsumed_tail if waiting else _next(source)
        with _damage_named(zlib.error):
            block = decompressor.decompress(piece, BLOCK)
        if block:
            yield block
    source.give_back(decompressor.unused_data)


@contextlib.contextmanager
def _damage_named(library_error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except library_error as exc:
        raise Tampered("The compressed stream is corrupted.", _REMEDY) from exc


def _compressor(codec: Codec) -> _Compressor:
    if codec.name == "gzip":
        return zlib.compressobj(codec.level, zlib.DEFLATED, GZIP_WINDOW)
    library = _library()
    level = STORE_LEVEL if codec.name == "none" else codec.level
    parameter = library.CompressionParameter
    options = {parameter.compression_level: level, parameter.checksum_flag: 1}
    return t.cast("_Compressor", library.ZstdCompressor(options=options))


def _library() -> t.Any:
    if zstd is None:
        raise MissingLibrary("backports.zstd", "to compress and decompress with zstd")
    return zstd


_REMEDY = "Use another copy, or an older backup."

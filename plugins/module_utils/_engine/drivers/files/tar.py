# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The tar stream inside an archive: POSIX pax, written and read in bounded memory.

The writer gives one spelling for one tree, so equal trees give equal streams. The reader takes only what the writer
can have written: directories, regular files, symbolic and hard links, and seven pax keywords. Device nodes, sparse
files, global headers, base-256 numbers and GNU's long names are refused, and so is a header of unreasonable length.
"""

from __future__ import annotations

import dataclasses
import re
import tarfile
import typing as t

from ...ground.errors import Tampered
from ...ground.streams import Reader

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BLOCK = 512
PIECE = 1 << 20
PAX_LIMIT = 256 << 10
"""Bytes of a pax header. A name as deep as 64 KiB, a target as long, and room: a header can't fill the memory."""

TRAILER = 2 * BLOCK
TRAILER_LIMIT = 64 << 10

FILE, HARD_LINK, SYMBOLIC_LINK, DIRECTORY = b"0", b"1", b"2", b"5"
KINDS = {FILE: "file", HARD_LINK: "hardlink", SYMBOLIC_LINK: "symlink", DIRECTORY: "directory"}

_PAX = b"x"
_OCTAL = re.compile(rb"[0-7]+")
_NUMBER = re.compile(rb"(?:0|[1-9][0-9]{0,19})")
_TIME = re.compile(rb"(-?[0-9]{1,15})(?:\.([0-9]{1,9}))?")
_KEYWORDS = frozenset({b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime", b"hdrcharset"})


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One entry of a tree. `mode` are the permission bits, `mtime` nanoseconds; `target` is what a link names."""

    name: bytes
    kind: bytes
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    target: bytes = b""


def encode(member: Member) -> bytes:
    """Return the header blocks that stand before a member's contents."""
    seconds, nanoseconds = divmod(member.mtime, 10**9)
    info = tarfile.TarInfo(_text(member.name))
    info.type, info.linkname = member.kind, _text(member.target)
    info.mode, info.uid, info.gid, info.size, info.mtime = member.mode, member.uid, member.gid, member.size, seconds
    if nanoseconds:
        info.pax_headers = {"mtime": _time_text(member.mtime)}
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """Return the zeros that fill the last block of `size` bytes."""
    return bytes(-size % BLOCK)


def read_members(chunks: Iterable[bytes]) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """
    Yield each member with its contents, an iterator that is read before the next member is asked for, or skipped.

    Ends only after the trailer and the end of `chunks`. Raise Tampered for whatever the writer can't have written.
    """
    source = Reader(chunks)
    while (header := _take(source, BLOCK)).strip(b"\0"):
        extra: dict[bytes, bytes] = {}
        kind, fields = _parse_header(header)
        if kind == _PAX:
            if fields.size > PAX_LIMIT:
                raise refused("has a header that is too long")
            extra = _parse_records(_take(source, fields.size))
            _take(source, -fields.size % BLOCK)
            kind, fields = _parse_header(_take(source, BLOCK))
        member = _member(kind, fields, extra)
        contents = _contents(source, member.size)
        yield member, contents
        for _piece in contents:
            pass
    _finish(source)


def refused(what: str) -> Tampered:
    """Return the error for contents that no archive of ours has."""
    return Tampered(f"The archive {what}.", "It was not made by this software, and nothing was extracted.")


def _take(source: Reader, size: int) -> bytes:
    """Return exactly `size` bytes, which the caller has bounded. Raise Tampered where there are fewer."""
    if len(taken := source.take(size)) < size:
        raise refused("ends in the middle of a member")
    return taken


def _contents(source: Reader, size: int) -> Iterator[bytes]:
    """Yield the contents of one member in pieces, and leave out what fills its last block."""
    left = size
    while left:
        if not (piece := source.block(min(left, PIECE))):
            raise refused("ends in the middle of a member")
        left -= len(piece)
        yield piece
    _take(source, -size % BLOCK)


def _finish(source: Reader) -> None:
    """Read to the end, which is the trailer's second block and zeros."""
    if _take(source, BLOCK).strip(b"\0"):
        raise refused("goes on after its end")
    seen = 0
    for chunk in source.rest():
        seen += len(chunk)
        if seen > TRAILER_LIMIT or chunk.strip(b"\0"):
            raise refused("goes on after its end")


def _text(name: bytes) -> str:
    # Not os.fsdecode: the spelling must not depend on the locale.
    return name.decode("utf-8", "surrogateescape")


def _time_text(mtime: int) -> str:
    seconds, nanoseconds = divmod(abs(mtime), 10**9)
    return f"{'-' if mtime < 0 else ''}{seconds}.{nanoseconds:09d}"


def _parse_header(header: bytes) -> tuple[bytes, Member]:
    if header[257:265] != b"ustar\x0000":
        raise refused("is not a pax stream")
    if _number(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * 0x20:
        raise refused("has a header whose checksum is wrong")
    name, prefix = header[:100].split(b"\0")[0], header[345:500].split(b"\0")[0]
    kind = FILE if header[156:157] == b"\0" else header[156:157]
    return kind, Member(
        name=prefix + b"/" + name if prefix else name,
        kind=kind,
        mode=_number(header[100:108]),
        uid=_number(header[108:116]),
        gid=_number(header[116:124]),
        size=_number(header[124:136]),
        mtime=_number(header[136:148]) * 10**9,
        target=header[157:257].split(b"\0")[0],
    )


def _number(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not _OCTAL.fullmatch(digits):
        raise refused("has a header with a malformed number")
    return int(digits, 8)


def _parse_records(body: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(body):
        digits = body[at : at + 8].partition(b" ")[0]
        if not _NUMBER.fullmatch(digits):
            raise refused("has a malformed pax record")
        end = at + int(digits)
        keyword, equals, value = body[at + len(digits) + 1 : end].partition(b"=")
        if not equals or not value.endswith(b"\n") or end > len(body):
            raise refused("has a malformed pax record")
        if keyword not in _KEYWORDS or keyword in records:
            raise refused("has an unknown pax record")
        records[keyword] = value[:-1]
        at = end
    return records


def _member(kind: bytes, fields: Member, extra: dict[bytes, bytes]) -> Member:
    if kind not in KINDS:
        raise refused("holds a member that is neither a file, a directory nor a link")
    name = extra.get(b"path", fields.name)
    member = dataclasses.replace(
        fields,
        name=name[:-1] if kind == DIRECTORY and name.endswith(b"/") else name,
        target=extra.get(b"linkpath", fields.target),
        uid=_decimal(extra, b"uid", fields.uid),
        gid=_decimal(extra, b"gid", fields.gid),
        size=_decimal(extra, b"size", fields.size),
        mtime=_time(extra[b"mtime"]) if b"mtime" in extra else fields.mtime,
    )
    if kind != FILE and member.size:
        raise refused("holds a directory or a link with contents")
    return member


def _decimal(extra: dict[bytes, bytes], keyword: bytes, default: int) -> int:
    if keyword not in extra:
        return default
    if not _NUMBER.fullmatch(extra[keyword]):
        raise refused("has a malformed pax record")
    return int(extra[keyword])


def _time(text: bytes) -> int:
    match = _TIME.fullmatch(text)
    if not match:
        raise refused("has a malformed pax record")
    magnitude = abs(int(match[1])) * 10**9 + int((match[2] or b"").ljust(9, b"0"))
    return -magnitude if text.startswith(b"-") else magnitude

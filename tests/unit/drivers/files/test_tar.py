# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tar stream: what is written is read back, others read it too, and nothing else is taken."""

from __future__ import annotations

import io
import tarfile
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files import tar
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from hypothesis import given
from hypothesis import strategies as st

END = bytes(tar.TRAILER)

texts = st.binary(min_size=1, max_size=300).filter(lambda text: b"\0" not in text)
members = st.builds(
    tar.Member,
    name=texts.filter(lambda name: not name.endswith(b"/")),
    kind=st.just(tar.FILE),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 2),
    gid=st.integers(0, 2**32 - 2),
    mtime=st.integers(-(10**19), 10**20),
    size=st.just(0),
)


def read(stream: bytes) -> list[tuple[tar.Member, bytes]]:
    return [(member, b"".join(contents)) for member, contents in tar.read_members([stream])]


@given(members, st.binary(max_size=2000))
def test_a_member_comes_back_as_it_was(member: tar.Member, contents: bytes) -> None:
    member = tar.Member(member.name, tar.FILE, member.mode, member.uid, member.gid, member.mtime, len(contents))
    stream = tar.encode(member) + contents + tar.padding(len(contents)) + END
    assert read(stream) == [(member, contents)]


@given(texts, texts, st.sampled_from([tar.SYMBOLIC_LINK, tar.HARD_LINK]))
def test_a_link_comes_back_as_it_was(name: bytes, target: bytes, kind: bytes) -> None:
    member = tar.Member(name, kind, 0o777, target=target)
    assert read(tar.encode(member) + END) == [(member, b"")]


@given(st.binary(max_size=3000))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(Tampered):
        read(b"\x01" + noise)


def test_other_tar_programs_read_it() -> None:
    name = "deep/" * 40 + "ü"
    member = tar.Member(name.encode(), tar.FILE, 0o640, 1000, 3_000_000, 1_600_000_000_500_000_000, 3)
    broken = tar.Member(b"\xff\n", tar.SYMBOLIC_LINK, 0o777, target=b"\xfe")
    stream = tar.encode(member) + b"abc" + tar.padding(3) + tar.encode(broken) + END
    with tarfile.open(fileobj=io.BytesIO(stream)) as other:
        first, second = other.getmembers()
        assert (first.name, first.mode, first.uid, first.gid, first.size) == (name, 0o640, 1000, 3_000_000, 3)
        assert other.extractfile(first).read() == b"abc"  # type: ignore[union-attr]
        assert first.mtime == 1_600_000_000.5
        assert (second.name, second.linkname) == ("\udcff\n", "\udcfe")


def test_a_file_over_8_gib_has_its_size_in_the_header() -> None:
    stream = tar.encode(tar.Member(b"large", tar.FILE, size=9 << 30))
    with tarfile.open(fileobj=io.BytesIO(stream)) as other:
        assert other.firstmember is not None
        assert other.firstmember.size == 9 << 30
    member, _contents = next(tar.read_members([stream + bytes(512)]))
    assert member.size == 9 << 30


def test_every_truncation_is_refused() -> None:
    one = tar.encode(tar.Member(b"\xff" * 120, tar.FILE, size=700)) + b"x" * 700 + tar.padding(700)
    stream = one + END
    for length in range(len(stream)):
        with pytest.raises(Tampered):
            read(stream[:length])


def test_contents_that_nobody_reads_are_passed_over() -> None:
    one = tar.encode(tar.Member(b"a", tar.FILE, size=700)) + b"x" * 700 + tar.padding(700)
    two = tar.encode(tar.Member(b"b", tar.FILE, size=1)) + b"y" + tar.padding(1)
    assert [member.name for member, _contents in tar.read_members([one + two + END])] == [b"a", b"b"]


def test_blocks_may_be_cut_anywhere() -> None:
    one = tar.encode(tar.Member(b"a" * 200, tar.FILE, size=700)) + b"x" * 700 + tar.padding(700)
    pieces = [bytes([byte]) for byte in one + END]
    assert [b"".join(contents) for _member, contents in tar.read_members(pieces)] == [b"x" * 700]


def pax(*records: bytes) -> bytes:
    """A pax header with records as given, and an empty file after it."""
    body = b"".join(records)
    header = tarfile.TarInfo("PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, len(body)
    start = header.tobuf(tarfile.USTAR_FORMAT)
    return start + body + tar.padding(len(body)) + tar.encode(tar.Member(b"a", tar.FILE)) + END


def record(keyword: bytes, value: bytes) -> bytes:
    rest = b" " + keyword + b"=" + value + b"\n"
    length = next(length for length in range(len(rest), len(rest) + 9) if length == len(rest) + len(str(length)))
    return b"%d" % length + rest


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(512), id="half a trailer"),
        pytest.param(END + b"x", id="bytes after the end"),
        pytest.param(END + bytes(1 << 20), id="a megabyte of zeros after the end"),
        pytest.param(pax(record(b"GNU.sparse.major", b"1")), id="sparse"),
        pytest.param(pax(record(b"SCHILY.xattr.security.capability", b"1")), id="capability"),
        pytest.param(pax(record(b"size", b"-1")), id="negative size"),
        pytest.param(pax(record(b"size", b"1_0")), id="size with underscore"),
        pytest.param(pax(record(b"size", b"0"), record(b"size", b"0")), id="a record twice"),
        pytest.param(pax(b"999 path=x\n"), id="a record that is longer than its header"),
        pytest.param(pax(b"5 path"), id="a record without an end"),
        pytest.param(pax(b"0 path=x\n"), id="a record of length zero"),
        pytest.param(pax(record(b"mtime", b"1e9")), id="exponent"),
        pytest.param(pax(record(b"mtime", b"nan")), id="not a number"),
        pytest.param(pax(record(b"uid", b"1" * 50)), id="a number of 50 digits"),
    ],
)
def test_malformed_streams_are_refused(stream: bytes) -> None:
    with pytest.raises(Tampered):
        read(stream)


@pytest.mark.parametrize("kind", [b"g", b"L", b"K", b"S", b"3", b"4", b"6", b"7", b"D", b"M", b"V", b"\x7f"])
def test_other_kinds_of_members_are_refused(kind: bytes) -> None:
    with pytest.raises(Tampered):
        read(tar.encode(tar.Member(b"a", kind)) + END)


def test_a_header_that_claims_4_gib_of_names_is_refused_before_it_is_read() -> None:
    info = tarfile.TarInfo("PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 4 << 30

    def endless() -> t.Iterator[bytes]:
        yield info.tobuf(tarfile.USTAR_FORMAT)
        pytest.fail("the names were read")

    with pytest.raises(Tampered):
        next(tar.read_members(endless()))


def test_gnu_headers_and_base_256_numbers_are_refused() -> None:
    info = tarfile.TarInfo("a")
    with pytest.raises(Tampered):
        read(info.tobuf(tarfile.GNU_FORMAT) + END)
    header = bytearray(tar.encode(tar.Member(b"a", tar.FILE)))
    header[124:136] = b"\x80" + bytes(10) + b"\x05"
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    with pytest.raises(Tampered):
        read(bytes(header) + END)


def test_a_flipped_bit_in_a_header_is_refused_or_changes_nothing() -> None:
    stream = tar.encode(tar.Member(b"a", tar.FILE, 0o644)) + END
    for position in range(512):
        flipped = bytearray(stream)
        flipped[position] ^= 1
        with pytest.raises(Tampered):
            read(bytes(flipped))

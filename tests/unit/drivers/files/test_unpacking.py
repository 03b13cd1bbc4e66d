# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hostile archives are refused, and whatever happens nothing outside the place is touched."""

from __future__ import annotations

import os
import tarfile
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.identity import Identity, Rules
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.packing import Packer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.safety import Guard, Limits
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.selection import Selection
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.unpacking import Extractor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.walking import Tree
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    RecoveryError,
    StoreError,
    Tampered,
    UsageError,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tree_fixtures import Hostile

Look = t.Callable[[object], dict[bytes, tuple[object, ...]]]

LINK, HARD, DIRECTORY = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory to extract in, with something beside it that must stay as it is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "victim").write_text("as it was")
    (tmp_path / "staging").mkdir()
    return tmp_path


def extract(
    place: Path,
    stream: bytes,
    *,
    limits: Limits | None = None,
    outside_links: bool = False,
    rules: Rules | None = None,
) -> Extractor:
    guard = Guard(limits or Limits(), outside_links=outside_links)
    handle = os.open(place / "staging", os.O_RDONLY)
    try:
        extractor = Extractor(
            handle, b"content", rules or Rules(owners=False, set_id=False), guard, str(place / "staging" / "content")
        )
        extractor.extract([stream])
    finally:
        os.close(handle)
    return extractor


def attacks(hostile: type[Hostile]) -> dict[str, Hostile]:
    """Every way out that is known, and some that only look like one."""
    return {
        "absolute name": hostile().add("/outside/victim", b"x"),
        "absolute first name": hostile(root=False).add("/victim", b"x"),
        "parent": hostile().add("../outside/victim", b"x"),
        "parent as first name": hostile(root=False).add("..", b"x"),
        "parent directory": hostile().add("..", type=DIRECTORY),
        "parent in the middle": hostile().add("a", type=DIRECTORY).add("a/../../outside/victim", b"x"),
        "parent at the end": hostile().add("a", type=DIRECTORY).add("a/..", type=DIRECTORY),
        "dot in the middle": hostile().add("a", type=DIRECTORY).add("a/./b", b"x"),
        "double slash": hostile().add("a", type=DIRECTORY).add("a//b", b"x"),
        "second root": hostile().add(".", type=DIRECTORY),
        "root as a file": hostile().add(".", b"x"),
        "root as a link": hostile(root=False).add(".", type=LINK, linkname="outside"),
        "no root": hostile(root=False).add("a", type=DIRECTORY),
        "empty": hostile(root=False),
        "empty name": hostile().add("", b"x"),
        "nul in a name": hostile().add("a", b"x", pax_headers={"path": "a\0b"}),
        "slash after a file's name": hostile().add("a", b"x", pax_headers={"path": "a/"}),
        "name of 256 bytes": hostile().add("n" * 256, b"x"),
        "path of 70 kB": hostile().add("d/" * 35_000 + "x", b"x"),
        "header of 1 MB": hostile().add("a", b"x", pax_headers={"path": "n" * (1 << 20)}),
        "missing parent": hostile().add("a/b", b"x"),
        "file as parent": hostile().add("a", b"x").add("a/b", b"x"),
        "link as parent": hostile().add("a", type=LINK, linkname="../../outside").add("a/victim", b"x"),
        "inner link as parent": hostile()
        .add("b", type=DIRECTORY)
        .add("a", type=LINK, linkname="b")
        .add("a/victim", b"x"),
        "link over a directory": hostile()
        .add("a", type=DIRECTORY)
        .add("a", type=LINK, linkname="../../outside")
        .add("a/victim", b"x"),
        "directory over a link": hostile().add("a", type=LINK, linkname="b").add("a", type=DIRECTORY),
        "file over a link": hostile().add("a", type=LINK, linkname="b").add("a", b"x"),
        "file twice": hostile().add("a", b"x").add("a", b"y"),
        "link to itself twice": hostile().add("a", type=LINK, linkname="a").add("a", type=LINK, linkname="b"),
        "absolute link": hostile().add("a", type=LINK, linkname="/etc/passwd"),
        "link to the parent": hostile().add("a", type=LINK, linkname=".."),
        "link out from below": hostile().add("d", type=DIRECTORY).add("d/a", type=LINK, linkname="../../x"),
        "link through a link": hostile()
        .add("d", type=DIRECTORY)
        .add("d/e", type=DIRECTORY)
        .add("short", type=LINK, linkname="d/e")
        .add("d/e/up", type=LINK, linkname="../..")
        .add("out", type=LINK, linkname="short/up/../x"),
        "link that means more than it says": hostile()
        .add("d", type=DIRECTORY)
        .add("d/flat", type=LINK, linkname="..")
        .add("out", type=LINK, linkname="d/flat/../x"),
        "link through something absent": hostile().add("out", type=LINK, linkname="no/../../x"),
        "empty link": hostile().add("a", type=LINK, linkname=""),
        "long link": hostile().add("a", type=LINK, linkname="x/" * 3000),
        "nul in a link": hostile().add("a", type=LINK, linkname="b", pax_headers={"linkpath": "a\0b"}),
        "hard link out": hostile().add("a", type=HARD, linkname="../../outside/victim"),
        "absolute hard link": hostile().add("a", type=HARD, linkname="/etc/passwd"),
        "hard link to a link": hostile()
        .add("a", type=LINK, linkname="../../outside/victim")
        .add("b", type=HARD, linkname="a"),
        "hard link to a hard link": hostile()
        .add("f", b"x")
        .add("a", type=HARD, linkname="f")
        .add("b", type=HARD, linkname="a"),
        "hard link to a directory": hostile().add("d", type=DIRECTORY).add("a", type=HARD, linkname="d"),
        "hard link to what comes later": hostile().add("a", type=HARD, linkname="b").add("b", b"x"),
        "hard link to itself": hostile().add("a", type=HARD, linkname="a"),
        "hard link through a link": hostile()
        .add("a", type=LINK, linkname="../../outside")
        .add("b", type=HARD, linkname="a/victim"),
        "hard link alone": hostile(root=False).add("a", type=HARD, linkname="outside/victim"),
        "link with contents": hostile().add("a", b"x", type=LINK, linkname="b"),
        "character device": hostile().add("a", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        "block device": hostile().add("a", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
        "pipe": hostile().add("a", type=tarfile.FIFOTYPE),
        "contiguous": hostile().add("a", type=tarfile.CONTTYPE),
        "sparse": hostile().add("a", type=tarfile.GNUTYPE_SPARSE),
        "impossible owner": hostile().add("a", b"x", uid=2**32 - 1),
        "second file": hostile(root=False).add("a", b"x").add("b", b"x"),
        "directory after a lone file": hostile(root=False).add("a", b"x").add("d", type=DIRECTORY),
        "path for a lone file": hostile(root=False).add("d/a", b"x"),
        "bytes after the end": hostile().add("a", b"x").raw(bytes(1024) + b"x" * 512),
    }


ATTACKS = [
    "absolute name", "absolute first name", "parent", "parent as first name", "parent directory",
    "parent in the middle", "parent at the end", "dot in the middle", "double slash", "second root", "root as a file",
    "root as a link", "no root", "empty", "empty name", "nul in a name", "slash after a file's name",
    "name of 256 bytes", "path of 70 kB", "header of 1 MB", "missing parent", "file as parent", "link as parent",
    "inner link as parent", "link over a directory", "directory over a link", "file over a link", "file twice",
    "link to itself twice", "absolute link", "link to the parent", "link out from below", "link through a link",
    "link that means more than it says", "link through something absent", "empty link", "long link", "nul in a link",
    "hard link out", "absolute hard link", "hard link to a link", "hard link to a hard link",
    "hard link to a directory", "hard link to what comes later", "hard link to itself", "hard link through a link",
    "hard link alone", "link with contents", "character device", "block device", "pipe", "contiguous", "sparse",
    "impossible owner", "second file", "directory after a lone file", "path for a lone file", "bytes after the end",
]  # fmt: skip


def test_the_list_of_attacks_is_whole(hostile: type[Hostile]) -> None:
    assert list(attacks(hostile)) == ATTACKS


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused_and_nothing_outside_is_touched(
    place: Path, hostile: type[Hostile], looked: Look, name: str
) -> None:
    before = looked(place / "outside")
    with pytest.raises((Tampered, UsageError)):
        extract(place, attacks(hostile)[name].bytes())
    assert looked(place / "outside") == before
    assert sorted(os.listdir(place)) == ["outside", "staging"]
    assert set(os.listdir(place / "staging")) <= {"content"}


@pytest.mark.parametrize("name", ["absolute link", "link to the parent", "link that means more than it says"])
def test_links_to_the_outside_are_made_when_asked_for_and_not_followed(
    place: Path, hostile: type[Hostile], looked: Look, name: str
) -> None:
    before = looked(place / "outside")
    extract(place, attacks(hostile)[name].bytes(), outside_links=True)
    assert looked(place / "outside") == before
    assert any((place / "staging" / "content").rglob("*"))


@pytest.mark.parametrize("name", ["link as parent", "link over a directory", "hard link through a link"])
def test_nothing_goes_through_a_link_even_if_links_out_are_allowed(
    place: Path, hostile: type[Hostile], name: str
) -> None:
    with pytest.raises(Tampered):
        extract(place, attacks(hostile)[name].bytes(), outside_links=True)
    assert (place / "outside" / "victim").read_text() == "as it was"


def test_honest_links_are_kept(place: Path, hostile: type[Hostile]) -> None:
    archive = hostile().add("d", type=DIRECTORY).add("d/f", b"x")
    for name, target in (("a", "d/f"), ("d/up", "../a"), ("circle", "circle"), ("none", "d/none"), ("self", ".")):
        archive.add(name, type=LINK, linkname=target)
    extract(place, archive.bytes())
    content = place / "staging" / "content"
    assert (content / "d" / "up").read_text() == "x"
    assert os.readlink(content / "circle") == "circle"


def test_a_place_that_was_made_a_trap_is_not_written_through(place: Path, hostile: type[Hostile]) -> None:
    (place / "staging" / "content").symlink_to("../outside")
    with pytest.raises(StoreError):
        extract(place, hostile().add("victim", b"x").bytes())
    with pytest.raises(StoreError):
        extract(place, hostile(root=False).add("victim", b"x").bytes())
    assert (place / "outside" / "victim").read_text() == "as it was"


@pytest.mark.parametrize("limits", [Limits(members=3), Limits(bytes=20)])
def test_more_than_is_allowed_is_refused(place: Path, hostile: type[Hostile], limits: Limits) -> None:
    with pytest.raises(UsageError, match="Raise the limit"):
        extract(place, hostile().add("a", b"x" * 10).add("b", b"x" * 10).add("c", b"x" * 10).bytes(), limits=limits)


def test_a_size_that_is_only_claimed_stops_at_the_limit(place: Path, hostile: type[Hostile]) -> None:
    stream = hostile().add("a", b"", pax_headers={"size": str(1 << 60)}).bytes()
    with pytest.raises(UsageError, match="bytes"):
        extract(place, stream, limits=Limits(bytes=1 << 30))


def test_set_id_bits_go_unless_asked_for(place: Path, hostile: type[Hostile]) -> None:
    stream = hostile().add("a", b"x", mode=0o6755).add("d", type=DIRECTORY, mode=0o3777).bytes()
    extractor = extract(place, stream)
    content = place / "staging" / "content"
    assert (os.stat(content / "a").st_mode & 0o7777, os.stat(content / "d").st_mode & 0o7777) == (0o755, 0o1777)
    assert extractor.set_id_removed == 2


def test_set_id_bits_and_owners_when_asked_for(place: Path, hostile: type[Hostile]) -> None:
    stream = hostile().add("a", b"x", mode=0o6755, uid=1234, gid=4321).bytes()
    extract(place, stream, rules=Rules(owners=True, set_id=True))
    info = os.stat(place / "staging" / "content" / "a")
    assert (info.st_mode & 0o7777, info.st_uid, info.st_gid) == (0o6755, 1234, 4321)


def test_a_tree_comes_back_as_it_was(place: Path, tree: str, looked: Look) -> None:
    stream = b"".join(Packer(Tree([tree], Selection(), pytest.fail), Identity(Rules())))
    extract(place, stream, rules=Rules())
    assert looked(place / "staging" / "content") == looked(tree)
    one, two = (os.stat(place / "staging" / "content" / name) for name in ("plain", "plain twin"))
    assert one.st_ino == two.st_ino
    assert os.stat(place / "staging" / "content" / "private").st_mtime_ns == os.stat(f"{tree}/private").st_mtime_ns


def test_a_cut_stream_is_an_error(place: Path, hostile: type[Hostile]) -> None:
    with pytest.raises(RecoveryError):
        extract(place, hostile().add("a", b"x" * 5000).bytes()[:2000])

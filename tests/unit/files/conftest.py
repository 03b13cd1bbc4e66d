# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of trees share: a tree of everything odd, and what one looks like."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import typing as t

import pytest

if t.TYPE_CHECKING:
    from pathlib import Path

ODD_NAMES = [
    b"plain",
    b"with space",
    b"new\nline",
    b"tab\tand\x1bescape",
    b"\xff\xfe not utf-8",
    "ünïcödé 🛟".encode(),
    b"-rf",
    b"--file=x",
    b"host=evil dbname=y",
    b"`id`;\\!$(id)",
    b"'\"",
    b"n" * 255,
    b"...",
    b".hidden",
]


def look(root: str | os.PathLike[str]) -> dict[bytes, tuple[object, ...]]:
    """Everything a user would notice about a tree, directory times aside."""
    top = os.fsencode(root)
    found: dict[bytes, tuple[object, ...]] = {}
    for base, directories, files in os.walk(top):
        for name in [b"."] * (base == top) + directories + files:
            path = os.path.join(base, name)
            info = os.lstat(path)
            what: object = None
            if stat.S_ISLNK(info.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    what = hashlib.sha256(file.read()).hexdigest()
            times = () if stat.S_ISDIR(info.st_mode) else (info.st_mtime_ns,)
            found[os.path.relpath(path, top)] = (stat.filemode(info.st_mode), info.st_uid, info.st_gid, what, *times)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> str:
    """A directory with odd names, links of both kinds, modes, times, empty and deep directories."""
    root = os.fsencode(tmp_path / "tree")
    os.mkdir(root)
    for number, name in enumerate(ODD_NAMES):
        with open(os.path.join(root, name), "wb") as file:
            file.write(name * number)
    deep = root
    for level in range(40):
        deep = os.path.join(deep, b"level-%d-" % level + b"d" * 60)
    os.makedirs(deep)
    for inner in (b"empty", b"dir\n\xff", b"private"):
        os.mkdir(os.path.join(root, inner))
    with open(os.path.join(deep, b"bottom"), "wb") as file:
        file.write(os.urandom(3 << 20))
    with open(os.path.join(root, b"nothing"), "wb"):
        pass
    with open(os.path.join(root, b"sparse"), "wb") as file:
        file.truncate(1 << 20)
    os.link(os.path.join(root, b"sparse"), os.path.join(root, b"dir\n\xff", b"other name"))
    os.link(os.path.join(root, b"plain"), os.path.join(root, b"plain twin"))
    os.symlink(b"plain", os.path.join(root, b"link"))
    os.symlink(b"../\xff\xfe not utf-8", os.path.join(root, b"dir\n\xff", b"link \xff"))
    os.symlink(b"does/not/exist", os.path.join(root, b"dangling"))
    os.symlink(b"circle", os.path.join(root, b"circle"))
    os.utime(os.path.join(root, b"plain"), ns=(1, 1_600_000_000_123_456_789))
    os.utime(os.path.join(root, b"nothing"), ns=(1, -5_500_000_000))
    os.chmod(os.path.join(root, b".hidden"), 0o400)
    os.chmod(os.path.join(root, b"private"), 0o2570)
    os.chmod(os.path.join(root, b"empty"), 0o1777)
    return os.fsdecode(root)


class Hostile:
    """Writes tar streams that our writer never would."""

    def __init__(self, *, root: bool = True) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        if root:
            self.add(".", type=tarfile.DIRTYPE, mode=0o755)

    def add(self, name: str, data: bytes = b"", **fields: t.Any) -> Hostile:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for key, value in fields.items():
            setattr(info, key, value)
        self._tar.addfile(info, io.BytesIO(data))
        return self

    def raw(self, data: bytes) -> Hostile:
        self._buffer.write(data)
        self._tar.offset += len(data)
        return self

    def bytes(self) -> bytes:
        self._tar.close()
        return self._buffer.getvalue()


@pytest.fixture
def hostile() -> type[Hostile]:
    return Hostile


@pytest.fixture
def looked() -> t.Callable[[str | os.PathLike[str]], dict[bytes, tuple[object, ...]]]:
    return look

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twice the levels are twice the work, for who seals a tree and for who opens it, and few directories stay open."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files import names
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.identity import Identity, Rules
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.packing import Packer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.safety import Guard, Limits
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.selection import Selection
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.staging import remove
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.unpacking import Extractor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.files.walking import Tree

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Opens:
    """Counts the directories that are opened, and those that are open at once."""

    def __init__(self) -> None:
        self.count = 0
        self.most = 0
        self._open, self._close = os.open, os.close
        self._held: set[int] = set()

    def open(self, *given: t.Any, **named: t.Any) -> int:
        handle = self._open(*given, **named)
        self.count += 1
        self._held.add(handle)
        self.most = max(self.most, len(self._held))
        return handle

    def close(self, handle: int) -> None:
        self._held.discard(handle)
        self._close(handle)


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> Opens:
    made = Opens()
    monkeypatch.setattr(os, "open", made.open)
    monkeypatch.setattr(os, "close", made.close)
    return made


def grow(root: Path, levels: int) -> None:
    """Make a chain of directories, each with a file in it; no path to the last would fit a system call."""
    root.mkdir()
    handle = os.open(root, names.DIRECTORY)
    for _level in range(levels):
        os.mkdir("inside", dir_fd=handle)
        inner = os.open("inside", names.DIRECTORY, dir_fd=handle)
        os.close(handle)
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=inner))
        handle = inner
    os.close(handle)


def worked(home: Path, levels: int, opens: Opens) -> tuple[int, int, int]:
    """Pack and unpack a chain, and remove what came of it; give how often a directory was opened for each."""
    home.mkdir()
    grow(home / "tree", levels)
    tree = Tree([str(home / "tree")], Selection(), lambda _text: None)
    opens.count = 0
    blocks = list(Packer(tree, Identity(Rules())))
    packed, opens.count = opens.count, 0
    staging = os.open(home, names.DIRECTORY)
    Extractor(staging, b"out", Rules(), Guard(Limits()), "out").extract(iter(blocks))
    unpacked = opens.count
    again = Tree([str(home / "out")], Selection(), lambda _text: None)
    assert [entry.name for entry in again.entries()] == [entry.name for entry in tree.entries()]
    opens.count = 0
    remove(staging, b"out")
    os.close(staging)
    assert not (home / "out").exists()
    return packed, unpacked, opens.count


def test_the_work_grows_as_the_levels_do(tmp_path: Path, opens: Opens) -> None:
    one, two = worked(tmp_path / "one", 300, opens), worked(tmp_path / "two", 600, opens)
    assert all(twice < 2.8 * once for once, twice in zip(one, two, strict=True))
    assert opens.most < names.MOST_RUNGS + 20


@pytest.fixture
def ladder(tmp_path: Path) -> Iterator[names.Ladder]:
    for path in ("a/b/c", "a/bc/d", "x"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "a/b/link").symlink_to(tmp_path / "x")
    root = os.open(tmp_path, names.DIRECTORY)
    made = names.Ladder(root)
    yield made
    made.close()
    os.close(root)


def test_each_name_leads_to_its_own_directory(ladder: names.Ladder, tmp_path: Path) -> None:
    for name in (b".", b"a/b/c", b"a/b", b"a/bc/d", b"a", b"x", b"a/b/c", b"."):
        assert os.path.samestat(os.fstat(ladder.open(name)), (tmp_path / os.fsdecode(name)).stat())


@pytest.mark.parametrize("name", [b"a/b/link", b"a/b/link/y", b"a/none"])
def test_no_link_is_followed(ladder: names.Ladder, name: bytes) -> None:
    ladder.open(b"a/b/c")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels|No such file"):
        ladder.open(name)
    ladder.open(b"a/b/c")

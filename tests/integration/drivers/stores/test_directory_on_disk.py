# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that run full, and what the system calls say about durability."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=64", "lifeboat-test", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def free(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize("room", [0, 1, 4095, 4096, MIB - 1, 3 * MIB + 17])
def test_a_full_disk_leaves_nothing_and_is_named(small_disk: Path, room: int) -> None:
    store = DirectoryStore(str(small_disk))
    store.put("shop/kept", [b"kept"])
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes(max(0, free(small_disk) - room)))
    before = free(small_disk)
    with pytest.raises(StoreError, match="No space left on device") as caught:
        store.put("shop/data/0001.lbx", iter([os.urandom(MIB)] * 9))
    assert str(small_disk / "shop/data/0001.lbx") in str(caught.value) or room < 4096
    assert "Free space" in caught.value.remedy
    assert [info.name for info in store.list("")] == ["filler", "shop/kept"]
    assert b"".join(store.get("shop/kept")) == b"kept"
    assert free(small_disk) >= before - 4096  # the directory that was made may stay
    (small_disk / "filler").unlink()
    assert store.put("shop/data/0001.lbx", [b"the next run succeeds"])


def test_a_disk_without_inodes_is_named(small_disk: Path) -> None:
    store = DirectoryStore(str(small_disk))

    def fill() -> None:
        for number in range(100):
            store.put(f"n/{number}", [b"x"])

    with pytest.raises(StoreError, match="No space left on device"):
        fill()
    found = [info.name for info in store.list("")]
    assert found
    assert not [name for name in os.listdir(small_disk / "n") if f"n/{name}" not in found]


PUT = """
import sys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
store = DirectoryStore(sys.argv[1])
store.put("shop/data/0001.lbx", [b"x" * (1 << 20)] * 2)
store.put_new("shop/manifests/m.json", b"{}")
"""


def test_the_system_calls_come_in_the_order_that_survives_a_power_loss(
    tmp_path: Path, child_environment: dict[str, str]
) -> None:
    root, log = tmp_path / "store", tmp_path / "strace"
    root.mkdir()
    calls = "fsync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat"
    argv = ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={calls}", sys.executable, "-c", PUT, str(root)]
    subprocess.run(argv, env=child_environment, check=True)
    steps = []
    for line in log.read_text().splitlines():
        match = re.search(r"\b(fsync|rename|link|mkdir)(?:at2?)?\((.*)\) = 0", line)
        if match and str(root) in line:
            path = re.findall(rf"{re.escape(str(tmp_path))}[^\">]*", match[2])[-1]
            path = re.sub(r"\.lifeboat-[0-9a-f]+", "TEMPORARY", os.path.relpath(path, root))
            steps.append(f"{match[1]} {path}")
    assert steps == [
        "mkdir shop",
        "fsync .",
        "mkdir shop/data",
        "fsync shop",
        "fsync shop/data/TEMPORARY",
        "rename shop/data/0001.lbx",
        "fsync shop/data",
        "mkdir shop/manifests",
        "fsync shop",
        "fsync shop/manifests/TEMPORARY",
        "link shop/manifests/m.json",
        "fsync shop/manifests",
    ]

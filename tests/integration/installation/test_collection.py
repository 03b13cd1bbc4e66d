# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the collection comes to a host: privately, whole, and without what is no longer in it."""

from __future__ import annotations

import os
import shutil
import typing as t

import pytest
from installing import COLLECTIONS, changed, part

if t.TYPE_CHECKING:
    from pathlib import Path

    from installing import Installation

INSTALLED = "home/ansible_collections/lifeboat/recovery"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout of the collection, with what is sent to hosts."""
    made = tmp_path / "source"
    for name in ("meta", "playbooks", "plugins/filter", "roles/preflight"):
        shutil.copytree(COLLECTIONS / "lifeboat/recovery" / name, made / name)
    return made


def install(installation: Installation, source: Path, *words: str, status: int = 0) -> str:
    return installation.play([part("collection")], "-e", f"host_collection={source}", *words, status=status)


def test_nothing_that_others_can_guess_is_sent_to_a_host(installation: Installation, source: Path) -> None:
    planted = installation.temporary / f"lifeboat-recovery-{os.getuid()}.tar"
    planted.write_text("of somebody else")
    install(installation, source)
    assert (installation.host() / INSTALLED / "meta/runtime.yml").is_file()
    assert planted.read_text() == "of somebody else"
    assert [path.name for path in installation.temporary.iterdir()] == [planted.name]


def test_a_failure_leaves_no_package_and_no_half_of_a_release(installation: Installation, source: Path) -> None:
    (installation.host() / "home/releases").write_text("in the way")
    install(installation, source, status=2)
    assert list(installation.temporary.iterdir()) == []
    assert not (installation.host() / INSTALLED).exists()


def test_an_upgrade_leaves_nothing_behind_and_lets_jobs_end(installation: Installation, source: Path) -> None:
    (source / "playbooks/gone.yml").write_text("[]")
    install(installation, source)
    release = (installation.host() / "home/ansible_collections").resolve()
    assert (release / "lifeboat/recovery/playbooks/gone.yml").is_file()

    (source / "playbooks/gone.yml").unlink()
    assert changed(install(installation, source, "--check")) > 0
    assert (installation.host() / "home/ansible_collections").resolve() == release
    install(installation, source)
    assert not (installation.host() / INSTALLED / "playbooks/gone.yml").exists()
    assert (installation.host() / INSTALLED / "playbooks/install.yml").is_file()
    # What began before still has all of its own.
    assert (release / "lifeboat/recovery/playbooks/gone.yml").is_file()

    assert changed(install(installation, source)) == 0
    (source / "playbooks/third.yml").write_text("[]")
    install(installation, source)
    assert not release.exists()
    assert len(list((installation.host() / "home/releases").iterdir())) == 2

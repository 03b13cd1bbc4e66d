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
        shutil.copytree(COLLECTIONS / "ansible_collections/lifeboat/recovery" / name, made / name)
    return made


def install(installation: Installation, source: Path, *words: str) -> str:
    return installation.play([part("collection")], "-e", f"host_collection={source}", *words)


def test_nothing_that_others_can_guess_is_sent_and_a_failure_leaves_nothing(
    installation: Installation, source: Path
) -> None:
    planted = installation.temporary / f"lifeboat-recovery-{os.getuid()}.tar"
    planted.write_text("of somebody else")
    (installation.host("db2") / "home/releases").write_text("in the way")
    installation.play([part("collection")], "-e", f"host_collection={source}", status=2, hosts={"db1": {}, "db2": {}})
    assert (installation.host() / INSTALLED / "meta/runtime.yml").is_file()
    assert not (installation.host("db2") / INSTALLED).exists()
    assert planted.read_text() == "of somebody else"
    assert [path.name for path in installation.temporary.iterdir()] == [planted.name]


@pytest.mark.long
def test_an_upgrade_leaves_nothing_behind_and_lets_jobs_end(installation: Installation, source: Path) -> None:
    (source / "playbooks/gone.yml").write_text("[]")
    install(installation, source)
    release = (installation.host() / "home/ansible_collections").resolve()
    assert (release / "lifeboat/recovery/playbooks/gone.yml").is_file()

    (source / "playbooks/gone.yml").unlink()
    assert changed(install(installation, source, "--check")) > 0
    assert (installation.host() / "home/ansible_collections").resolve() == release
    once = changed(install(installation, source))
    assert not (installation.host() / INSTALLED / "playbooks/gone.yml").exists()
    assert (installation.host() / INSTALLED / "playbooks/install.yml").is_file()
    # What began before still has all of its own.
    assert (release / "lifeboat/recovery/playbooks/gone.yml").is_file()

    (source / "playbooks/third.yml").write_text("[]")
    twice = installation.play([part("collection")] * 2, "-e", f"host_collection={source}")
    assert changed(twice) == once + 1  # the removal of the first release; and nothing the second time
    assert not release.exists()
    assert len(list((installation.host() / "home/releases").iterdir())) == 2


def test_who_reaches_no_package_index_is_told_the_ways_out(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")
    said = installation.play(
        [part("libraries")],
        "-e",
        '{"host_python_version": {"stdout": "3.13"}}',
        status=2,
        lifeboat_index_url="http://127.0.0.1:1/simple",
    )
    assert "Set lifeboat_index_url to an index that it can reach, or lifeboat_wheelhouse: true" in said
    assert not (installation.host() / "home/venv").exists()

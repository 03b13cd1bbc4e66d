# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host keeps the manifest of its last copy for itself, and goes on where it cannot."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.copy_manifests import (  # noqa: E501
    CopyManifests,
)

if t.TYPE_CHECKING:
    from pathlib import Path

BLOCKS = [b"{", b"}"]
SHA256 = hashlib.sha256(b"{}").hexdigest()


def test_what_passes_is_kept_for_its_user_alone(tmp_path: Path) -> None:
    manifests = CopyManifests(str(tmp_path / "physical" / "main"))
    assert manifests.held("one") is None
    assert list(manifests.passing("one", BLOCKS)) == BLOCKS
    assert (manifests.sha256, manifests.trouble, manifests.held("one")) == (SHA256, "", SHA256)
    assert b"".join(manifests.blocks("one")) == b"{}"
    kept = tmp_path / "physical" / "main" / "one.manifest"
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    list(manifests.passing("two", BLOCKS))
    manifests.keep_only("two")
    assert [path.name for path in kept.parent.iterdir()] == ["two.manifest"]


def test_a_disk_that_refuses_is_told_of_and_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    manifests = CopyManifests(str(tmp_path / "file" / "main"))
    assert list(manifests.passing("one", BLOCKS)) == BLOCKS
    assert manifests.sha256 == SHA256
    assert "could not be kept in" in manifests.trouble
    assert manifests.held("one") is None
    manifests.keep_only("one")


def test_without_a_directory_nothing_is_kept() -> None:
    manifests = CopyManifests(None)
    assert list(manifests.passing("one", BLOCKS)) == BLOCKS
    assert (manifests.sha256, manifests.trouble, list(manifests.blocks("one"))) == (SHA256, "", [])
    manifests.keep_only("one")

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links of a copy lead to its own tablespaces, and what is elsewhere stays as it is."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import base_copy
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered

if t.TYPE_CHECKING:
    from pathlib import Path


def test_links_that_a_copy_leads_to_elsewhere_are_not_changed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs").symlink_to("/nowhere")
    (tmp_path / base_copy.LINKS).symlink_to(elsewhere)
    with pytest.raises(Tampered, match="pg_tblspc of the copy leads elsewhere"):
        base_copy.link(str(tmp_path), {7: "/space"})
    assert [path.name for path in elsewhere.iterdir()] == ["theirs"]


def test_links_lead_to_the_places_that_are_given_and_to_no_other(tmp_path: Path) -> None:
    links = tmp_path / base_copy.LINKS
    links.mkdir()
    (links / "5").symlink_to("/source")
    base_copy.link(str(tmp_path), {7: "/space"})
    assert {path.name: str(path.readlink()) for path in links.iterdir()} == {"7": "/space"}

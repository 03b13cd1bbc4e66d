# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbook physical, on a real server: its role gets the rights when that is said, and the files are in the store."""

from __future__ import annotations

import json
import typing as t

import pytest
from archiving_fixtures import USER, changed
from restoring import place

if t.TYPE_CHECKING:
    from pathlib import Path

    from archiving_fixtures import Archiving

__all__ = ["place"]

RIGHTS = f"""SELECT rolreplication, pg_has_role(oid, 'pg_monitor', 'USAGE'),
    has_function_privilege(oid, 'pg_ident_file_mappings()', 'EXECUTE') FROM pg_roles WHERE rolname = '{USER}'"""


@pytest.mark.long
def test_a_server_is_backed_up_once_its_role_has_the_rights(archiving: Archiving, place: Path) -> None:
    archiving.play()
    archiving.enlist()
    assert archiving.server.execute(RIGHTS) == [(False, False, False)]
    said = archiving.play(playbook="physical", status=2)
    assert "lacks REPLICATION and membership in pg_monitor" in said

    told = {"lifeboat_physical": True}
    assert changed(archiving.enlist("--check", **told)) == 1
    assert archiving.server.execute(RIGHTS) == [(False, False, False)]
    archiving.enlist(**told)
    assert archiving.server.execute(RIGHTS) == [(True, True, True)]
    assert changed(archiving.enlist(**told)) == 0

    kept = archiving.home / "store/shop/manifests/main/@physical"
    assert "would back up" in archiving.play("--check", playbook="physical", **told)
    assert not kept.exists()
    said = archiving.play(playbook="physical", **told)
    [manifest] = kept.glob("*.json")
    assert "backed up" in said
    assert manifest.stem in said
    again = archiving.play(playbook="physical", lifeboat_max_age="1h", **told)
    assert "young enough" in again
    assert changed(again) == 0

    keys = json.dumps({"validate_keys": {"recovery_key_file": f"{archiving.home}/recovery.key"}})
    said = archiving.play("-e", keys, playbook="validate", lifeboat_scratch_dir=str(place), **told)
    assert manifest.stem in said
    assert changed(said) == 0
    assert list((archiving.home / "store/shop/marks").rglob("*.json"))

    said = archiving.play(playbook="wal_info", **told)
    assert f"{manifest.stem} timeline 1 from " in said
    assert "PROBLEM" not in said

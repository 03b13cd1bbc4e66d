# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doctor knows whether there is a recovery kit to begin with, whose it is, and whether it is the newest."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor

if t.TYPE_CHECKING:
    from kit_fixtures import KitMaker


def checked(kit: KitMaker) -> tuple[str, str]:
    request = doctor.ExamineRequest(kit.host.settings, cluster="main", only=("kit",), fail_on="never")
    (check,) = doctor.examine(request, kit.host.world()).facts["checks"]
    return check["result"], check["cause"]


def test_a_kit_is_missed_and_found(kit: KitMaker) -> None:
    assert checked(kit)[0] == "warning"
    assert "no recovery kit" in checked(kit)[1]
    kit.write()
    assert checked(kit) == ("ok", "The store has recovery kit 1, signed by the root.")


def test_a_kit_of_strangers_is_no_kit(kit: KitMaker) -> None:
    kit.write()
    (kit.folder / "kit.json").write_text("{}")
    result, cause = checked(kit)
    assert result == "warning"
    assert "cannot be believed" in cause


def test_an_old_kit_that_was_put_back_is_noticed(kit: KitMaker) -> None:
    kit.write()
    old = (kit.folder / "kit.json").read_bytes()
    kit.write(runbook="# Another\n")
    assert checked(kit)[0] == "ok"
    (kit.folder / "kit.json").write_bytes(old)
    assert checked(kit) == ("warning", "The store has recovery kit 1, and kit 2 was there.")

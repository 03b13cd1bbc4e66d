# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases a host gets back in a recovery, and what of them may be replaced."""

from __future__ import annotations

import typing as t

import role_variables

POINTS = {
    "db1/shop": {"backup_id": "of shop"},
    "db1/a%2Fb": {"backup_id": "of a/b"},
    "db1/@physical": {"backup_id": "of the whole server"},
    "db10/shop": {"backup_id": "of another cluster"},
}


def evaluated(*cases: dict[str, t.Any]) -> list[list[t.Any]]:
    known = {"lifeboat_application": "shop", "lifeboat_store": {"url": "file:///srv"}, "recover_database": "shop"}
    state = {"recover_recovery": {"points": POINTS}, "recover_confirmed": ["shop@db1"]}
    given = [{**known, "recover_state": state, **case} for case in cases]
    asked = ("recover_databases", "recover_backup", "recover_restore_confirm")
    return role_variables.evaluated_each(given, *asked, roles=("settings", "recover"))


def test_what_of_the_recovery_point_is_this_hosts_and_may_be_replaced() -> None:
    """A confirmation counts for what was confirmed, and for what held data when it was looked at."""
    holding = {"recover_confirms": {"shop@db1": "shop@db1", "a/b@db1": "a/b@db1"}}
    assert evaluated(
        {},
        holding,
        {**holding, "recover_database": "a/b"},
        {"lifeboat_databases": ["s*"]},
        {"lifeboat_databases_exclude": ["shop"]},
    ) == [
        [["a/b", "shop"], "of shop", ""],
        [["a/b", "shop"], "of shop", "shop@db1"],
        [["a/b", "shop"], "of a/b", ""],
        [["shop"], "of shop", ""],
        [["a/b"], "of shop", ""],
    ]

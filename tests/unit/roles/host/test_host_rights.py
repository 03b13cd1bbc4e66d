# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database role of the backups gets what a host's own settings need, and not more."""

from __future__ import annotations

import pytest
import role_variables

NAMES = {"host_role_identifier": '"lifeboat"', "host_role_literal": "'lifeboat'"}


@pytest.mark.parametrize(
    ("wal", "physical", "monitors", "replicates"),
    [(False, False, False, False), (True, False, True, False), (False, True, True, True), (True, True, True, True)],
)
def test_the_role_may_see_the_archiver_where_a_log_is_archived(
    wal: bool, physical: bool, monitors: bool, replicates: bool
) -> None:
    grants, query = role_variables.evaluated(
        "host_role_rights",
        "host_role_query",
        roles=("settings", "host"),
        lifeboat_wal=wal,
        lifeboat_physical=physical,
        **NAMES,
    )
    assert ("GRANT pg_monitor TO" in grants, "REPLICATION" in grants) == (monitors, replicates)
    assert ("'pg_monitor'" in query, "rolreplication" in query) == (monitors, replicates)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks that check nothing are refused before anything is restored."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import checks
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError


@pytest.mark.parametrize(
    "check",
    [{"name": "a"}, {"name": "a", "query": "SELECT 1"}, {"query": "SELECT 1", "expect": 1, "minimum": 1}],
    ids=["no query", "nothing wanted", "two wishes"],
)
def test_a_check_needs_a_query_and_one_wish(check):
    with pytest.raises(UsageError) as caught:
        checks.parse([check], [])
    assert caught.value.details["field"] == "checks"


def test_what_ansible_fills_in_for_options_not_given_counts_as_not_given():
    asked = {"name": None, "query": "SELECT 1", "expect": None, "minimum": 0}
    assert checks.parse([asked], []) == (checks.Check("SELECT 1", "SELECT 1", None, 0),)


def test_a_critical_table_becomes_a_count_of_a_quoted_name():
    (check,) = checks.parse([], [{"name": "app.orders", "minimum_rows": 5}])
    assert check.query == 'SELECT count(*) FROM "app"."orders"'
    assert check.minimum == 5

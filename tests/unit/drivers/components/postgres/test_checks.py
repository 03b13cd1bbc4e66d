# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks that check nothing are refused before anything is restored."""

from __future__ import annotations

import decimal
import json

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


def test_of_a_whole_server_each_check_is_of_the_database_that_it_names():
    asked = [
        {"name": "a", "query": "SELECT 1", "expect": 1, "database": "shop"},
        {"name": "b", "query": "SELECT 2", "expect": 2, "database": None},
    ]
    tables = [{"name": "app.orders", "minimum_rows": 5, "database": "other"}, {"name": "app.orders"}]
    found, unasked = checks.parse_named(asked, tables)
    assert [(check.name, check.part) for check in found] == [("a", "shop"), ("rows of app.orders", "other")]
    assert unasked == (
        "The check 'b' names no database, so it was not asked.",
        "The check 'app.orders' names no database, so it was not asked.",
    )
    with pytest.raises(UsageError):
        checks.parse_named([{"name": "a", "database": "shop"}], [])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (decimal.Decimal("Infinity"), "Infinity"),
        (decimal.Decimal("-Infinity"), "-Infinity"),
        (decimal.Decimal("NaN"), "NaN"),
        (decimal.Decimal("1" + "0" * 5000), "1" + "0" * 5000),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_what_is_no_finite_number_fails_a_check_and_nothing_else(monkeypatch, value, found):
    # Whoever owns the database writes what a check reads: it must not decide whether there is a verdict.
    monkeypatch.setattr(checks, "execute", lambda *_given: None)
    monkeypatch.setattr(checks, "rows", lambda *_given: [(value,)])
    result = checks.run(None, checks.Check("a", "SELECT max(price)", None, 1), timeout=1)
    assert (result["passed"], result["found"]) == (False, found)
    assert checks.run(None, checks.Check("a", "SELECT max(price)", found, None), timeout=1)["passed"]
    json.dumps(result, allow_nan=False)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a variable is said in the user's names, shortly, and without its secrets."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.filter.cause import cause
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _variables

ROOT = Path(__file__).resolve().parents[4]
ALWAYS = {"lifeboat_application": "shop", "lifeboat_store": {"url": "file:///srv"}}


def problems(role: str, **given: t.Any) -> list[str]:
    names = {**ALWAYS, **given}
    return _variables.problems([role], names, names.__getitem__)


@pytest.mark.parametrize(
    ("role", "given", "said"),
    [
        (
            "backup",
            {"lifeboat_reason": "pre-deployment"},
            "lifeboat_reason cannot be 'pre-deployment'. Use one of scheduled, manual, pre_deployment, emergency; did",
        ),
        ("backup", {"lifeboat_jobs": "two"}, "lifeboat_jobs cannot be 'two'. Use a whole number."),
        (
            "backup",
            {"lifeboat_store": {"url": "x", "endpont": "y"}},
            "lifeboat_store has no key 'endpont'. Use some of url, endpoint, region, ca_cert, credentials_file, ",
        ),
        ("backup", {"lifeboat_store": {}}, "lifeboat_store has no key url. Set it."),
        (
            "backup",
            {"lifeboat_max_age": "12x"},
            "lifeboat_max_age: '12x' is not a duration. Use numbers with the units s, m, h, d or w, such as ",
        ),
        (
            "restore",
            {},
            "lifeboat_database is not set. Set it in the inventory, or with -e lifeboat_database=… (The database",
        ),
        ("backup_logs", {"lifeboat_history": {"login_db": "x", "tabel": "y"}}, "lifeboat_history has no key 'tabel'."),
        ("backup", {"lifeboat_accept_warnings": {"a": 1}}, "lifeboat_accept_warnings cannot be a dictionary."),
    ],
)
def test_a_problem_is_two_short_sentences(role: str, given: dict[str, t.Any], said: str) -> None:
    (found,) = problems(role, **given)
    assert found.startswith(said)
    assert len(found) < 220


def test_what_is_well_is_no_problem() -> None:
    assert problems("backup", lifeboat_reason="scheduled", lifeboat_jobs="4", lifeboat_accept_shrink="yes") == []
    assert problems("restore", lifeboat_database="shop", lifeboat_tables="public.orders") == []


def test_a_misspelt_name_is_told_with_the_right_one() -> None:
    known = yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text())["preflight_known"]
    assert _variables.unknown(["lifeboat_compresion", "lifeboat_jobs"], known) == [
        "lifeboat_compresion: no such variable of lifeboat.recovery; did you mean lifeboat_compression?"
    ]


def test_no_secret_is_shown() -> None:
    found = problems("backup", lifeboat_store="s3://key:hidden@example/bucket", lifeboat_jobs="h" * 4000)
    assert "hidden" not in " ".join(found)
    assert all(len(each) < 200 for each in found)
    host = problems("host", lifeboat_store_credentials="AKIA-hidden")
    assert "hidden" not in " ".join(host)


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_the_roles_can_be_read(role: str) -> None:
    """The mapping stands in the specification of each role, in words that are read here."""
    for option in _variables.options_of(role):
        assert option.variable.startswith("lifeboat_")
        assert option.meaning


def test_the_cause_of_a_failed_loop_is_that_of_its_parts() -> None:
    failed = {"failed": True, "msg": "It broke.\nSo."}
    assert (
        cause({}, {"msg": "One or more items failed", "results": [failed, {"msg": "fine"}, failed]}) == "It broke. So."
    )
    assert cause({}, {"msg": "It broke."}) == "It broke."
    assert cause({}, {}) == "See its output."


def test_what_a_task_with_no_log_said_stays_hidden() -> None:
    failed = {
        "msg": "sesame",
        "stderr": "sesame",
        "results": [{"failed": True, "msg": "sesame"}],
        "_ansible_no_log": True,
    }
    said = "Task Log in failed. What it said is hidden, because it has no_log."
    assert cause({"ansible_failed_task": {"name": "Log in"}}, failed) == said
    assert "sesame" not in cause({}, failed)


def test_the_cause_of_a_failed_program_is_what_it_said() -> None:
    failed = {"msg": "non-zero return code", "rc": 1, "stdout": "42\n"}
    assert cause({}, {**failed, "stderr": "\nERROR:  no such column\nLINE 1: SELECT\n"}) == "ERROR: no such column"
    assert cause({}, {**failed, "stderr": ""}) == "42"
    assert cause({}, {"msg": "non-zero return code", "rc": 1}) == "non-zero return code"
    assert cause({}, {**failed, "msg": "It broke."}) == "It broke."

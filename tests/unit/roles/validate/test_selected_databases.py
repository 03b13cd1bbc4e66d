# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases role validate restores: those that have what `latest` means, and that people want."""

from __future__ import annotations

import datetime
import typing as t

import pytest
import role_variables
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list.listing import (
    ListRequest,
    list_backups,
)

if t.TYPE_CHECKING:
    from sample_host import SampleHost

TASKS = role_variables.ROLES / "validate/tasks/main.yml"


@pytest.fixture
def partly(sample: SampleHost) -> SampleHost:
    """A store with a database that was backed up as usual, and two of which there is something else only."""
    sample.back_up("shop", hours=29)
    sample.back_up("staging", hours=28, reason="emergency")
    sample.back_up("reports", hours=27, scope="partial")
    return sample


def found(sample: SampleHost, **given: t.Any) -> list[str]:
    """Return the databases that the role finds in the store of a host."""
    catalogue = list_backups(ListRequest(repository=sample.settings, cluster="main"), sample.world()).facts
    block = yaml.safe_load(TASKS.read_text(encoding="utf-8"))[0]["block"]
    chosen = next(task["ansible.builtin.set_fact"] for task in block if "ansible.builtin.set_fact" in task)
    (expression,) = (text.strip().removeprefix("{{").removesuffix("}}") for text in chosen.values())
    facts = {"validate_catalogue": {"backups": catalogue["backups"], "latest": catalogue["latest"]}}
    return t.cast("list[str]", role_variables.evaluated(expression, roles=("validate",), **facts, **given)[0])


def test_a_database_with_only_partial_or_emergency_backups_is_not_validated(partly: SampleHost) -> None:
    assert found(partly) == ["shop"]
    assert found(partly, lifeboat_databases=["shop", "staging", "reports"]) == ["shop"]


def test_the_backup_that_is_named_by_its_id_is_found_whatever_it_is(partly: SampleHost) -> None:
    identity = partly.back_up("staging", hours=3, reason="emergency")
    assert "staging" in found(partly, lifeboat_restore_from=identity, lifeboat_databases="staging")


def test_the_latest_before_a_time_is_of_a_database_with_a_latest_one(partly: SampleHost) -> None:
    at = (partly.now - datetime.timedelta(hours=1)).isoformat()
    assert found(partly, lifeboat_restore_from=f"latest before {at}") == ["shop"]


def test_all_files_of_a_server_are_validated_where_they_are_backed_up(sample: SampleHost) -> None:
    sample.back_up("shop", hours=5)
    identity = sample.back_up("@physical", hours=4)
    assert found(sample) == ["shop"]
    assert found(sample, lifeboat_physical=True) == ["@physical", "shop"]
    assert found(sample, lifeboat_physical=True, lifeboat_databases=["shop"]) == ["@physical", "shop"]
    assert found(sample, lifeboat_physical=True, lifeboat_databases_exclude=["@physical"]) == ["shop"]
    assert found(sample, lifeboat_physical=True, lifeboat_restore_from=identity) == ["shop"]
    assert found(sample, lifeboat_restore_from=identity, lifeboat_databases="@physical") == ["@physical"]


@pytest.mark.parametrize("excluded", [["old*"], "old_shop"])
def test_an_excluded_database_is_not_validated(sample: SampleHost, excluded: t.Any) -> None:
    sample.back_up("shop", hours=5)
    sample.back_up("old_shop", hours=50)
    assert found(sample, lifeboat_databases_exclude=excluded) == ["shop"]
    assert found(sample) == ["old_shop", "shop"]

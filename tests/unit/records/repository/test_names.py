# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Object names: safe for every database name, and found again from themselves."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import WHOLE_CLUSTER
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository

AT = datetime.datetime(2026, 11, 20, 3, 4, 5, tzinfo=datetime.UTC)
HOSTILE = ["../../etc", "..", ".", "a/b", "a\nb", "%2F", "ü", "--file=/x", "a b", "*", "'\"$;"]


@pytest.mark.parametrize("database", HOSTILE)
def test_any_database_name_makes_a_component_of_two_safe_parts(database: str) -> None:
    component = repository.component("main", database)
    cluster, name = component.split("/")
    assert cluster == "main"
    assert name not in {".", ".."}
    assert not set(name) & set("/\n *'\"$;")
    assert repository.cluster_and_database(component) == ("main", database)


def test_no_database_has_the_name_of_a_whole_cluster() -> None:
    name = repository.component("ma@in", WHOLE_CLUSTER)
    assert name == "ma%40in/@physical"
    assert repository.shown(name) == ("ma@in", "@physical")
    assert repository.shown("main/%40physical") == ("main", "%40physical (not decoded)")
    assert repository.component("main", "@other") == "main/%40other"


@pytest.mark.parametrize("parts", [("", "d"), ("c", "")])
def test_an_empty_part_is_refused_by_name(parts: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="/".join(parts)) as refusal:
        repository.component(*parts)
    assert refusal.value.details["field"] == "component"


@pytest.mark.parametrize("name", ["", "Shop", "a/b", "-x", ".x", "a" * 64, "a b"])
def test_an_application_name_that_cannot_be_a_prefix_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="application"):
        repository.check_application(name)


def test_a_manifest_is_found_again_from_its_name() -> None:
    identity = repository.backup_id(AT, "0123456789abcdef")
    assert identity == "backup-20261120T030405Z-0123456789abcdef"
    name = repository.manifest("shop", "main/a%2Fb", identity)
    assert repository.parse_manifest("shop", name) == ("main/a%2Fb", identity)


@pytest.mark.parametrize(
    "name", ["shop/manifests/x.json", "shop/manifests/main/shop/notes.json", "shop/manifests/a/b/c/backup-1.json"]
)
def test_a_stray_object_among_the_manifests_is_no_backup(name: str) -> None:
    assert repository.parse_manifest("shop", name) is None


def test_volumes_of_a_member_have_names_of_their_own() -> None:
    assert repository.member("shop", "b", 1) == "shop/data/b/0001.lbx"
    assert repository.member("shop", "b", 1, 2) == "shop/data/b/0001.002.lbx"

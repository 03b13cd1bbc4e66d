# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Roles and the database's own properties come back as they were, and what exists is left alone."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    properties,
    server,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    roles as cluster_globals,
)
from postgres_fixtures import GOLDEN, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory


@pytest.fixture(scope="module")
def pg(cluster: ClusterFactory) -> Iterator[Cluster]:
    made = cluster()
    made.create("golden properties; x")
    made.script(GOLDEN, "golden properties; x")
    made.execute("CREATE ROLE rotated LOGIN PASSWORD 'first' VALID UNTIL '2030-01-01'")
    made.execute("GRANT pg_read_all_data TO golden_reader")
    yield made
    made.drop("golden properties; x")
    made.execute("DROP ROLE rotated; REVOKE pg_read_all_data FROM golden_reader")


@pytest.fixture
def empty(pg: Cluster) -> Iterator[Cluster]:
    made = start_cluster(bin_dir=pg.bin)
    yield made
    stop_cluster(made)


def read_globals(pg: Cluster) -> dict[str, t.Any]:
    with contextlib.closing(pg.connect()) as session:
        return cluster_globals.read(session)


def read_properties(pg: Cluster, name: str) -> dict[str, t.Any]:
    with contextlib.closing(pg.connect(name)) as session:
        return properties.read(session)


def test_globals_and_properties_survive_a_move_to_an_empty_server(pg: Cluster, empty: Cluster) -> None:
    recorded = read_globals(pg)
    empty.execute("CREATE ROLE rotated NOLOGIN PASSWORD 'second'")
    kept = [role for role in read_globals(empty)["roles"] if role["name"] in {"rotated", "postgres"}]
    with contextlib.closing(empty.connect()) as session:
        statements = cluster_globals.missing(session, recorded)
        for statement in statements:
            session.execute(statement)
        assert cluster_globals.missing(session, recorded) == []
        assert cluster_globals.missing_tablespaces(session, recorded) == []
    assert not [statement for statement in statements if "rotated" in statement]
    after = read_globals(empty)
    assert [role for role in after["roles"] if role["name"] in {"rotated", "postgres"}] == kept
    untouched = {"rotated", "postgres"}
    assert [role for role in after["roles"] if role["name"] not in untouched] == [
        role for role in recorded["roles"] if role["name"] not in untouched
    ]
    assert after["memberships"] == recorded["memberships"]

    source = read_properties(pg, "golden properties; x")
    target = 'copy\'; --\n"x"'
    for when in ("create", "final"):
        for statement in properties.statements(source, target, t.cast("t.Literal['create', 'final']", when)):
            empty.execute(statement)
        if when == "create":
            assert not read_properties(empty, target)["settings"]
            assert empty.execute("SELECT has_database_privilege('golden_reader', $$" + target + "$$, 'CONNECT')") == [
                (False,)
            ]
    assert {**read_properties(empty, target), "name": ""} == {**source, "name": ""}
    assert source["settings"] == ["work_mem=5MB", 'search_path="$user", public, "odd, schema"', "golden.tenant=a=b'c"]
    assert set(source["role_settings"]) == {"golden_reader", "golden owner"}


def test_scratch_roles_cannot_log_in(pg: Cluster, empty: Cluster) -> None:
    recorded = read_globals(pg)
    with contextlib.closing(empty.connect()) as session:
        for statement in cluster_globals.missing(session, recorded, login=False, passwords=False):
            session.execute(statement)
    made = [role for role in read_globals(empty)["roles"] if role["name"] != "postgres"]
    assert {role["name"] for role in made} == {role["name"] for role in recorded["roles"]} - {"postgres"}
    assert not any(role["login"] or role["password"] for role in made)


def test_membership_of_roles_that_exist_is_not_given_back(pg: Cluster) -> None:
    recorded = read_globals(pg)
    pg.execute('REVOKE golden_reader FROM "golden owner"')
    try:
        with contextlib.closing(pg.connect()) as session:
            assert cluster_globals.missing(session, recorded) == []
    finally:
        pg.execute('GRANT golden_reader TO "golden owner" WITH ADMIN OPTION')


def test_roles_that_are_not_on_the_target_are_left_out(pg: Cluster) -> None:
    source = read_properties(pg, "golden properties; x")
    statements = properties.statements(source, "copy", "final", roles={"postgres"})
    assert not [
        statement
        for statement in statements
        if "golden" in statement and "golden one" not in statement and 'golden"."tenant' not in statement
    ]


def test_text_of_the_globals_is_for_people(pg: Cluster) -> None:
    programs = server.programs(1, directory=pg.bin)
    text = cluster_globals.text(programs, pg.login, "golden properties; x", passwords=False, environ=pg.environ)
    assert 'CREATE ROLE "golden owner"' in text
    assert "SCRAM" not in text
    assert "SCRAM" in cluster_globals.text(
        programs, pg.login, "golden properties; x", passwords=True, environ=pg.environ
    )

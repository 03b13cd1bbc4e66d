# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What PostgreSQL's own dump and restore bring back, ours bring back too; what anybody else changed is found."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.errors import ProofMismatch
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.proving import validation
from corpus import oracle
from faults import ground

if t.TYPE_CHECKING:
    from fixtures_postgres import ClusterFactory, DatabaseFactory

ODD = Path(__file__).resolve().parents[2] / "data" / "corpus"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("expressions", ["function app.f1()", "function app.f6()", "policy po on app.t", "view app.v8"]),
        (
            "relations",
            ['table "app"."by_mood": its rows lie in other partitions', "lacks its parent's NOT NULL: app.child.a"],
        ),
        (
            "losses",
            [
                "built-in operator families: function 1 (integer, pg_catalog.text) of pg_catalog.integer_ops",
                "in the system's schemas: function pg_catalog.mine(integer)",
                "indexes that are not valid: app.dup_a",
                "comments on what is inherited, invalid, or on a table of an extension: index app.dup_a",
            ],
        ),
    ],
)
def test_an_odd_database_comes_back_as_postgresql_brings_it_back(
    cluster: ClusterFactory, database: DatabaseFactory, name: str, told: list[str]
) -> None:
    source = database()
    cluster().script(ODD / f"{name}.sql", source)
    verdict = oracle.judge(cluster(), source)
    assert (verdict.theirs, verdict.wrong) == ("", [])
    for what in told:
        assert any(what in note for note in verdict.notes), verdict.notes


def test_a_database_restored_by_hand_is_told_from_one_that_somebody_changed(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, scratch_directory: Path
) -> None:
    server, source = cluster(), database()
    server.script(ODD / "expressions.sql", source)
    place = ground.make(server, source, tmp_path)
    place.back_up()
    copy = database()
    archive = server.program("pg_dump", "-Fc", database=source)
    server.program("pg_restore", "--dbname=", database=copy, stdin=archive)
    request = validation.ValidateRequest(
        place.settings,
        ground.CLUSTER,
        source,
        login=server.login,
        target_db=copy,
        scratch_user=oracle.SCRATCH_USER,
        scratch_dir=str(scratch_directory),
    )
    assert any("function app.f1()" in note for note in validation.validate(request, place.world()).warnings)
    server.execute("CREATE OR REPLACE FUNCTION app.f1() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'y'; END", copy)
    server.execute("ALTER POLICY po ON app.t USING (true)", copy)
    server.execute("ALTER FUNCTION app.f9() OWNER TO pg_database_owner", copy)
    with pytest.raises(ProofMismatch) as caught:
        validation.validate(request, place.world())
    named = [line.split(":")[0] for line in caught.value.details["validation"]["differences"]]
    assert named == ["function app.f1()", "function app.f9()", "policy po on app.t"]

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What PostgreSQL's own dump and restore bring back, ours bring back too; what anybody else changed is found."""

from __future__ import annotations

import typing as t
from pathlib import Path

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    catalogue_objects,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import ProofMismatch
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from corpus import oracle
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from postgres_fixtures import ClusterFactory, DatabaseFactory

ODD = Path(__file__).resolve().parents[2] / "data" / "corpus"


TOLD = (
    "pg_dump omits additions to built-in operator families: function 1 (integer, pg_catalog.text) of",
    "pg_dump omits objects in system schemas: function pg_catalog.mine(integer)",
    "pg_dump omits invalid indexes: losses.dup_a",
    "pg_dump omits comments on objects that are inherited, invalid, or on a table of an extension: index losses.dup_a",
    'table "relations"."by_mood": its rows are in other partitions, and all are there',
    "function expressions.f1(), function expressions.f12(), ",
)

LACKING = "pg_dump omits that a child lacks its parent's NOT NULL: losses.chi.a, relations.child.a"
OLD = "SELECT current_setting('server_version_num')::int < 180000"

CHANGES = {
    "ALTER DOMAIN constraints.later VALIDATE CONSTRAINT above": "domain constraint above on constraints.later",
    "ALTER TABLE columns.plain ALTER b SET STATISTICS 7": "table column columns.plain.b",
}
FROM_18 = {
    "ALTER TABLE constraints.named ALTER CONSTRAINT own INHERIT": "table column constraints.named.b",
    "DELETE FROM constraints.named WHERE d IS NULL; ALTER TABLE constraints.named VALIDATE CONSTRAINT not_yet": (
        "table column constraints.named.d"
    ),
    "ALTER TABLE constraints.no_longer ALTER CONSTRAINT no_longer ENFORCED": (
        "table constraint no_longer on constraints.no_longer"
    ),
    "ALTER PUBLICATION columns_stored SET (publish_generated_columns = none)": "publication columns_stored",
}


def test_odd_databases_come_back_as_postgresql_brings_them_back(
    cluster: ClusterFactory, database: DatabaseFactory
) -> None:
    source = database()
    for file in sorted(ODD.glob("*.sql")):
        cluster().script(file, source)
    verdict = oracle.judge(cluster(), source)
    assert (verdict.theirs, verdict.wrong) == ("", [])
    missing = [what for what in TOLD if not any(what in note for note in verdict.notes)]
    assert missing == [], verdict.notes
    # What a parent keeps to itself no child lacks.
    lacking = [LACKING in note for note in verdict.notes if "lacks its parent's NOT NULL" in note]
    assert lacking == ([True] if cluster().execute(OLD)[0][0] else []), verdict.notes


def test_a_database_restored_by_hand_is_told_from_one_that_somebody_changed(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, scratch_directory: Path
) -> None:
    server, source = cluster(), database()
    server.script(ODD / "expressions.sql", source)
    place = fault_fixtures.make(server, source, tmp_path)
    place.back_up()
    copy = database()
    archive = server.program("pg_dump", "-Fc", database=source)
    server.program("pg_restore", "--dbname=", database=copy, stdin=archive)
    request = asked.validation(
        place.settings,
        fault_fixtures.CLUSTER,
        source,
        login=server.login,
        target_db=copy,
        scratch_dir=str(scratch_directory),
    )
    assert any("function expressions.f1()" in note for note in validation.validate(request, place.world()).warnings)
    server.execute(
        "CREATE OR REPLACE FUNCTION expressions.f1() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'y'; END", copy
    )
    server.execute("ALTER POLICY po ON expressions.t USING (true)", copy)
    server.execute("ALTER FUNCTION expressions.f9() OWNER TO pg_database_owner", copy)
    with pytest.raises(ProofMismatch) as caught:
        validation.validate(request, place.world())
    named = [line.split(":")[0] for line in caught.value.details["validation"]["differences"]]
    assert named == ["function expressions.f1()", "function expressions.f9()", "policy po on expressions.t"]


def test_what_a_constraint_or_a_publication_says_of_itself_is_in_the_proof(
    cluster: ClusterFactory, database: DatabaseFactory
) -> None:
    server, name = cluster(), database()
    for file in ("constraints.sql", "columns.sql"):
        server.script(ODD / file, name)
    changes = CHANGES if server.execute(OLD)[0][0] else {**CHANGES, **FROM_18}
    for statement, identity in changes.items():
        with server.connect(name) as session:
            before = catalogue_objects.describe(session)
            session.execute(statement)
            after = catalogue_objects.describe(session)
        assert before[identity] != after[identity], statement

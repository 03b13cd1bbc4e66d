# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What a backup's role may not read is found before the dump, with the grant that helps."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    dump,
    grants,
    members,
    proof,
    server,
    snapshot,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import process
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    DatabaseError,
    ProcessFailed,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory


@pytest.fixture
def pg(cluster: ClusterFactory) -> Cluster:
    return cluster()


@pytest.fixture
def role(pg: Cluster) -> Iterator[str]:
    name = f"dumper {secrets.token_hex(4)}"
    pg.execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    for (database,) in pg.execute("SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"):
        pg.execute(f'DROP OWNED BY "{name}"', database)
    pg.execute(f'DROP ROLE "{name}"')


SECRETS = """
CREATE TABLE public.closed (a integer);
CREATE TABLE public.filtered (a integer);
INSERT INTO public.filtered VALUES (1), (2);
ALTER TABLE public.filtered ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON public.filtered USING (a = 1);
SELECT lo_from_bytea(4711, 'secret');
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'x');
"""


def found(pg: Cluster, role: str, database: str) -> dict[str, grants.Finding]:
    with contextlib.closing(connection.connect(pg.as_role(role), database)) as session:
        return {finding.code: finding for finding in grants.preflight(session)}


def dump_all(pg: Cluster, role: str, database: str) -> list[str]:
    warnings: list[str] = []
    programs = server.programs(1, directory=pg.bin)
    with snapshot.hold(pg.as_role(role), database, sleep=lambda _seconds: None) as held:
        for member in members.plan(held.tables):
            argv, env = dump.command(programs, member, held, pg.as_role(role), database, environ=pg.environ)
            with process.Producer(argv, env=env) as child:
                for _block in child:
                    pass
                warnings += dump.unaccepted_warnings(child.stderr)
        proof.take(pg.as_role(role), database, held.snapshot_id, "content", held.tables)
    return warnings


def test_role_without_rights_is_told_every_grant_and_they_suffice(
    pg: Cluster, database: DatabaseFactory, role: str
) -> None:
    name = database(sql=SECRETS)
    findings = found(pg, role, name)
    assert {code for code, finding in findings.items() if finding.severity == "error"} == {
        "unreadable_tables",
        "row_security",
        "unreadable_large_objects",
    }
    assert {code for code, finding in findings.items() if finding.severity == "warning"} == {
        "user_mappings",
        "role_passwords",
    }
    with pytest.raises(DatabaseError, match=r"\(and 2 more\)") as caught:
        grants.require(findings.values())
    assert len(t.cast("list[object]", caught.value.details["findings"])) == 3

    assert "pg_read_all_data" in findings["unreadable_tables"].remedy
    pg.execute(f'GRANT pg_read_all_data TO "{role}"')
    assert "unreadable_tables" not in found(pg, role, name)
    assert "BYPASSRLS" in findings["row_security"].remedy
    pg.execute(f'ALTER ROLE "{role}" BYPASSRLS')
    assert "row_security" not in found(pg, role, name)
    with pytest.raises(ProcessFailed) as failed:
        dump_all(pg, role, name)
    assert "large object" in str(dump.explain(failed.value, name))
    assert f'GRANT SELECT ON LARGE OBJECT 4711 TO "{role}"' in findings["unreadable_large_objects"].remedy
    pg.execute(f'GRANT SELECT ON LARGE OBJECT 4711 TO "{role}"', name)

    left = found(pg, role, name)
    assert set(left) == {"user_mappings"}
    assert [finding.code for finding in grants.require(left.values())] == ["user_mappings"]
    assert dump_all(pg, role, name) == []


def test_lo_compat_privileges_is_the_other_way(pg: Cluster, database: DatabaseFactory, role: str) -> None:
    name = database(sql="SELECT lo_from_bytea(4712, 'secret')")
    assert set(found(pg, role, name)) == {"unreadable_large_objects", "role_passwords"}
    pg.execute(f'ALTER ROLE "{role}" SET lo_compat_privileges = on')
    assert set(found(pg, role, name)) == {"role_passwords"}
    assert dump_all(pg, role, name) == []


def test_owner_of_everything_needs_no_further_grant(pg: Cluster, database: DatabaseFactory, role: str) -> None:
    name = database()
    pg.execute(f'ALTER DATABASE "{name}" OWNER TO "{role}"; ALTER SCHEMA public OWNER TO "{role}"', name)
    with contextlib.closing(connection.connect(pg.as_role(role), name)) as session:
        session.execute("CREATE TABLE public.mine (a integer)")
        session.execute("ALTER TABLE public.mine ENABLE ROW LEVEL SECURITY")
    assert set(found(pg, role, name)) == {"role_passwords"}
    pg.execute("ALTER TABLE public.mine FORCE ROW LEVEL SECURITY", name)
    assert "row_security" in found(pg, role, name)
    pg.execute(f'REASSIGN OWNED BY "{role}" TO postgres', name)


def test_subscription_is_an_error_that_can_be_accepted(pg: Cluster, database: DatabaseFactory, role: str) -> None:
    name = database(
        sql="CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, enabled = false)"
    )
    try:
        pg.execute(f'GRANT pg_read_all_data TO "{role}"; ALTER ROLE "{role}" BYPASSRLS')
        findings = found(pg, role, name)
        assert set(findings) == {"subscriptions"}
        with pytest.raises(DatabaseError, match="subscriptions"):
            grants.require(findings.values())
        accepted = [r"subscriptions"]
        assert len(grants.require(findings.values(), accepted)) == 1
        warnings = dump_all(pg, role, name)
        assert warnings
        assert dump.unaccepted_warnings("\n".join(f"pg_dump: warning: {text}" for text in warnings), accepted) == []
    finally:
        pg.execute("ALTER SUBSCRIPTION sub SET (slot_name = NONE)", name)
        pg.execute("DROP SUBSCRIPTION sub", name)


def test_a_server_that_nobody_mends_any_more_is_a_warning(
    pg: Cluster, database: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = server.inspect
    with contextlib.closing(pg.connect(database())) as session:
        assert "unsupported_server" not in {finding.code for finding in grants.preflight(session)}
        monkeypatch.setattr(
            grants, "inspect", lambda asked: dataclasses.replace(known(asked), version_num=140023, version="14.23")
        )
        findings = {finding.code: finding for finding in grants.preflight(session)}
    assert findings["unsupported_server"].severity == "warning"
    assert findings["unsupported_server"].cause.startswith("PostgreSQL 14.23 ")


def test_outdated_programs_are_a_warning(pg: Cluster, database: DatabaseFactory) -> None:
    old = server.Programs(pg.bin, 150018, "15.18")
    with contextlib.closing(pg.connect(database())) as session:
        findings = {finding.code: finding for finding in grants.preflight(session, old)}
    assert findings["outdated_programs"].severity == "warning"
    assert "15.20" in findings["outdated_programs"].remedy


def test_database_without_an_encoding_is_carried_byte_for_byte(pg: Cluster, database: DatabaseFactory) -> None:
    name = pg.create(
        f"bytes_{secrets.token_hex(4)}", "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    copy = pg.create(f"{name}_copy", "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        pg.program(
            "psql",
            "-Xqc",
            b'CREATE TABLE public."caf\xe9 \xff" AS SELECT \'na\xefve\' AS "\xe9"',
            database=name,
        )
        programs = server.programs(1, directory=pg.bin)
        with snapshot.hold(pg.login, name, sleep=lambda _seconds: None) as held:
            plan = members.plan(held.tables, threshold=1)
            assert [member.role for member in plan] == ["schema", "table", "rest"]
            taken = proof.take(pg.login, name, held.snapshot_id, "content", held.tables)
            streams = [
                process.run(argv, env=env)
                for argv, env in (
                    dump.command(programs, member, held, pg.login, name, environ=pg.environ) for member in plan
                )
            ]
        for stream in streams:
            pg.program("pg_restore", "--exit-on-error", "--dbname=", database=copy, stdin=stream)
        assert proof.compare(taken, proof.take(pg.login, copy, None, "content", like=taken)) == []
        assert taken["tables"][0]["rows"] == 1
    finally:
        pg.drop(name)
        pg.drop(copy)

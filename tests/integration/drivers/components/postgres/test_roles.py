# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On a bare server a restore makes the roles that the database needs, and no ruler of the server."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

import psycopg
import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.role_choice import (
    Wish,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors

MADE = ("app_owner", "app", "boss", "stranger", "auditor")
ROLES = """
CREATE ROLE app_owner NOLOGIN;
CREATE ROLE app LOGIN PASSWORD 'apple' CREATEDB BYPASSRLS IN ROLE app_owner, pg_read_all_data;
CREATE ROLE boss LOGIN SUPERUSER CREATEROLE REPLICATION PASSWORD 'bossy';
CREATE ROLE stranger LOGIN SUPERUSER PASSWORD 'strange';
CREATE ROLE dba SUPERUSER;
CREATE ROLE auditor LOGIN;
GRANT dba TO app;
"""
TABLES = """
SET search_path = public;
CREATE TABLE orders (id int); ALTER TABLE orders OWNER TO app_owner;
CREATE TABLE bills (id int); ALTER TABLE bills OWNER TO boss;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON orders TO auditor USING (true);
"""


@pytest.fixture
def bare(restorer, database) -> t.Iterator[t.Any]:
    """A backup of a database, on a server that lacks all its roles but for the superuser dba."""
    restorer.sql(ROLES)
    source = database(sql=TABLES)
    backup = restore_fakes.back_up(restorer.cluster, source)
    restorer.cluster.drop(source)
    drop(restorer)
    yield backup
    for name in restorer.databases():
        if name.startswith("roles_"):
            restorer.cluster.drop(name)
    drop(restorer)
    restorer.sql("DROP ROLE dba")


def drop(restorer: t.Any) -> None:
    for role in MADE:
        restorer.sql(f"DROP ROLE IF EXISTS {role}")


def there(restorer: t.Any) -> dict[str, tuple[bool, ...]]:
    query = (
        "SELECT rolname::text, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls "
        "FROM pg_roles WHERE rolname = ANY (%s)"
    )
    with contextlib.closing(restorer.cluster.connect()) as session:
        return {name: tuple(powers) for name, *powers in session.execute(query, [list(MADE)]).fetchall()}


def test_only_needed_roles_are_made_and_none_rules_the_server(restorer, bare):
    plan = restorer.restore(bare, "shop", target_db="roles_back", dry_run=True)
    assert "  create role app\n" in plan.after
    assert "roles that the database does not need are not created: stranger" in plan.after
    assert "boss is created without SUPERUSER" in plan.after
    assert there(restorer) == {}
    outcome = restorer.restore(bare, "shop", target_db="roles_back")
    assert outcome.facts["restore"]["roles"] == plan.facts["restore"]["roles"]
    assert there(restorer) == {
        "app_owner": (False,) + (False,) * 5,
        "app": (True,) + (False,) * 5,
        "boss": (True,) + (False,) * 5,
        "auditor": (True,) + (False,) * 5,
    }
    assert outcome.facts["restore"]["roles"]["left_out"] == ["stranger"]
    assert any("app is created without membership in pg_read_all_data" in warning for warning in outcome.warnings)
    assert any("app is created without membership in dba" in warning for warning in outcome.warnings)
    assert restorer.sql("SELECT pg_has_role('app', 'app_owner', 'MEMBER')") == [(True,)]
    assert restorer.sql("SELECT pg_has_role('app', 'dba', 'MEMBER')") == [(False,)]


def test_the_application_logs_in_with_its_password_and_works(restorer, bare):
    restorer.restore(bare, "shop", target_db="roles_back")
    login = dataclasses.replace(restorer.cluster.tcp, user="app", password="apple")
    where = f"host={login.host} port={login.port} user=app password=apple dbname=roles_back"
    with psycopg.connect(where) as session:
        session.execute("INSERT INTO public.orders VALUES (1)")
        assert session.execute("SELECT count(*) FROM public.orders").fetchone() == (1,)


def test_what_the_restorer_declares_is_given_and_nothing_more(restorer, bare):
    wish = Wish("all", ("createdb", "pg_read_all_data"))
    outcome = restorer.restore(bare, "shop", target_db="roles_back", roles=wish)
    found = there(restorer)
    assert found["stranger"] == (True,) + (False,) * 5
    assert found["app"] == (True, False, False, True, False, False)
    assert restorer.sql("SELECT pg_has_role('app', 'pg_read_all_data', 'MEMBER')") == [(True,)]
    assert outcome.facts["restore"]["roles"]["left_out"] == []


def test_superusers_come_back_as_such_only_by_name(restorer, bare):
    restorer.restore(bare, "shop", target_db="roles_back", roles=Wish("needed", ("superuser",)))
    assert there(restorer)["boss"] == (True, True, True, False, True, False)
    assert "stranger" not in there(restorer)


def test_without_roles_a_restore_is_refused_where_one_is_needed(restorer, bare):
    with pytest.raises(errors.DatabaseError, match="needs the roles app, app_owner, auditor, boss"):
        restorer.restore(bare, "shop", target_db="roles_back", roles=Wish("none"))
    for wish in (Wish("some"), Wish("needed", ("root",))):
        with pytest.raises(errors.UsageError):
            restorer.restore(bare, "shop", target_db="roles_back", roles=wish)
    assert "roles_back" not in restorer.databases()


def test_a_record_that_does_not_tell_what_is_needed_brings_all_and_no_power(restorer, bare):
    recorded = {key: value for key, value in bare.roles.items() if key != "needed"}
    restorer.restore(dataclasses.replace(bare, roles=recorded), "shop", target_db="roles_back")
    assert there(restorer)["stranger"] == (True,) + (False,) * 5


def test_what_only_a_superuser_can_own_is_told_before_anything_is_touched(restorer, database):
    restorer.sql("CREATE ROLE boss SUPERUSER")
    source = database(
        sql="CREATE FUNCTION public.seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.seen();"
        "ALTER EVENT TRIGGER watch OWNER TO boss"
    )
    backup = restore_fakes.back_up(restorer.cluster, source)
    restorer.cluster.drop(source)
    restorer.sql("DROP ROLE boss")
    try:
        with pytest.raises(errors.DatabaseError, match=r"EVENT TRIGGER - watch belongs to the role boss.*superuser"):
            restorer.restore(backup, "shop", target_db="roles_back")
        assert "roles_back" not in restorer.databases()
        assert there(restorer) == {}
        restorer.restore(backup, "shop", target_db="roles_back", roles=Wish(privileges=("superuser",)))
        owners = "SELECT evtowner::regrole::text FROM pg_event_trigger"
        assert restorer.sql(owners, "roles_back") == [("boss",)]
    finally:
        restorer.cluster.drop("roles_back")
        restorer.sql("DROP ROLE IF EXISTS boss")

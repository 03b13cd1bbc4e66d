# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of roles and databases have no encoding: whatever their bytes, they come back, and hold up nobody else."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import tempfile
import typing as t

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import roles
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.encodings import (
    raw_names,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.databases.discovery import (
    DiscoveryRequest,
    find_databases,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore import restore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from faults import fault_fixtures

NAME = b"m\xfcller"
GROUP = "größe".encode()
SQL = (
    b"CREATE ROLE " + NAME + b" LOGIN PASSWORD 'x';"
    b'CREATE ROLE "' + GROUP + b'";'
    b'GRANT "' + GROUP + b'" TO ' + NAME + b";"
    b"COMMENT ON ROLE " + NAME + b" IS 'f\xfcr alle';"
    b"ALTER ROLE " + NAME + b" SET application_name = 'a'"
)


def raw(server: t.Any, database: str, *statements: bytes) -> None:
    """Run statements whose bytes nobody converts."""
    with contextlib.closing(server.connect(database)) as session, raw_names(session):
        for statement in statements:
            session.execute(statement)


def clean(server: t.Any, *databases: str, session: str = "postgres") -> None:
    for name in databases:
        server.drop(name)
    raw(server, session, b"DROP ROLE IF EXISTS " + NAME, b'DROP ROLE IF EXISTS "' + GROUP + b'"')


@pytest.fixture
def scratch() -> t.Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="lb-", dir="/tmp") as place:
        os.chmod(place, 0o711)
        yield place


def globals_of(server: t.Any) -> list[bytes]:
    """What PostgreSQL's own program says about the roles."""
    return strip(server.program("pg_dumpall", "--globals-only", "--no-tablespaces"))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_role_whose_name_is_not_utf_8_comes_back_byte_for_byte(cluster, tmp_path, scratch, encoding):
    server = cluster(encoding)
    clean(server, "named")
    server.create("named")
    raw(server, "postgres", *SQL.split(b";"))
    raw(
        server,
        "named",
        b"CREATE TABLE public.t (id int)",
        b"INSERT INTO public.t VALUES (1)",
        b"ALTER TABLE public.t OWNER TO " + NAME,
        b'GRANT SELECT ON public.t TO "' + GROUP + b'"',
        b"ALTER DATABASE named OWNER TO " + NAME,
        b"ALTER ROLE " + NAME + b" IN DATABASE named SET work_mem = '5MB'",
        b"COMMENT ON DATABASE named IS 'f\xfcr \xfcns'",
    )
    before = globals_of(server)
    schema = server.program("pg_dump", "--create", "--schema-only", database="named")
    assert NAME in b"".join(before)
    assert b"f\xfcr \xfcns" in schema
    place = fault_fixtures.make(server, "named", tmp_path)
    try:
        place.back_up()
        proved = validation.validate(
            asked.validation(repository=place.settings, cluster="main", database="named", scratch_dir=scratch),
            place.world(),
        )
        assert proved.facts["validation"]["passed"]
        clean(server, "named")
        assert NAME not in b"".join(globals_of(server))
        done = restore.restore(asked.restore(place.settings, server.login, "main", "named", "db1"), place.world())
        assert [name.encode("utf-8", "surrogateescape") for name in done.facts["restore"]["roles"]["created"]] == [
            GROUP,
            NAME,
        ]
        assert globals_of(server) == before
        assert strip(server.program("pg_dump", "--create", "--schema-only", database="named")) == strip(schema)
    finally:
        clean(server, "named")


def strip(text: bytes) -> list[bytes]:
    """Leave out the lines that differ in every dump."""
    return [line for line in text.splitlines() if not line.startswith((b"\\restrict", b"\\unrestrict"))]


def test_a_name_of_another_encoding_holds_up_no_other_database(cluster, database, tmp_path):
    server = cluster()
    latin = database(name="latin_one")
    server.drop(latin)
    server.create(latin, "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    plain = database(sql="CREATE TABLE public.t (id int)", name="plain_utf8")
    raw(server, latin, *SQL.split(b";"), b"CREATE DATABASE k\xf6ln", b"COMMENT ON DATABASE k\xf6ln IS 'f\xfcr'")
    raw(server, latin, b"CREATE TABLE public.t (id int)", b"ALTER TABLE public.t OWNER TO " + NAME)
    try:
        found = find_databases(DiscoveryRequest(server.login, state_dir=str(tmp_path)), world())
        assert {"latin_one", "plain_utf8"} <= set(found.facts["names"])
        assert any("k\\udcf6ln is NOT backed up" in warning for warning in found.warnings)
        for name in (plain, latin):
            home = tmp_path / name
            home.mkdir()
            place = fault_fixtures.make(server, name, home)
            place.back_up()
            request = asked.restore(
                place.settings, server.login, "main", name, "db1", confirm=f"{name}@db1", force_disconnect=True
            )
            restore.restore(request, place.world())
        owner = "SELECT tableowner = convert_from('\\x6dfc6c6c6572', 'LATIN1') FROM pg_tables WHERE tablename = 't'"
        assert server.execute(owner, latin) == [(True,)]
        raw(server, latin, b"ALTER DATABASE latin_one OWNER TO " + NAME)
        named = place.back_up()
        elsewhere = dataclasses.replace(request.target, target_db="elsewhere")
        with pytest.raises(errors.DatabaseError, match="cannot be named from the database postgres"):
            restore.restore(dataclasses.replace(request, target=elsewhere, backup=named), place.world())
        assert server.execute("SELECT count(*) FROM pg_database WHERE datname = 'elsewhere'") == [(0,)]
        with contextlib.closing(server.connect(plain)) as session:
            recorded = roles.read(session)
        assert NAME in {role["name"].encode("utf-8", "surrogateescape") for role in recorded["roles"]}
        assert NAME.decode("utf-8", "surrogateescape") not in recorded["needed"]
    finally:
        raw(server, latin, b"ALTER DATABASE latin_one OWNER TO postgres", b"DROP TABLE public.t")
        raw(server, latin, b"DROP DATABASE k\xf6ln")
        for name in server.execute("SELECT datname::text FROM pg_database WHERE strpos(datname::text, '_before_') > 0"):
            server.drop(name[0])
        clean(server, session=latin)


def world() -> World:
    return World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=lambda _seconds: None, environ={})

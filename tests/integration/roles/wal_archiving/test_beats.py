# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The heartbeat that playbook archiving makes: its writer can beat and no more, and nobody leads it astray."""

from __future__ import annotations

import typing as t

import heartbeat_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import heartbeat
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    connect,
    rows,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from archiving_fixtures import USER, changed, follower

if t.TYPE_CHECKING:
    from archiving_fixtures import Archiving

DENIED = "42501"
SCHEMA = "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = 'lifeboat'"
# What a database's owner can lead sessions to: an operator that runs before the one that is meant.
TRAP = """
CREATE SCHEMA evil AUTHORIZATION mallory;
CREATE TABLE evil.seen (who text);
GRANT ALL ON evil.seen TO PUBLIC;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SET ROLE mallory;
CREATE FUNCTION evil.same(name, text) RETURNS boolean LANGUAGE sql AS
  $$ INSERT INTO evil.seen VALUES (current_user); SELECT $1::text OPERATOR(pg_catalog.=) $2 $$;
CREATE FUNCTION evil.older(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS
  $$ INSERT INTO evil.seen VALUES (current_user); SELECT true $$;
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.same);
CREATE OPERATOR evil.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.older);
ALTER DATABASE postgres SET search_path = evil, pg_catalog;
ALTER DATABASE postgres SET role = mallory;
"""


def refused(archiving: Archiving, role: str, statement: str) -> str:
    """Require that a role may not run a statement, and return the state that says why."""
    with pytest.raises(DatabaseError) as caught:
        rows(connect(archiving.server.as_role(role), "postgres"), statement)
    return str(caught.value.details["sqlstate"])


def test_whoever_may_beat_can_do_nothing_else(archiving: Archiving) -> None:
    archiving.server.execute("CREATE ROLE stranger LOGIN; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO stranger")
    archiving.server.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO stranger")
    said = archiving.play()
    assert "No job of db1 writes its heartbeat. Run playbook lifeboat.recovery.install" in said
    assert archiving.server.execute(SCHEMA) == [("postgres",)]
    assert archiving.server.execute("SELECT count(*) FROM lifeboat.heartbeat") == [(1,)]

    made = heartbeat.beat(archiving.server.as_role(USER))
    assert made == heartbeat.newest(archiving.server.as_role(USER))
    for statement in (
        "INSERT INTO lifeboat.heartbeat VALUES (clock_timestamp(), '0/1')",
        "UPDATE lifeboat.heartbeat SET lsn = '0/1' RETURNING 1",
        "DELETE FROM lifeboat.heartbeat RETURNING 1",
        "CREATE TABLE lifeboat.own ()",
        "CREATE TRIGGER own AFTER INSERT ON lifeboat.heartbeat EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ):
        assert refused(archiving, USER, statement) == DENIED
        assert refused(archiving, "stranger", statement) == DENIED
    assert refused(archiving, "stranger", "SELECT lifeboat.beat()") == DENIED
    with pytest.raises(DatabaseError, match="The role stranger has no heartbeat that it can write"):
        heartbeat.beat(archiving.server.as_role("stranger"))
    assert heartbeat.newest(archiving.server.as_role("stranger")) is None


@pytest.mark.long
def test_it_is_made_anew_and_goes_as_it_is_said(archiving: Archiving) -> None:
    archiving.server.execute("CREATE ROLE stranger LOGIN")
    archiving.play()
    # What somebody granted since goes; what is a day old goes with each beat.
    archiving.server.execute("GRANT ALL ON lifeboat.heartbeat TO stranger; GRANT USAGE ON SCHEMA lifeboat TO PUBLIC")
    archiving.server.execute("UPDATE lifeboat.heartbeat SET at = at - interval '2 days'")
    assert changed(archiving.play()) == 1
    assert refused(archiving, "stranger", "SELECT * FROM lifeboat.heartbeat") == DENIED
    assert archiving.server.execute("SELECT count(*) FROM lifeboat.heartbeat") == [(1,)]
    assert changed(archiving.play()) == 0

    assert changed(archiving.play("--check", lifeboat_heartbeat=0)) == 1
    assert archiving.server.execute(SCHEMA) == [("postgres",)]
    archiving.play(lifeboat_heartbeat=0)
    assert archiving.server.execute(SCHEMA) == []
    assert changed(archiving.play(lifeboat_heartbeat=0)) == 0
    archiving.play()
    archiving.play(lifeboat_wal=False)
    assert archiving.server.execute(SCHEMA) == []


def test_the_owner_of_the_database_gets_nobody_to_run_his_code(archiving: Archiving) -> None:
    archiving.server.execute("CREATE ROLE mallory LOGIN; ALTER DATABASE postgres OWNER TO mallory")
    archiving.server.execute(TRAP)
    mine = "SET ROLE mallory; CREATE SCHEMA lifeboat; COMMENT ON SCHEMA lifeboat IS 'lifeboat.recovery: the heartbeat'"
    archiving.server.execute(mine)
    archiving.server.execute(
        "SET ROLE mallory; CREATE TABLE lifeboat.heartbeat (at timestamptz, lsn pg_lsn); "
        "CREATE FUNCTION lifeboat.beat() RETURNS SETOF lifeboat.heartbeat LANGUAGE sql AS "
        "$$ INSERT INTO evil.seen VALUES (current_user) RETURNING now(), '0/1'::pg_lsn $$; "
        "GRANT ALL ON SCHEMA lifeboat TO PUBLIC; GRANT ALL ON lifeboat.heartbeat TO PUBLIC"
    )
    said = archiving.play(status=2)
    assert "Database postgres of db1 has a schema lifeboat already, of mallory, which this collection did" in said
    assert archiving.setting("archive_command") == ""
    with pytest.raises(DatabaseError, match="has no heartbeat that it can write"):
        heartbeat.beat(archiving.server.as_role(USER))
    assert heartbeat.newest(archiving.server.login) is None

    archiving.server.execute("DROP SCHEMA lifeboat CASCADE")
    archiving.play()
    made = heartbeat.beat(archiving.server.as_role(USER))
    assert made == heartbeat.newest(archiving.server.login)
    assert archiving.server.execute(SCHEMA) == [("postgres",)]
    assert archiving.server.execute("SELECT * FROM evil.seen") == []
    # The trap is one: without care it runs.
    archiving.server.program("psql", "-c", "SELECT count(*) FROM pg_class WHERE relname = 'x'::text")
    assert archiving.server.execute("SELECT DISTINCT who FROM evil.seen") == [("mallory",)]


def test_a_standby_has_the_beats_of_its_primary_until_it_is_promoted(archiving: Archiving) -> None:
    heartbeat_fixtures.make(archiving.server)
    made = heartbeat_fixtures.beat(archiving.server)
    standby = follower(archiving)
    try:
        login = standby.server.as_role(heartbeat_fixtures.WRITER)
        assert heartbeat.beat(login) is None
        assert heartbeat.newest(login) == made
        standby.server.execute("SELECT pg_promote()")
        assert heartbeat.beat(login) == heartbeat.newest(login)
    finally:
        standby.remove()

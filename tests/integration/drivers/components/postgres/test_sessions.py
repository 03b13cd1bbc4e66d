# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is connected, as the role sees it that `install` makes: it may read all data, and looks at no other session."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    connection,
    grants,
    properties,
    staging_database,
    swap,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from postgres_fixtures import start_cluster, stop_cluster
from restoring import CONFIRM

ROLES = """
CREATE ROLE dumper LOGIN BYPASSRLS;
GRANT pg_read_all_data TO dumper;
CREATE ROLE app LOGIN;
"""


@pytest.fixture
def own() -> t.Iterator[t.Any]:
    """A small server with the roles of a backup and of an application."""
    made = start_cluster(settings={"shared_buffers": "'16MB'", "max_connections": "12"})
    try:
        made.execute(ROLES)
        yield made
    finally:
        stop_cluster(made)


@pytest.fixture
def own_restorer(own, restorer) -> t.Any:
    """Restore into that server, where the application uses `shop`."""
    own.create("shop")
    own.execute("CREATE TABLE public.live (x int); INSERT INTO public.live VALUES (1)", "shop")
    return type(restorer)(own, restorer.state_dir)


def as_app(own: t.Any, database: str = "shop") -> t.Any:
    return contextlib.closing(connection.connect(own.as_role("app"), database))


def test_a_database_in_use_is_refused_before_the_load(own, own_restorer, shop_backup):
    # Else hours pass, and the outage grows by a load that is thrown away.
    own.execute("ALTER ROLE dumper CREATEDB; ALTER DATABASE shop OWNER TO dumper")
    with as_app(own), pytest.raises(errors.Busy, match=r"in use: 1 of lifeboat \(app\)"):
        own_restorer.restore(shop_backup, "shop", confirm=CONFIRM, login=own.as_role("dumper"), force_disconnect=False)
    assert own_restorer.databases() == {"postgres", "template0", "template1", "shop"}


def test_check_mode_tells_how_many_are_connected(own, own_restorer, shop_backup):
    with as_app(own), as_app(own):
        planned = own_restorer.restore(shop_backup, "shop", dry_run=True, login=own.as_role("dumper"))
    assert any("2 sessions are connected to shop." in warning for warning in planned.warnings)


def test_others_sessions_and_the_reserved_ones_leave_no_room(own):
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(contextlib.closing(connection.connect(own.as_role("dumper"), "postgres")))
        assert grants.free_sessions(session)[0] > 0
        with contextlib.suppress(errors.DatabaseError):
            while True:
                stack.enter_context(as_app(own, "postgres"))
        assert grants.free_sessions(session) == (0, "the server (max_connections)")
        found = {finding.code: finding for finding in grants.preflight(session, sessions=1)}
    assert "limit of the server (max_connections) leaves only 0" in found["connection_limit"].cause


def test_others_sessions_count_towards_the_limit_of_the_database(own):
    own.create("shop")
    own.execute("ALTER DATABASE shop CONNECTION LIMIT 3")
    with as_app(own), contextlib.closing(connection.connect(own.as_role("dumper"), "shop")) as session:
        found = {finding.code: finding for finding in grants.preflight(session, sessions=2)}
    assert "limit of database shop leaves only 1" in found["connection_limit"].cause


def test_a_session_that_may_not_be_ended_keeps_none_of_the_others(own):
    own.create("shop", "TEMPLATE template0 OWNER app")
    own.create("fresh", "TEMPLATE template0 OWNER app")
    own.execute("ALTER ROLE app CREATEDB")
    with contextlib.ExitStack() as stack:
        superusers = [own.connect("shop")]
        stack.enter_context(as_app(own))
        superusers.append(own.connect("shop"))  # whichever the server names first
        leaving = threading.Timer(1, lambda: [session.close() for session in superusers])
        leaving.start()
        stack.callback(leaving.join)
        session = stack.enter_context(staging_database.manage(own.as_role("app")))
        with as_app(own, "fresh") as inside:
            recorded = properties.read(inside)
        swap.swap(session, restored="fresh", target="shop", kept="before", recorded=recorded, roles={"app"}, force=True)
    assert {name for (name,) in own.execute("SELECT datname::text FROM pg_database")} >= {"shop", "before"}

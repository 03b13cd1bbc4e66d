# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to a database, by roles that may do little, much and too much."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.checks.parsing import Limits, parse

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

ROLE = "smoke_checker"


@pytest.fixture(scope="module")
def server(cluster: ClusterFactory) -> Iterator[Cluster]:
    started = cluster()
    started.execute(f"CREATE ROLE {ROLE} LOGIN")
    yield started
    started.execute(f"DROP OWNED BY {ROLE}")
    started.execute(f"DROP ROLE {ROLE}")


@pytest.fixture
def shop(server: Cluster, database: DatabaseFactory) -> str:
    return database(
        sql=f"""
        CREATE TABLE public.orders (id serial PRIMARY KEY, note text,
            other integer REFERENCES public.orders DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO public.orders (note) VALUES ('first'), ('second');
        CREATE VIEW public.recent AS SELECT * FROM public.orders;
        GRANT SELECT, INSERT ON public.orders TO {ROLE};
        GRANT SELECT ON public.recent TO {ROLE};
        GRANT USAGE ON SEQUENCE public.orders_id_seq TO {ROLE};
        """
    )


class Asker:
    """Asks in one database."""

    def __init__(self, server: Cluster, database: str) -> None:
        self.server, self.database = server, database

    def __call__(self, kind: str, query: str, *, refused: bool = False, **keys: t.Any) -> str:
        login = {"login_unix_socket": self.server.directory, "login_port": self.server.port, "login_user": ROLE}
        entry = {"database": self.database, "query": query, **login, **keys}
        (check,) = parse([{kind: entry}], "checks", Limits(writes_refused=refused))
        return check.question.ask(10, {"PATH": os.environ["PATH"]})

    def count(self) -> int:
        return int(self.server.execute("SELECT count(*) FROM public.orders", self.database)[0][0])


@pytest.fixture
def asker(server: Cluster, shop: str) -> Asker:
    return Asker(server, shop)


def test_an_answer_is_compared(asker: Asker) -> None:
    assert asker("sql", "SELECT count(*) FROM orders", expect=2) == ""
    assert asker("sql", "SELECT count(*) FROM recent", minimum=1) == ""
    assert asker("sql", "SELECT count(*) FROM orders", minimum=3) == "2"
    assert asker("sql", "SELECT note FROM orders ORDER BY id", expect=[["first"], ["second"]]) == ""
    assert asker("sql", "SELECT 7 % 4, '%s'", expect=[[3, "%s"]]) == ""
    assert asker("sql", r"SELECT E'\x1b[2J'", expect="x") == r"\x1b[2J"


def test_a_query_writes_nothing(asker: Asker) -> None:
    assert asker("sql", "INSERT INTO orders (note) VALUES ('x') RETURNING 1", expect=1) != ""
    assert asker.count() == 2


def test_a_write_is_tried_and_rolled_back(asker: Asker) -> None:
    assert asker("write", "INSERT INTO orders (note) VALUES ('x')") == ""
    assert asker("write", "INSERT INTO orders (note) VALUES ('x') RETURNING note", expect="x") == ""
    assert asker("write", "INSERT INTO orders (note, other) VALUES ('x', -1)") != "", "a deferred constraint"
    assert asker.count() == 2


@pytest.mark.parametrize("kind", ["sql", "write"])
def test_a_second_statement_is_refused(asker: Asker, kind: str) -> None:
    keys = {"expect": 1} if kind == "sql" else {}
    assert asker(kind, "INSERT INTO orders (note) VALUES ('x'); COMMIT", **keys) != ""
    assert asker(kind, "COMMIT; INSERT INTO orders (note) VALUES ('x')", **keys) != ""
    assert asker.count() == 2


def test_a_read_only_database_refuses_writes_as_it_does_to_the_application(asker: Asker) -> None:
    insert = "INSERT INTO orders (note) VALUES ('x')"
    assert asker("write", insert, refused=True) == "the server took it"
    asker.server.execute(f'ALTER DATABASE "{asker.database}" SET default_transaction_read_only = on')
    assert asker("write", insert, refused=True) == ""
    assert asker("write", insert) != ""
    assert asker("write", "INSERT INTO nowhere VALUES (1)", refused=True) != "", "another error is no refusal"


@pytest.mark.parametrize(
    "power", ["SUPERUSER", "CREATEROLE", "IN ROLE pg_read_all_data", "IN ROLE pg_execute_server_program"]
)
def test_a_role_that_may_do_too_much_asks_nothing(asker: Asker, power: str) -> None:
    asker.server.execute(f"CREATE ROLE smoke_mighty LOGIN {power}")
    try:
        with pytest.raises(UsageError, match=r"Role 'smoke_mighty' (is a|may)"):
            asker("write", "INSERT INTO orders (note) VALUES ('x')", login_user="smoke_mighty")
    finally:
        asker.server.execute("DROP ROLE smoke_mighty")


def test_what_cannot_be_reached_is_told(asker: Asker) -> None:
    assert "does not exist" in asker("sql", "SELECT 1", expect=1, database="nowhere_at_all")
    assert asker("sql", "SELECT 1", expect=1, login_unix_socket="/nowhere").startswith("No PostgreSQL server listens")


def test_a_query_that_lasts_is_ended(asker: Asker) -> None:
    login = {"login_unix_socket": asker.server.directory, "login_port": asker.server.port, "login_user": ROLE}
    entry = {"database": asker.database, "query": "SELECT pg_sleep(30)", "expect": 1, **login}
    (check,) = parse([{"sql": entry}], "checks")
    assert check.question.ask(0.3, {"PATH": os.environ["PATH"]}) != ""

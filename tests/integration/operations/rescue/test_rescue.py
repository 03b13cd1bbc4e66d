# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rescue of rows from a backup: looked at, confirmed, done, and nothing left to do."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.trials import (
    ScratchTrial,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.lend.borrowing import Borrower
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.rescue.request import RescueRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.rescue.rescue import rescue_chain
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.restore.choice import Choice

if t.TYPE_CHECKING:
    from pathlib import Path

TABLES = ("public.customers", "public.orders")


class Rescuer:
    """Rescues rows of a shop from its backup in memory, by a role that owns nothing unless rights are lent."""

    def __init__(self, cluster: t.Any, database: str, backup: t.Any, place: Path) -> None:
        self.cluster, self.database, self.backup, self.place = cluster, database, backup, place
        self.lent = 0

    def run(self, *, dry_run: bool = False, tables: tuple[str, ...] = TABLES, **options: t.Any) -> t.Any:
        settings = t.cast("t.Any", type("Settings", (), {"application": "shop", "state_dir": None})())
        request = RescueRequest(
            repository=settings,
            cluster="main",
            database="shop",
            login=self.cluster.as_role("lifeboat_test"),
            tables=tables,
            target_db=self.database,
            trial=ScratchTrial(str(self.place)),
            **options,
        )
        request.check()
        world = restore_fakes.world(dry_run=dry_run, environ=self.cluster.environ)
        chosen = Choice((self.backup,), lambda _component, _backup: self.backup)
        return rescue_chain(request, world, chosen, t.cast("Borrower", _Lender(self)))

    def sql(self, statement: str) -> list[tuple[t.Any, ...]]:
        return t.cast("list[tuple[t.Any, ...]]", self.cluster.execute(statement, self.database))


class _Lender(Borrower):
    def __init__(self, rescuer: Rescuer) -> None:
        super().__init__()
        self._rescuer = rescuer

    @contextlib.contextmanager
    def rights(self) -> t.Iterator[bool]:
        self._rescuer.lent += 1
        self._rescuer.cluster.execute("ALTER ROLE lifeboat_test SUPERUSER")
        try:
            yield True
        finally:
            self._rescuer.cluster.execute("ALTER ROLE lifeboat_test NOSUPERUSER")


@pytest.fixture
def rescuer(cluster: t.Any, database: t.Any, shop_backup: t.Any, place: Path) -> t.Iterator[Rescuer]:
    server = cluster()
    server.execute("CREATE ROLE lifeboat_test LOGIN BYPASSRLS IN ROLE pg_read_all_data")
    made = Rescuer(server, database(sql=restore_fakes.SHOP), shop_backup, place)
    yield made
    server.execute("DROP ROLE lifeboat_test")


def test_rows_are_looked_at_confirmed_and_back(rescuer):
    rescuer.sql("DELETE FROM public.orders WHERE customer < 4; DELETE FROM public.customers WHERE id < 3")
    rescuer.sql("UPDATE public.customers SET email = 'hidden@x' WHERE id = 7")
    seen = rescuer.run(dry_run=True)
    assert seen.changed
    assert seen.facts["summary"].startswith("7 rows would be put back, 1 row would be changed back, as in backup-")
    token = seen.facts["restore"]["confirm"]
    assert token.startswith("public.customers@2+1+0,public.orders@5+0+0#")
    assert "hidden@x" not in repr(seen)
    assert "~ id='7' (email)" in seen.after
    with pytest.raises(errors.UsageError, match="7 rows would be put back") as refused:
        rescuer.run()
    assert refused.value.details["confirm"] == token
    assert rescuer.lent == 0
    done = rescuer.run(confirm=token)
    assert done.changed
    assert rescuer.lent == 1
    assert rescuer.sql("SELECT count(*) FROM public.orders") == [(9000,)]
    assert rescuer.sql("SELECT email = md5('7') FROM public.customers WHERE id = 7") == [(True,)]
    again = rescuer.run(confirm=token)
    assert not again.changed
    assert again.facts["summary"].endswith("nothing to do.")
    assert rescuer.lent == 1


def test_a_confirmation_is_of_the_rows_that_were_seen(rescuer):
    rescuer.sql("DELETE FROM public.orders WHERE id = 1")
    token = rescuer.run(dry_run=True).facts["restore"]["confirm"]
    rescuer.sql("INSERT INTO public.orders SELECT 1, 2, 1; DELETE FROM public.orders WHERE id = 2")
    # The same row is there again, as another one; and as many as before lack.
    with pytest.raises(errors.UsageError, match="Rows have changed since they were looked at"):
        rescuer.run(confirm=token)
    shown = rescuer.run(dry_run=True, show_rows=True, tables=("public.orders",)).facts["restore"]["compared"][0]
    assert shown["first"]["update"][0]["live"]["customer"] == "2"
    assert rescuer.lent == 0


def test_a_table_that_the_backup_has_not_and_a_wrong_word_are_named(rescuer):
    with pytest.raises(errors.UsageError, match=r"public\.nothing is not in the backup"):
        rescuer.run(tables=("public.nothing",))
    with pytest.raises(errors.UsageError, match="deletes 'yes' is unknown"):
        rescuer.run(deletes="yes")
    with pytest.raises(errors.UsageError, match=r"where has orders, which is not one of tables"):
        rescuer.run(tables=("public.customers",), where={"orders": "id = 1"})

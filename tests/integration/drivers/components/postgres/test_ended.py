# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session of a restore that somebody ends is begun again, and no reason to go without what it was making."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
import restore_fakes
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import connection
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors

OWNER = "teller"
ENDING = """
CREATE SEQUENCE public.ends;
CREATE FUNCTION public.ends(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  IF current_database() LIKE '%lifeboat%' AND pg_catalog.nextval('public.ends') <= {times} THEN
    PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());
    PERFORM pg_catalog.pg_sleep(60);
  END IF;
  RETURN x;
END $$;
CREATE TABLE public.notes (id int{check}); INSERT INTO public.notes VALUES (1);
{index}
"""
"""A database in whose restore an administrator ends the session that loads its rows, or builds its index."""

MAKING = {
    "rows": {"check": " CHECK (public.ends(id) > 0)", "index": ""},
    "index": {"check": "", "index": "CREATE INDEX notes_ends ON public.notes (public.ends(id));"},
}


@pytest.fixture
def ending(restorer, database) -> t.Iterator[t.Callable[..., t.Any]]:
    """Restore such a database as its owner, with whom the server speaks its own language."""
    restorer.sql(f"CREATE ROLE {OWNER} LOGIN CREATEDB")
    login = restorer.cluster.as_role(OWNER)
    made: list[str] = []

    def restore(times: int, making: str, threshold: int, **values: t.Any) -> t.Any:
        made.append(database())
        restorer.sql(f"ALTER DATABASE {made[0]} OWNER TO {OWNER}; ALTER SCHEMA public OWNER TO {OWNER}", made[0])
        with contextlib.closing(connection.connect(login, made[0])) as session:
            session.execute(ENDING.format(times=times, **MAKING[making]))
        backup = restore_fakes.back_up(restorer.cluster, made[0], threshold=threshold)
        return restorer.restore(backup, "shop", target_db="ended", login=login, **values)

    yield restore
    for name in ("ended", *made):
        restorer.cluster.drop(name)
    restorer.sql(f"DROP ROLE {OWNER}")


@pytest.mark.parametrize("threshold", [0, 64 << 20])
@pytest.mark.parametrize("making", MAKING)
def test_once_is_mended_by_another_attempt(restorer, ending, making, threshold):
    assert ending(1, making, threshold, jobs=1).changed
    assert restorer.sql("SELECT id FROM public.notes", "ended") == [(1,)]


@pytest.mark.parametrize("threshold", [0, 64 << 20])
@pytest.mark.parametrize("making", MAKING)
def test_again_and_again_is_an_error_that_says_to_run_again(restorer, ending, making, threshold):
    with pytest.raises(errors.DatabaseError) as caught:
        ending(1000, making, threshold)
    assert "run again" in caught.value.remedy
    assert "accept_failed" not in str(caught.value)
    assert not [name for name in restorer.databases() if name.startswith("ended")]


def test_whoever_goes_without_it_all_the_same_may(restorer, ending):
    outcome = ending(1000, "index", 64 << 20, accept_failed=("INDEX public notes_ends",))
    assert any("INDEX public notes_ends" in warning for warning in outcome.warnings)

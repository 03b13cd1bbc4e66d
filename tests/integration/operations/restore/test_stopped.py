# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever stops a validation or a restore is told so: nothing failed, and nothing of it is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import typing as t

import modules
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import notification
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from pathlib import Path

SLEEPER = """
CREATE FUNCTION public.wait_for_ever(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('test.awake', true) IS NULL THEN PERFORM pg_catalog.pg_sleep(86400); END IF;
    RETURN n;
END $$;
CREATE TABLE public.slow (n int CHECK (public.wait_for_ever(n) > 0));
SET test.awake = 'yes';
INSERT INTO public.slow VALUES (1);
"""
CHECKS = [{"name": "slow", "query": "SELECT 1 FROM pg_catalog.pg_sleep(86400)", "expect": 1}]
ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE datname ~ '^{}' AND wait_event = 'PgSleep'"


@contextlib.contextmanager
def begun(name: str, options: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> t.Iterator[subprocess.Popen[str]]:
    """Run a module in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", modules.PROGRAM, name],
        env={**os.environ, **environ, "PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({key: value for key, value in options.items() if value is not None}))
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()


def stopped(process: subprocess.Popen[str]) -> dict[str, t.Any]:
    """Stop a module, and give its result."""
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    result = json.loads(process.stdout.read())
    assert process.wait() == 1
    return t.cast("dict[str, t.Any]", result)


def last(place: fault_fixtures.Fixture, operation: str) -> audit.Entry:
    entries = audit.AuditLog(str(place.home / "state")).entries()
    return [entry for entry in entries if entry.operation == operation][-1]


def phase(place: fault_fixtures.Fixture) -> str:
    """Return what a validation is about, as the status that others watch says."""
    for path in (place.home / "state" / "status").glob("validate-*.json"):
        return str(json.loads(path.read_text(encoding="utf-8"))["phase"])
    return ""


@pytest.mark.parametrize("where", ["a scratch cluster", "a database"])
def test_a_validation_that_is_stopped_in_a_check_is_no_failed_restore_test(
    cluster: t.Any, database: t.Any, tmp_path: Path, place: Path, where: str
) -> None:
    server, name = cluster(), database(sql="CREATE TABLE public.t AS SELECT 1 AS a")
    shop = fault_fixtures.make(server, name, tmp_path)
    backup_id = shop.back_up()
    options = shop.module_arguments(proof=None, login_db=None, database=name, checks=CHECKS, check_timeout="0s")
    options |= {"scratch_dir": str(place)}
    if where == "a database":
        server.execute("CREATE ROLE only_asks LOGIN")
        options |= {"target_db": name, "login_user": "only_asks"}
        server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO only_asks", name)
        server.execute(f"GRANT CONNECT ON DATABASE {name} TO only_asks")
    try:
        with begun("restore_validate", options, shop.environ) as process:
            if where == "a database":
                fault_fixtures.wait_until(lambda: server.execute(ASLEEP.format(name)) == [(1,)], "the check")
            else:
                fault_fixtures.wait_until(lambda: phase(shop) == "checks", "the check")
            result = stopped(process)
    finally:
        if where == "a database":
            server.execute("DROP OWNED BY only_asks", name)
            server.execute("DROP ROLE only_asks")
    assert (result["error"], result["msg"].partition(".")[0]) == ("Ended", "SIGTERM ended this run")
    assert "validation" not in result
    assert list(place.iterdir()) == []
    assert server.execute(ASLEEP.format(name)) == [(0,)]
    entry = last(shop, "validation")
    assert (entry.result, entry.message) == ("stopped", "SIGTERM ended this run.")
    told = notification.from_entry(entry)
    assert told is not None
    assert (told.event, told.severity, told.went_wrong) == ("restore_test_stopped", "warning", True)
    assert not shop.open().marks(backup_id)


def test_a_restore_that_is_stopped_leaves_no_database(cluster: t.Any, database: t.Any, tmp_path: Path) -> None:
    server, name = cluster(), database(sql=SLEEPER)
    shop = fault_fixtures.make(server, name, tmp_path)
    shop.back_up()
    before = {each for (each,) in server.execute("SELECT datname FROM pg_database")}
    options = shop.module_arguments(proof=None, login_db=None, database=name, target_db="stopped")
    with begun("pg_restore", options, shop.environ) as process:
        fault_fixtures.wait_until(lambda: server.execute(ASLEEP.format("stopped")) == [(1,)], "the loading of rows")
        result = stopped(process)
    assert (result["error"], result["msg"].partition(".")[0]) == ("Ended", "SIGTERM ended this run")
    assert {each for (each,) in server.execute("SELECT datname FROM pg_database")} == before
    assert last(shop, "restore").result == "stopped"


def test_a_restore_in_place_that_is_stopped_says_that_the_database_is_gone(
    cluster: t.Any, database: t.Any, tmp_path: Path
) -> None:
    server, name = cluster(), database(sql=SLEEPER)
    shop = fault_fixtures.make(server, name, tmp_path)
    shop.back_up()
    options = shop.module_arguments(proof=None, login_db=None, database=name, strategy="in_place")
    options |= {"emergency_backup": "off", "force_disconnect": True}
    asked = modules.run("pg_restore", {key: value for key, value in options.items() if value is not None}, shop.environ)
    with begun("pg_restore", {**options, "confirm": asked["confirm"]}, shop.environ) as process:
        fault_fixtures.wait_until(lambda: server.execute(ASLEEP.format(name)) == [(1,)], "the loading of rows")
        result = stopped(process)
    assert result["msg"].startswith(f"SIGTERM ended this run. What '{name}' contained is already gone. Restore another")
    assert last(shop, "restore").message.startswith(f"SIGTERM ended this run. What '{name}' contained is already gone.")
    assert server.execute(f"SELECT datname FROM pg_database WHERE datname ~ '^{name}'") == []

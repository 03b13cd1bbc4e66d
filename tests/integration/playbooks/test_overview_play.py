# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A playbook ends with one table of all its hosts and databases, however each of them went."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
from postgres_fixtures import free_port

if t.TYPE_CHECKING:
    import subprocess

    from playing import Plays
    from postgres_fixtures import DatabaseFactory

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": free_port()}
SQL = "CREATE TABLE public.t AS SELECT generate_series(1, 100) AS id"


def table(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of the last thing that was said before the recap, once for all hosts."""
    assert done.stdout.count("TASK [Report results]") == 1
    last = done.stdout.partition("PLAY RECAP")[0].rpartition("TASK [")[2]
    assert last.startswith("Report results]"), done.stdout
    [said] = re.findall(r'"msg": (\[\n.*?\n    \])', last, re.DOTALL)
    lines: list[str] = json.loads(said)
    return lines


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line)


@pytest.fixture
def users(database: DatabaseFactory) -> str:
    return database(sql=SQL)


@pytest.mark.parametrize("failing", ["db1", "db2"])
def test_one_table_tells_of_a_host_that_failed_and_of_one_that_did_not(plays: Plays, users: str, failing: str) -> None:
    """Each host has a state of its own, as on machines of their own."""
    names = [plays.database, users, "nowhere"]
    good = [name for name in names if name != "nowhere"]
    own = {name: {"lifeboat_cluster": name, "lifeboat_databases": good} for name in ("db1", "db2")}
    own[failing]["lifeboat_databases"] = names

    done = plays.run("backup", hosts={name: {**LOCAL, **each} for name, each in own.items()}, lifeboat_history=None)

    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(rf"{failing} .*failed=1 ", done.stdout)
    heading, first, *rest = table(done)
    assert cells(heading) == ["HOST", "DATABASE", "RESULT", "STORED", "OF DATA", "ROWS", "TOOK", "BACKUP"]
    assert cells(first)[:3] == [failing, "nowhere", "FAILED"]
    assert "does not exist" in cells(first)[-1]
    rows, sentences = rest[:4], rest[4:]
    assert {(row[0], row[1], row[2], row[5]) for row in map(cells, rows)} == {
        (host, name, "backed up", "100") for host in ("db1", "db2") for name in good
    }
    assert [sentence.partition(" backed up")[0] for sentence in sentences] == [
        f"{host}: {'2 of 3' if host == failing else 2} databases" for host in ("db1", "db2")
    ]
    # What to do next is told where the play ends; no result is dumped, and no database has a line of its own.
    assert "Correct login_db" in done.stdout.partition("TASK [Fail]")[2]
    assert '"backups":' not in done.stdout
    assert f"item={users}" not in done.stdout


def test_a_host_that_all_failed_on_and_one_that_is_away_are_in_the_table(plays: Plays) -> None:
    done = plays.run("backup", hosts={"db1": AWAY, "db2": {**LOCAL, "lifeboat_reason": "never"}}, lifeboat_history=None)

    assert done.returncode != 0
    heading, *rows = table(done)
    assert cells(heading)[0] == "HOST"
    away, refused = sorted(map(cells, rows))
    assert away[:3] == ["db1", "-", "UNREACHABLE"]
    assert refused[:3] == ["db2", "-", "FAILED"]
    assert refused[-1] == "lifeboat_reason cannot be 'never'."


def test_the_table_of_one_host_does_not_name_it_and_young_backups_are_told(plays: Plays) -> None:
    assert plays.run("backup", lifeboat_history=None).returncode == 0

    done = plays.run("backup", lifeboat_history=None, lifeboat_max_age="1h")

    heading, row, sentence = table(done)
    assert cells(heading)[0] == "DATABASE"
    assert cells(row)[:2] == [plays.database, "young enough"]
    assert sentence == "0 of 1 database backed up; 1 has a recent enough backup."
    planned = plays.run("backup", "--check", lifeboat_history=None)
    assert cells(table(planned)[1])[:2] == [plays.database, "would back up"]
    assert plays.server.execute("SELECT to_regclass('public.backup_logs')", plays.history) == [(None,)]


def test_restores_and_their_tests_and_verifications_end_with_a_table_and_are_in_that_of_the_history(
    plays: Plays, users: str
) -> None:
    done = plays.run("backup", lifeboat_databases=[plays.database, users])
    assert done.returncode == 0, done.stdout
    ids = {cells(line)[0]: cells(line)[-1] for line in table(done)[1:3]}
    refused = plays.run("restore", lifeboat_database=plays.database, lifeboat_confirm="wrong")
    assert refused.returncode == 2, refused.stdout
    target = f"{plays.database}_restored"
    try:
        done = plays.run("restore", lifeboat_database=plays.database, lifeboat_target=target)
    finally:
        plays.server.drop(target)
    heading, row, sentence = table(done)
    assert cells(row)[:3] == [target, "restored", plays.database]
    assert cells(row)[-1] == ids[plays.database]
    assert sentence.startswith(f"{ids[plays.database]} is restored as {target}")
    with tempfile.TemporaryDirectory(prefix="lifeboat-scratch-") as scratch:
        Path(scratch).chmod(0o755)  # the scratch cluster's user passes through
        critical = [{"name": "public.t", "minimum_rows": 100}]
        places = {"lifeboat_scratch_dir": f"{scratch}/clusters", "lifeboat_databases": [plays.database, users]}
        plays.server.execute("DELETE FROM public.t", users)
        assert plays.run("backup", lifeboat_databases=[users], lifeboat_max_shrink=0).returncode == 0
        done = plays.run("validate", lifeboat_critical_tables=critical, **places)
    assert done.returncode == 2, done.stdout
    heading, failed, row = table(done)
    assert cells(heading) == ["DATABASE", "RESULT", "ROWS", "PROOF", "CHECKS", "TOOK", "BACKUP"]
    assert cells(failed)[:2] == [users, "FAILED"]
    assert cells(row)[:5] == [plays.database, "restores", "100", "counts", "1 passed"]
    assert cells(row)[-1] == ids[plays.database]
    done = plays.run("verify")
    heading, row, sentence = table(done)
    assert cells(row)[:2] == ["3 backups", "opens"]
    assert sentence.startswith("3 backups, ")

    rows = plays.rows()
    assert rows[:5] == [
        *[("backup", "completed", "alice")] * 2,
        ("restore", "refused", "alice"),
        ("restore", "ok", "alice"),
        ("backup", "completed", "alice"),
    ]
    assert sorted(rows[5:7]) == [("validation", "failed", "alice"), ("validation", "ok", "alice")]
    assert rows[7:] == [("verification", "ok", "alice")]
    tested = "SELECT metadata->>'testResult', count(*) FROM public.backup_logs WHERE operation = 'backup' GROUP BY 1"
    assert dict(plays.server.execute(tested, plays.history)) == {"passed": 1, "failed": 1, None: 1}


def test_while_it_runs_a_play_says_how_many_databases_are_done(plays: Plays, users: str) -> None:
    """A status directory is what `install` makes; the first of the two waits for a lock until it was said."""
    (plays.home / "state/status").mkdir()
    names = sorted([plays.database, users])
    with contextlib.closing(plays.server.connect(names[1])) as session:
        session.execute("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE")
        running = plays.start(
            "backup", lifeboat_databases=names, lifeboat_progress_interval=0.2, lifeboat_lock_timeout="1h"
        )
        assert running.stderr is not None
        said = next(line for line in running.stderr if "1 of 2 databases" in line)
    running.communicate()
    assert running.returncode == 0
    assert re.fullmatch(rf"\[db1\] backup of main: 1 of 2 databases(, [^,]+)*, running: {names[1]}\n", said), said

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What pg_dump says on standard error, and what it means."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import dump
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    Busy,
    DatabaseError,
    ProcessFailed,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.process import Producer

SUBSCRIPTIONS = "pg_dump: warning: subscriptions not dumped because current user is not a superuser"
COLLATION = (
    'WARNING:  database "app" has a collation version mismatch\n'
    "DETAIL:  The database was created using collation version 2.31, but the operating system provides version 2.36.\n"
    "HINT:  Rebuild all objects in this database that use the default collation."
)
CYCLE = (
    "pg_dump: warning: there are circular foreign-key constraints among these tables:\n"
    "pg_dump: detail: hen\npg_dump: detail: egg\n"
    "pg_dump: hint: You might not be able to restore the dump."
)


def test_silence_is_fine() -> None:
    assert dump.unaccepted_warnings("") == []


@pytest.mark.parametrize("stderr", [SUBSCRIPTIONS, f"{COLLATION}\n{SUBSCRIPTIONS}", f"{SUBSCRIPTIONS}\n{COLLATION}"])
def test_any_warning_counts_once_and_the_collation_does_not(stderr: str) -> None:
    assert dump.unaccepted_warnings(stderr) == ["subscriptions not dumped because current user is not a superuser"]


LOOP = "pg_dump: warning: could not resolve dependency loop among these items:\npg_dump: detail: VIEW a  (ID 1 OID 2)"


def test_details_and_hints_are_told_with_their_warning() -> None:
    assert dump.unaccepted_warnings(LOOP) == [
        "could not resolve dependency loop among these items: VIEW a (ID 1 OID 2)"
    ]
    assert dump.unaccepted_warnings(LOOP, ["VIEW a"]) == []


def test_circular_keys_are_told_with_their_tables_and_fail_nothing() -> None:
    assert dump.unaccepted_warnings(CYCLE) == []
    (told,) = dump.told_warnings(CYCLE)
    assert told.startswith("pg_dump warned: there are circular foreign-key constraints among these tables: hen; egg;")
    assert dump.told_warnings(CYCLE, ["circular foreign-key"]) == []
    assert dump.told_warnings(LOOP) == []


@pytest.mark.parametrize(
    ("message", "detail", "hint"), [("WARNUNG", "DETAIL", "TIP"), ("ATTENTION", "DÉTAIL ", "ASTUCE ")]
)
def test_a_server_of_another_language_is_one_message(message: str, detail: str, hint: str) -> None:
    said = f"{message}:  Versionen der Datenbank app\n{detail}:  2.31 und 2.36\n{hint}:  REINDEX"
    assert dump.unaccepted_warnings(said) == ["Versionen der Datenbank app 2.31 und 2.36; REINDEX"]
    assert dump.unaccepted_warnings(said, [r"(?s)(?=.*2\.36)(?=.*2\.31)"]) == []
    twice = f"{said}\n{said}\n{SUBSCRIPTIONS}\n{said}"
    assert len(dump.unaccepted_warnings(twice)) == 4


def test_a_failed_table_is_told_with_the_servers_words() -> None:
    said = (
        'pg_dump: error: Dumping the contents of table "t" failed: PQgetResult() failed.\n'
        "pg_dump: detail: Error message from server: ERROR:  missing chunk number 0 for toast value 16405\n"
        "pg_dump: detail: Command was: COPY app.t (id, body) TO stdout;"
    )
    error = dump.explain(failed(said), "app")
    assert error.cause == (
        "pg_dump of database 'app' failed: Dumping the contents of table \"t\" failed: "
        "missing chunk number 0 for toast value 16405; Command was: COPY app.t (id, body) TO stdout."
    )
    assert "disks" in error.remedy
    assert error.details["stderr"] == said
    large = said.replace(
        "missing chunk number 0 for toast value 16405",
        "out of memory\nDETAIL:  Cannot enlarge string buffer containing 0 bytes by 1073741823 more bytes.",
    )
    error = dump.explain(failed(large), "app")
    assert "out of memory" in error.cause
    assert "Cannot enlarge string buffer" in error.cause
    assert "1 GiB" in error.remedy


@pytest.mark.parametrize(
    "words", ["FEHLER:  storniere Anfrage wegen Zeitüberschreitung", "ERREUR:  Bloquage mortel (deadlock) détecté"]
)
def test_a_lock_conflict_is_busy_in_every_language(words: str) -> None:
    said = f"pg_dump: error: query failed: {words}\npg_dump: detail: Query was: LOCK TABLE app.a IN ACCESS SHARE MODE"
    error = dump.explain(failed(said), "app")
    assert isinstance(error, Busy)
    assert words.split(":  ")[1] in error.cause


def test_a_long_message_is_bounded() -> None:
    said = f"{LOOP}\n" + "\n".join(f"pg_dump: detail: TABLE {number} {'x' * 1000}" for number in range(100))
    (told,) = dump.unaccepted_warnings(said)
    assert len(told) < 4000
    assert told.endswith("and 93 more")


def test_text_that_nobody_announced_counts_too() -> None:
    assert dump.unaccepted_warnings("Segmentation fault") == ["Segmentation fault"]


def said(text: str, times: int) -> Producer:
    """Return a program that ended well after it said this."""
    script = 'for i in $(seq "$2"); do printf "%s\\n" "$1"; done >&2'
    argv = ["/bin/sh", "-c", script, "sh", text, str(times)]
    with dump.start(argv, {"PATH": "/usr/bin:/bin"}) as child:
        assert list(child) == []
    return child


def test_a_warning_counts_however_much_is_said_after_it() -> None:
    # Else a detail of one that is accepted fails the backup, or one that is not passes unread.
    dump.require_accepted(said(f"{LOOP}\n" + "pg_dump: detail: VIEW b\n" * 2000, 1), ["dependency loop"])
    with pytest.raises(DatabaseError, match="pg_dump warned: could not resolve dependency loop"):
        dump.require_accepted(said(f"{LOOP}\n" + "pg_dump: detail: VIEW b\n" * 2000, 1), [])


def test_more_warnings_than_can_be_kept_fail_the_backup() -> None:
    child = said("pg_dump: detail: " + "x" * 10_000, 500)
    with pytest.raises(DatabaseError, match=r"more than 4\.0 MiB of warnings") as caught:
        dump.require_accepted(child, ["."])
    assert len(str(caught.value.details["stderr"])) < 10_000


def failed(stderr: str) -> ProcessFailed:
    return ProcessFailed("pg_dump ended with status 1.", program="pg_dump", exit_status=1, stderr=stderr)


def test_lock_timeout_is_busy_and_other_failures_name_a_remedy() -> None:
    waited = (
        "pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout\n"
        "pg_dump: detail: Query was: LOCK TABLE public.a IN ACCESS SHARE MODE"
    )
    assert dump.lock_refused(failed(waited))
    assert isinstance(dump.explain(failed(waited), "app"), Busy)
    denied = "pg_dump: error: query failed: ERROR:  permission denied for table closed"
    assert not dump.lock_refused(failed(denied))
    error = dump.explain(failed(denied), "app")
    assert isinstance(error, DatabaseError)
    assert "permission denied for table closed" in error.cause
    assert "pg_read_all_data" in error.remedy

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever names a database, a table, a file or a host writes no line of ours, and no terminal obeys the name."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import cli
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError, StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.printing import printable
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.audit.report import entries_csv
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import past_runs
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import notification, text
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository

if t.TYPE_CHECKING:
    from sample_host import SampleHost

EVIL = "shop\nForged: all is well\r\x1b[2J\x9b31m\u202e\u2028"


def harmless(line: str) -> bool:
    return line.isprintable()


def test_what_no_terminal_obeys_stays_as_it_is() -> None:
    assert printable("café 東京 'x' \\ 😀") == "café 東京 'x' \\ 😀"
    assert printable(EVIL) == r"shop\nForged: all is well\r\x1b[2J\x9b31m\u202e\u2028"
    assert printable("half \udc80") == r"half \udc80"


def test_an_error_is_one_line_whatever_it_names() -> None:
    for error in (RecoveryError(f"{EVIL} is wrong.", f"Mend {EVIL}."), StoreError(EVIL, name=EVIL)):
        assert harmless(str(error))
        assert harmless(error.cause)
        assert harmless(error.remedy)
    assert error.details["name"] == EVIL


def test_a_result_is_as_many_lines_as_were_meant() -> None:
    done = Outcome(True, {"summary": EVIL, "table": [EVIL], "name": EVIL}, "one\x1b[1m\n", "two\n", (EVIL,))
    assert all(map(harmless, [done.facts["summary"], *done.facts["table"], *done.warnings, *done.before.split("\n")]))
    assert done.before.count("\n") == 1
    assert done.facts["name"] == EVIL


def test_a_listed_database_forges_no_line(sample: SampleHost) -> None:
    sample.back_up(EVIL, cluster=EVIL)
    facts = listing.list_backups(listing.ListRequest(sample.settings), sample.world()).facts
    assert len(facts["table"]) == 3  # the database, its backup, and that its server was not asked
    assert all(map(harmless, facts["table"]))
    assert facts["backups"][0]["database"] == EVIL


def test_no_metric_is_forged(sample: SampleHost) -> None:
    sample.back_up(EVIL, cluster="main")
    values = sample.values()
    assert not [name for name in values if not name.startswith("lifeboat_")]
    assert "\x1b[2J" not in "".join(sample.path.read_text().split("\n")[0])


@pytest.fixture
def entry(sample: SampleHost) -> audit.Entry:
    sample.log(
        "backup",
        "failed",
        component=repository.component("main", EVIL),
        message=EVIL,
        backup_id="backup",
        application="shop",
    )
    return next(iter(audit.AuditLog(str(sample.home / "state")).entries()))


def test_a_past_run_and_a_row_of_the_report_are_one_line(entry: audit.Entry, sample: SampleHost) -> None:
    assert harmless(past_runs.report([entry], sample.now).rstrip("\n"))
    assert entries_csv([(EVIL, entry)]).count("\r\n") == 2
    assert "\x1b" not in entries_csv([(EVIL, entry)])


def test_a_message_has_a_subject_of_one_line_and_lines_of_its_own(entry: audit.Entry) -> None:
    notice = notification.from_entry(entry)
    assert notice is not None
    assert harmless(text.subject(notice))
    for body in (text.text(notice), text.markdown(notice)):
        assert all(map(harmless, body.split("\n")))
        assert not [line for line in body.split("\n") if line.startswith("Forged")]


def test_the_program_says_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    cli._say("one \x1b[2J\ntwo\r\n")
    assert capsys.readouterr().out == "one \\x1b[2J\ntwo\\r\n"

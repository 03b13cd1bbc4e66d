# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that acts leaves an entry in the audit log, however it ends, and the log never decides how it ends."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit

OPTIONS = """{
    "application": {"type": "str"}, "state_dir": {"type": "path"}, "requested_by": {"type": "str"},
    "cluster": {"type": "str"}, "login_db": {"type": "str"}, "reason": {"type": "str"},
}"""

WARM = """
import json, os, sys
from ansible.module_utils import basic, testing
from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec, _module
for line in sys.stdin:
    program, places = json.loads(line)
    if not os.fork():
        for number, place in enumerate(places, 1):
            os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        exec(program)
        sys.exit()
    os.wait()
    print("ended", flush=True)
"""
"""A process that has imported everything, and becomes another one for each program."""

PROGRAM = f"""
import os, signal, sys
from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec, _module
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import errors
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome

def work(request, world):
    BODY

_module.run(_argspec.ArgumentSpec({OPTIONS}), lambda given: None, work, operation="OPERATION")
"""

MADE = """world.sleep(0.01); return Outcome(True, {"backup": {"backup_id": "backup-1", "component": "main/shop",
        "reason": "scheduled", "size": 25, "plain_size": 100, "tables": 3, "phases": {"dump": 1.0}, "seconds": 2.0},
        "summary": "made it"})"""


class Ran:
    def __init__(self, out, err, log):
        self.result = json.loads(out) if out else {}
        self.error = err
        self.entries = list(log.entries())
        assert log.verify() == []


@pytest.fixture(scope="module")
def warm():
    environ = {**os.environ, "PYTHONPATH": ":".join(sys.path), "USER": "forged", "LOGNAME": "forged"}
    command = [sys.executable, "-c", WARM]
    with subprocess.Popen(command, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run(tmp_path, warm):
    said = [tmp_path / "out", tmp_path / "err"]

    def run(body, operation="backup", check=False, **options):
        given = {
            "application": "shop",
            "state_dir": str(tmp_path),
            "cluster": "main",
            "login_db": "shop",
            "_ansible_check_mode": check,
            **options,
        }
        program = (
            "from ansible.module_utils import basic; from ansible.module_utils.testing import patch_module_args\n"
            f"with patch_module_args({given!r}):\n"
        )
        body = PROGRAM.replace("BODY", body).replace("OPERATION", operation)
        program += "".join(f"    {line}\n" for line in body.splitlines())
        warm.stdin.write(json.dumps([program, [str(path) for path in said]]) + "\n")
        warm.stdin.flush()
        assert warm.stdout.readline() == "ended\n"
        return Ran(*(path.read_text(encoding="utf-8") for path in said), audit.AuditLog(str(tmp_path)))

    return run


def test_a_success_is_written_with_what_tells_about_it(run):
    ran = run(MADE, requested_by="alice")
    assert ran.result["changed"], ran.error
    [entry] = ran.entries
    assert (entry.operation, entry.result, entry.message) == ("backup", "ok", "made it")
    assert (entry.application, entry.component, entry.backup_id) == ("shop", "main/shop", "backup-1")
    assert (entry.host, entry.user, entry.reason) == (os.uname().nodename, "alice", "scheduled")
    assert entry.seconds > 0
    me = pwd.getpwuid(os.geteuid()).pw_name
    kept = {"size": 25, "plain_size": 100, "tables": 3, "ratio": 4.0, "changed": True, "os_user": me}
    assert entry.facts == kept


def test_a_run_of_a_job_says_which(run):
    [entry] = run(f'os.environ["LIFEBOAT_JOB"] = "nightly"; {MADE}').entries
    assert entry.facts["job"] == "nightly"


def test_without_a_person_the_systems_user_counts_whatever_the_environment_says(run):
    [entry] = run(MADE).entries
    assert entry.user == pwd.getpwuid(os.geteuid()).pw_name


def test_a_failure_is_written_with_its_cause_and_what_was_asked_for(run):
    ran = run('raise errors.DatabaseError("The dump shrank.", "Look.", plain_size=7)', reason="manual")
    assert ran.result["msg"] == "The dump shrank. Look."
    [entry] = ran.entries
    assert (entry.result, entry.message, entry.component) == ("failed", "The dump shrank.", "main/shop")
    assert entry.facts["error"] == "DatabaseError"
    assert entry.facts["plain_size"] == 7
    assert entry.facts["changed"] is False
    assert entry.reason == "manual"


def test_a_request_that_is_turned_down_is_written_as_refused(run):
    [entry] = run('raise errors.UsageError("No confirm.", "Give it.", field="confirm")', "restore").entries
    assert (entry.operation, entry.result, entry.facts["field"]) == ("restore", "refused", "confirm")


def test_a_mistake_of_this_software_is_written_without_its_text(run):
    ran = run('raise KeyError("secret-password")')
    assert "KeyError" in ran.error
    [entry] = ran.entries
    assert entry.result == "failed"
    assert "KeyError" in entry.message
    assert "secret-password" not in str(entry)


def test_a_run_that_was_ended_is_written(run):
    ran = run("os.kill(os.getpid(), signal.SIGTERM); signal.pause()")
    assert ran.result["error"] == "Ended"
    [entry] = ran.entries
    assert (entry.result, entry.message, entry.facts["error"]) == ("stopped", "SIGTERM ended this run.", "Ended")


def test_what_changed_nothing_is_an_outcome_of_a_backup_and_none_of_a_key(run):
    unchanged = 'return Outcome(False, {"summary": "young enough", "kid": "ab"})'
    assert run(unchanged, "key").entries == []
    [entry] = run(unchanged, "backup").entries
    assert (entry.result, entry.facts["changed"]) == ("ok", False)


DECISIONS = """[
    {"backup_id": "backup-1", "component": "main/shop", "action": "delete", "reasons": ["no rule keeps it"], "size": 9},
    {"backup_id": "backup-2", "component": "main/shop", "action": "delete", "reasons": ["no rule keeps it"], "size": 9},
    {"backup_id": "backup-3", "component": "main/shop", "action": "keep", "reasons": ["daily"], "size": 9}]"""


def test_every_backup_that_retention_deletes_is_named(run):
    facts = f'"deleted_backups": ["backup-1"], "decisions": {DECISIONS}'
    gone, whole = run(f'return Outcome(True, {{"deleted": 1, "summary": "1 gone", {facts}}})', "retention").entries
    assert (gone.backup_id, gone.facts["action"], gone.facts["size"]) == ("backup-1", "deleted", 9)
    assert gone.message == "deleted: no rule keeps it"
    assert [gone.is_run, whole.is_run] == [False, True]
    assert (whole.message, whole.backup_id, whole.facts["deleted"]) == ("1 gone", "", 1)


def test_what_retention_deleted_before_it_failed_is_named_too(run):
    details = f'deleted_backups=["backup-2"], deleted=["backup-2"], decisions={DECISIONS}'
    gone, whole = run(f'raise errors.StoreError("The store is gone.", "", {details})', "retention").entries
    assert (gone.backup_id, gone.result, gone.facts["action"]) == ("backup-2", "ok", "deleted")
    assert (whole.result, whole.message, whole.facts["deleted"]) == ("failed", "The store is gone.", 1)


def test_check_mode_and_modules_that_only_read_write_nothing(run):
    assert run(MADE, check=True).entries == []
    assert run('raise errors.DatabaseError("No.", "")', check=True).entries == []
    assert run(MADE, operation="").entries == []


def test_one_backup_that_was_verified_is_named_and_several_are_counted(run):
    several = run('return Outcome(False, {"backups": ["backup-1", "backup-2"], "problems": []})', "verification")
    one = run('return Outcome(False, {"backups": ["backup-1"]})', "verification")
    assert [entry.backup_id for entry in one.entries] == ["", "backup-1"]
    assert several.entries[0].facts["backups"] == 2
    assert several.entries[0].facts["problems"] == 0


def test_a_log_that_cannot_be_written_is_a_warning(run, tmp_path):
    (tmp_path / "audit.jsonl").touch()
    (tmp_path / "second name").hardlink_to(tmp_path / "audit.jsonl")
    ran = run(MADE)
    assert ran.entries == []
    assert ran.result["changed"]
    assert "This run could not be written to the audit log." in str(ran.result["warnings"])


def test_half_a_line_that_was_cut_off_is_a_warning(run, tmp_path):
    (tmp_path / "audit.jsonl").write_text('{"seq')
    assert "an incomplete line of 5 bytes" in str(run(MADE).result["warnings"])
    assert "warnings" not in run(MADE).result

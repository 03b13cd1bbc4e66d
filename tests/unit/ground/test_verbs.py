# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A verb is one row: whoever has to know of it reads that, and no file has a list of verbs of its own."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import verbs
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.verbs import VERBS
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import auditing, summary
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit.log import AuditLog, Event
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit.period import parse
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import notification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.schedule import jobs

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
TABLE = PLUGINS / "module_utils/_engine/ground/verbs.py"
NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
LOGGED = [verb for verb in VERBS if verb.operation]
OPERATIONS = [verb.operation for verb in LOGGED]
KNOWN = {*OPERATIONS, *(verb.play for verb in VERBS), *(name for name in verbs.EVENTS if "_" in name)}

# How the columns of a play's table come about: one function each, which a verb without a table has none of.
DRAWN = {"plugins/plugin_utils/_overview.py"}

# The kinds of signed records, of which two are called as the work that writes them.
RECORDS = {"plugins/module_utils/_engine/drivers/crypto/seals.py"}


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _vars(role: str) -> dict[str, t.Any]:
    return yaml.safe_load(_read(f"roles/{role}/vars/main.yml"))


def _lists(path: Path) -> Iterator[tuple[int, set[str]]]:
    """Yield the words of each literal collection in a file, by its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            parts = node.keys if isinstance(node, ast.Dict) else node.elts
            yield node.lineno, {part.value for part in parts if isinstance(part, ast.Constant)}


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=lambda path: path.relative_to(PLUGINS).as_posix())
def test_no_other_file_lists_verbs(path: Path) -> None:
    if path == TABLE or path.relative_to(ROOT).as_posix() in DRAWN | RECORDS:
        return
    for line, words in _lists(path):
        listed = words & KNOWN
        assert len(listed) < 2 or len(listed) * 2 < len(words), f"{path.name}:{line} lists verbs: {sorted(listed)}"


@pytest.mark.parametrize("path", sorted((PLUGINS / "modules").glob("*.py")), ids=lambda path: path.stem)
def test_what_a_module_does_is_in_the_table(path: Path) -> None:
    assert set(re.findall(r'operation="(\w+)"', path.read_text(encoding="utf-8"))) <= set(OPERATIONS)


@pytest.mark.parametrize("path", sorted((PLUGINS / "action").glob("*.py")), ids=lambda path: path.stem)
def test_what_a_task_follows_is_a_play(path: Path) -> None:
    assert set(re.findall(r'OPERATION = "(\w+)"', path.read_text(encoding="utf-8"))) <= {verb.play for verb in VERBS}


@pytest.mark.parametrize("verb", LOGGED, ids=OPERATIONS)
def test_each_result_of_a_verb_is_logged_told_and_reported(verb: verbs.Verb, tmp_path: Path) -> None:
    options = {"application": "shop", "state": "present"}
    about = {"now": NOW, "host": "db1", "os_user": "lifeboat", "seconds": 1.0}
    facts = dict.fromkeys(verb.figures, 3)
    logged = AuditLog(str(tmp_path))
    [ok] = logged.extend(auditing.events(verb.operation, options, Outcome(changed=True, facts=facts), **about))
    [failed] = logged.extend(auditing.events(verb.operation, options, RecoveryError("It broke.", "Mend it."), **about))
    assert facts.items() <= ok.facts.items()
    for entry, event in ((ok, verb.done), (failed, verb.failed)):
        told = notification.from_entry(entry)
        assert (told.event if told else None) == (event.name if event else None)
    host = summary.collected("db1", {"entries": list(map(dataclasses.asdict, (ok, failed))), "total": 2, "head": None})
    found = {section.title: section for section in summary.sections([host], parse("2026-11", NOW, "UTC"))}
    assert found["Operations"].rows == ((verb.operation, "2", "1", "1", "0", "0", "50.0 %"),)
    asked = [row[3] for row in found["Requested by people"].rows]
    assert asked == ([verb.operation] * 2 if verb.on_request else [])


@pytest.mark.parametrize("verb", LOGGED, ids=OPERATIONS)
def test_what_changed_nothing_is_what_the_row_says(verb: verbs.Verb, tmp_path: Path) -> None:
    about = {"now": NOW, "host": "db1", "os_user": "lifeboat", "seconds": 1.0}
    found = auditing.events(verb.operation, {}, Outcome(changed=False), **about)
    told = [notification.from_entry(entry) for entry in AuditLog(str(tmp_path)).extend(found)]
    assert [bool(found), any(told)] == {
        "nothing": [False, False],
        "logged": [True, False],
        "news": [True, True],
    }[verb.unchanged]


def test_facts_that_no_verb_has_stay_out_of_the_log() -> None:
    about = {"now": NOW, "host": "db1", "os_user": "lifeboat", "seconds": 1.0}
    [event] = auditing.events("backup", {}, Outcome(changed=True, facts={"table_names": ["users"], "rows": 3}), **about)
    assert set(event.facts) == {"rows", "changed", "os_user"}
    assert isinstance(event, Event)


@pytest.mark.parametrize("kind", sorted(verbs.JOBS))
def test_a_scheduled_verb_can_be_a_job(kind: str) -> None:
    [job] = jobs.parse([{"job": kind, "cron": "0 2 * * *"}], "lifeboat", "schedule")
    assert job.playbook == f"lifeboat.recovery.{kind}"
    assert (ROOT / f"playbooks/{kind}.yml").is_file() is not job.light
    assert not (job.light and job.variables.keys() - {"lifeboat_hosts"})  # there is no playbook that reads them
    assert job.user == ("root" if verbs.JOBS[kind].root else "lifeboat")


def test_an_event_has_one_verb() -> None:
    assert len(verbs.EVENTS) == sum(len(verb.events) for verb in VERBS)


def test_a_play_that_fails_tells_the_event_of_its_verb() -> None:
    failures = next(value for name, value in _vars("post_run").items() if name.endswith("_failures"))
    assert failures == {verb.play: told.name for verb in VERBS if verb.play and (told := verbs.failure_of(verb.play))}


def test_what_another_operation_logs_names_one_that_is_there() -> None:
    others = [verb for verb in VERBS if verb.of]
    assert others
    assert all(verb.of in OPERATIONS and not verb.operation and verb.play for verb in others)
    assert verbs.operation_of("physical") == verbs.operation_of("backup")


def test_the_role_of_the_schedule_knows_every_kind_of_job() -> None:
    kinds = re.search(r"\{\{ (\[[^]]*\]) \| difference", _vars("schedule")["schedule_impossible"])
    assert kinds
    assert set(ast.literal_eval(kinds[1])) == set(verbs.JOBS)


def test_the_alerts_watch_what_the_table_says() -> None:
    rules = _read("roles/monitoring/templates/lifeboat.rules.yml.j2")
    found = re.findall(r'alert: (\w+)\n +expr: lifeboat_run_last_success\{[^}]*operation=~?"([\w|]+)"', rules)
    watched = {operation: alert for alert, operations in found for operation in operations.split("|")}
    assert watched == {verb.operation: verb.alert for verb in LOGGED if verb.alert}


def test_the_documentation_names_every_verb() -> None:
    [operations] = re.findall(r"`operation` is one of the audit log's: `([\w\s]+)`", _read("docs/monitoring.md"))
    assert operations.split() == OPERATIONS
    groups = re.search(r"`_failed`: ((?:`\w+`,\s+)+`\w+`)", _read("docs/notifications.md"))
    assert groups
    told = {event.group for event in verbs.EVENTS.values()}
    assert set(re.findall(r"`(\w+)`", groups[1])) == told - {"backup"}
    scheduling = _read("docs/scheduling.md")
    for kind, job in verbs.JOBS.items():
        [row] = re.findall(rf"^\| `{kind}` \|[^|]*\|([^|]*)\|$", scheduling, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", row)) == set(job.options), kind

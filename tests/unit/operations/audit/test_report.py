# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An audit report tells all that matters, believes no host, and is harmless in a browser and in a spreadsheet."""

from __future__ import annotations

import csv
import datetime
import html
import html.parser
import io
import json
import os
import re
import time

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils import _module
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.audit.reading import (
    ReadRequest,
    read,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.audit.report import (
    ReportRequest,
    report,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import period as audit_period
from rendering import AUDIT_REPORTS, rendered

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
START = datetime.datetime(2026, 10, 1, 3, tzinfo=datetime.UTC)
BACKUP = {"backup_id": "backup-20261001T030000Z-0000000000000001", "reason": "scheduled"}


def world(dry_run=False):
    return World(lambda: NOW, time.sleep, os.environ, dry_run)


class Host:
    def __init__(self, directory, name):
        directory.mkdir(exist_ok=True)
        self.name, self.directory, self.hours = name, directory, 0
        self.log = audit.AuditLog(str(directory))

    def happens(self, operation, result="ok", at=None, **values):
        self.hours += 1
        given = {"application": "shop", "component": "main/shop", "seconds": 2.0, "message": "said", **values}
        given["facts"] = {"changed": True, "os_user": "lifeboat", **given.get("facts", {})}
        moment = at or START + datetime.timedelta(hours=self.hours)
        user = given.pop("user", "alice")
        return self.log.append(audit.Event(moment, operation, result, self.name, user, **given))

    def read(self, **options):
        return read(ReadRequest(str(self.directory), **options), world()).facts


@pytest.fixture
def db1(tmp_path):
    host = Host(tmp_path / "db1", "db1")
    host.happens("backup", **BACKUP, facts={"size": 2048, "changed": True})
    host.happens("backup", "failed", reason="scheduled", message="The disk is full.")
    host.happens("validation", reason="", facts={"rows": 5, "proof": "counts"})
    host.happens("restore", "refused", message="No confirm.", user="bob")
    host.happens("retention", backup_id="backup-1", facts={"action": "deleted", "size": 1024})
    host.happens("retention", facts={"deleted": 1})
    return host


def written(tmp_path, hosts, dry_run=False, **options):
    given = {name: host.read() if isinstance(host, Host) else host for name, host in hosts.items()}
    request = ReportRequest(given, str(tmp_path / "out"), application="shop", period="2026-Q4", **options)
    outcome = report(request, world(dry_run))
    files = {} if dry_run else {"csv": read_text(f"{outcome.facts['path']}.csv")}
    result = _module.success(outcome, with_diff=False)
    return outcome, files | {kind: rendered(path, audit_found=result) for kind, path in AUDIT_REPORTS.items()}


def read_text(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026q1", "2026-01-01", "2026-04-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-11-01..2026-11-01", "2026-11-01", "2026-11-02"),
        ("", "2026-10-01", "2027-01-01"),
    ],
)
def test_periods_are_read(text, since, until):
    period = audit_period.parse(text, NOW)
    assert (period.since.isoformat(), period.until.isoformat()) == (
        f"{since}T00:00:00+00:00",
        f"{until}T00:00:00+00:00",
    )


def test_a_quarter_begins_at_midnight_of_its_zone():
    period = audit_period.parse("2026-Q4", NOW, "Europe/Berlin")
    assert period.since.isoformat() == "2026-09-30T22:00:00+00:00"
    assert period.until.isoformat() == "2026-12-31T23:00:00+00:00"
    assert period.days == "2026-10-01 to 2026-12-31"


@pytest.mark.parametrize(
    "text", ["2026-Q5", "2026-13", "soon", "2026-11-02..2026-11-01", "0000", "9999-12", "2026-02-30"]
)
def test_what_is_no_period_is_refused(text):
    with pytest.raises(UsageError, match="is not a period"):
        audit_period.parse(text, NOW)
    with pytest.raises(UsageError, match="'Mars/Olympus' is not a time zone"):
        audit_period.parse("2026", NOW, "Mars/Olympus")


def test_a_host_gives_the_entries_of_the_period_and_its_verdict(db1):
    db1.happens("backup", at=datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC))
    db1.happens("backup", at=datetime.datetime(2026, 12, 31, 23, 59, 59, tzinfo=datetime.UTC), application="other")
    facts = db1.read(period="2026-Q4", application="shop")
    assert (len(facts["entries"]), facts["total"], facts["verified"]) == (6, 8, True)
    assert facts["head"]["sequence"] == 8
    assert db1.read(period="2026-Q3")["entries"] == []
    wrong = db1.read(known=(3, "f" * 64))
    assert (wrong["verified"], "Entry 3 is not the one" in wrong["problems"][0]) == (False, True)


def test_the_report_says_who_did_what_and_what_came_of_it(tmp_path, db1):
    outcome, files = written(tmp_path, {"db1": db1}, requested_by="carol")
    text = files["md"]
    assert outcome.facts["verified"]
    assert "The audit log of every host was collected (1), and every chain is intact." in text
    assert "made at 2026-11-21T12:00:00+00:00 for carol." in text.replace("\\", "")
    assert "| backup | 2 | 1 | 1 | 0 | 0 | 50.0 % |" in text
    assert "| retention | 1 | 1 | 0 | 0 | 0 | 100.0 % |" in text
    assert "| shop | main/shop | 1 | 1 | 2026-10-01 04:00:00 | 2.0 KiB | 1 |" in text
    people = text.split("## Requested by people")[1].split("## ")[0]
    assert "bob (as lifeboat)" in people.replace("\\", "")
    assert "refused" in people
    assert "The disk is full" not in people
    failed = text.split("## Failed and refused")[1].split("## ")[0]
    assert "The disk is full." in failed
    assert "No confirm." in failed
    assert "| shop | main/shop | 1 | 1.0 KiB |" in text
    assert db1.read()["head"]["hash"] in text


def test_a_host_without_a_log_and_a_broken_one_stand_first(tmp_path, db1):
    bad = Host(tmp_path / "bad", "bad")
    for number in range(3):
        bad.happens("backup", message=f"number {number}")
    content = read_text(bad.log.path)
    with open(bad.log.path, "w", encoding="utf-8") as file:
        file.write(content.replace("number 1", "number 9"))
    outcome, files = written(tmp_path, {"db1": db1, "bad": bad, "gone": {"unreachable": True, "msg": "No route."}})
    said = "the chain is broken on bad and no log was received from gone."
    assert said in outcome.warnings[0]
    assert said in files["md"]
    assert said in files["html"]
    assert "bad: Entry 2 of 2026-10-01T05:00:00.000+00:00 was changed" in files["md"].replace("\\", "").replace(
        "&#58;", ":"
    )
    assert "NO LOG: No route." in files["md"]
    assert not outcome.facts["verified"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda entries: entries[1].update(user="mallory"),
        lambda entries: entries.pop(1) and entries[1].update(sequence=2),
        lambda entries: entries.reverse(),
        lambda entries: entries.insert(0, {"what": "is this"}),
    ],
)
def test_a_host_that_hands_in_what_does_not_fit_is_not_believed(tmp_path, db1, forge):
    facts = json.loads(json.dumps(db1.read()))
    assert facts["verified"]
    forge(facts["entries"])
    outcome, _files = written(tmp_path, {"db1": facts})
    assert not outcome.facts["verified"]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"total": "many"},
        {"problems": 5},
        {"problems": "one"},
        {"head": {"sequence": 2, "hash": "f" * 64, "time": "never"}},
        {"head": None},
        {"head": {"sequence": 6, "hash": "f" * 64, "time": "never"}},
    ],
)
def test_no_answer_of_a_host_keeps_the_report_from_being_written(tmp_path, db1, nonsense):
    facts = {**db1.read(), **nonsense}
    outcome, files = written(tmp_path, {"db1": facts})
    assert "db1" in files["md"]
    assert outcome.facts["verified"] == ("total" in nonsense)


def test_a_log_that_was_cut_or_written_anew_shows_in_the_next_report(tmp_path, db1):
    heads = tmp_path / "out" / "heads.json"
    written(tmp_path, {"db1": db1})
    known = json.loads(heads.read_text())["db1"]
    assert known["sequence"] == 6
    os.unlink(db1.log.path)
    assert "Entry 6, which was known before, is missing" in db1.read(known=(6, known["hash"]))["problems"][0]
    for _number in range(7):
        db1.happens("backup")
    outcome, _files = written(tmp_path, {"db1": db1})
    assert "Entry 6 is not the one known before" in outcome.facts["hosts"][0]["problems"][0]
    assert json.loads(heads.read_text())["db1"] == known
    os.unlink(db1.log.path)
    outcome, _files = written(tmp_path, {"db1": db1})
    assert "Entry 6, which was known before, is missing" in outcome.facts["hosts"][0]["problems"][0]


def test_the_head_moves_on_with_a_sound_log_and_other_hosts_keep_theirs(tmp_path, db1):
    written(tmp_path, {"db1": db1})
    other = Host(tmp_path / "db2", "db2")
    other.happens("backup")
    written(tmp_path, {"db2": other})
    db1.happens("backup")
    outcome, _files = written(tmp_path, {"db1": db1})
    heads = json.loads((tmp_path / "out" / "heads.json").read_text())
    assert {name: head["sequence"] for name, head in heads.items()} == {"db1": 7, "db2": 1}
    assert outcome.facts["verified"]


def test_a_file_of_heads_that_is_none_is_not_overwritten(tmp_path, db1):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "heads.json").write_text("[]")
    with pytest.raises(UsageError, match="is not a file of heads"):
        written(tmp_path, {"db1": db1})
    assert (tmp_path / "out" / "heads.json").read_text() == "[]"


HOSTILE = '<script>alert(1)</script> | [x](javascript:alert(1)) ![i](http://evil.example/i) `c` **b** \n# h\n=1+1 "q"'


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"href", "src", "action"} or name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def test_hostile_text_is_text_in_html(tmp_path):
    host = Host(tmp_path / "h", "h")
    host.happens("restore", message=HOSTILE, user=HOSTILE, component=HOSTILE)
    _outcome, files = written(tmp_path, {"h": host, HOSTILE: {"msg": HOSTILE}})
    page = Page(files["html"])
    assert "script" not in page.tags
    assert page.links == []
    assert "<script>alert(1)</script>" in page.text
    assert "default-src 'none'" in html.unescape(files["html"])
    outside = page.text.replace("http://evil.example/i", "")
    assert "http" not in re.sub(r"http-equiv", "", outside)


def test_hostile_text_is_text_in_markdown(tmp_path):
    host = Host(tmp_path / "h", "h")
    host.happens("restore", message=HOSTILE, user=HOSTILE)
    _outcome, files = written(tmp_path, {"h": host})
    [row] = [line for line in files["md"].splitlines() if "javascript" in line and "restore | main/shop" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 10
    assert "<" not in row
    assert not re.search(r"(?<!\\)[\[\]`*]", row)
    assert "://" not in row


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "|cmd", "%0A=1", "＝1"])
def test_no_cell_of_the_csv_is_a_formula(tmp_path, text):
    host = Host(tmp_path / "h", "h")
    host.happens("restore", message=text, user=text, component=text, facts={"target": text})
    _outcome, files = written(tmp_path, {"h": host, "x": {"msg": "no"}})
    [row] = list(csv.DictReader(io.StringIO(files["csv"])))
    assert (row["message"], row["user"], row["component"]) == (f"'{text.strip()}",) * 3
    assert not [cell for cell in row.values() if cell[:1] in set("=+-@|%＝")]


@pytest.mark.parametrize("separator", [",", ";"])
def test_no_cell_is_a_formula_whichever_separator_a_spreadsheet_expects(tmp_path, separator):
    host = Host(tmp_path / "h", "h")
    host.happens("restore", message="a;=1+1", user="b; @SUM(A1)", facts={"target": "c;+1;-2;;=3"})
    _outcome, files = written(tmp_path, {"h": host})
    rows = list(csv.reader(io.StringIO(files["csv"]), delimiter=separator))[1:]
    assert [cell for row in rows for cell in row if re.match(r"[=+@-]", cell.strip())] == []


def test_the_csv_holds_every_entry_whole(tmp_path, db1):
    db1.happens("backup", message='said "so", and;more\nthan one line')
    _outcome, files = written(tmp_path, {"db1": db1})
    rows = list(csv.DictReader(io.StringIO(files["csv"])))
    assert [int(row["sequence"]) for row in rows] == list(range(1, 8))
    assert rows[-1]["message"] == 'said "so", and;more than one line'
    assert rows[0]["hash"] == db1.read()["entries"][0]["hash"]
    assert rows[0]["facts"] == "changed=True; os_user=lifeboat; size=2048"


def test_check_mode_writes_nothing(tmp_path, db1):
    outcome, _files = written(tmp_path, {"db1": db1}, dry_run=True)
    assert outcome.changed
    assert not (tmp_path / "out").exists()


def test_entries_are_written_only_where_they_are_wanted_and_nobody_else_may_read_them(tmp_path, db1):
    request = ReportRequest({"db1": db1.read()}, str(tmp_path / "out"), period="2026-Q4", csv=False)
    path = report(request, world()).facts["path"]
    assert os.listdir(tmp_path / "out") == ["heads.json"]
    written(tmp_path, {"db1": db1})
    assert os.path.basename(path) == "audit-2026-Q4"
    assert sorted(os.listdir(tmp_path / "out")) == ["audit-shop-2026-Q4.csv", "heads.json"]
    assert [each.stat().st_mode & 0o007 for each in (tmp_path / "out").iterdir()] == [0, 0]


def test_interrupted_writes_are_told(tmp_path, db1):
    with open(db1.log.path, "ab") as file:
        file.write(b'{"se')
    db1.happens("backup")
    _outcome, files = written(tmp_path, {"db1": db1})
    assert "an incomplete line of 4 bytes was removed" in files["md"]


def test_a_part_is_not_the_last_backup(tmp_path, db1):
    db1.happens("backup", **BACKUP, facts={"size": 1, "scope": "partial"})
    db1.happens("backup", **{**BACKUP, "reason": "emergency"}, facts={"size": 1, "scope": "full"})
    outcome, _files = written(tmp_path, {"db1": db1})
    section = next(one for one in outcome.facts["sections"] if one["title"] == "Backups and restore tests")
    assert section["rows"][0][4].startswith("2026-10-01 04:00")

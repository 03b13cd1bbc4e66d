# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows an operation follows a failed one too, and never decides how a play ends: real playbooks, really run."""

from __future__ import annotations

import datetime
import http.server
import json
import re
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from postgres_fixtures import free_port

if t.TYPE_CHECKING:
    from playing import Plays

FORGED = audit.Event(
    datetime.datetime.now(datetime.UTC), "backup", "ok", "db1", "alice", "shop", facts={"os_user": "root"}
)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, by path."""

    got: t.ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.got.append((self.path, body))
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def receiver() -> t.Iterator[str]:
    Receiver.got.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_after_a_failure_and_a_success_people_are_told_and_metrics_and_history_are_written(
    plays: Plays, receiver: str
) -> None:
    asked = {
        "lifeboat_notify": [{"name": "team", "url": f"{receiver}/hook"}],
        "lifeboat_pings": {"backup": {"url": f"{receiver}/ping"}},
        "lifeboat_monitoring": True,
    }
    done = plays.run("backup", lifeboat_min_bytes="1TB", **asked)
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(r"failed=1\b", done.stdout)
    assert "less than min_bytes" in done.stdout + done.stderr
    assert "WARNING:" not in done.stdout
    assert "backup_failed" in dict(Receiver.got)["/hook"]
    assert [path for path, _body in Receiver.got if path.startswith("/ping")] == ["/ping/start", "/ping/fail"]
    assert (plays.home / "state/metrics/shop.prom").exists()
    assert plays.rows()[0] == ("backup", "failed", "alice")
    Receiver.got.clear()
    assert plays.run("backup", **asked).returncode == 0
    assert [path for path, _body in Receiver.got if path.startswith("/ping")] == ["/ping/start", "/ping"]
    assert plays.run("verify").returncode == 0
    done_here = [row for row in plays.rows() if row[0] != "notification"]
    assert done_here == [
        ("backup", "failed", "alice"),
        ("backup", "completed", "alice"),
        ("verification", "ok", "alice"),
    ]


def test_a_post_run_that_fails_warns_and_the_backup_stays_good(plays: Plays) -> None:
    done = plays.run("backup", lifeboat_history={"login_db": "nowhere"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING: the table of lifeboat_history could not be updated for db1." in done.stdout
    assert "The database 'nowhere' does not exist" in done.stdout
    assert plays.entries() == [("backup", "ok")]


def test_a_post_run_that_fails_does_not_heal_a_failed_backup(plays: Plays) -> None:
    misspelt = {"login_db": plays.history, "tabel": "x"}
    done = plays.run("backup", lifeboat_min_bytes="1TB", lifeboat_history=misspelt)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "tabel" in done.stdout
    assert "WARNING: the table of lifeboat_history could not be updated" in done.stdout
    assert plays.entries() == [("backup", "failed")]


def test_check_mode_makes_no_history_and_plans_the_table(plays: Plays) -> None:
    done = plays.run("backup", "--check", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'CREATE TABLE "public"."backup_logs"' in done.stdout
    assert plays.entries() == []
    assert plays.server.execute("SELECT to_regclass('public.backup_logs')", plays.history) == [(None,)]


@pytest.mark.long
def test_one_report_tells_of_all_hosts_and_of_one_that_is_away(plays: Plays) -> None:
    assert plays.run("backup").returncode == 0
    report = plays.home / "audits"
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": free_port()}
    for expected in ("no log was received from db2.", "the chain is broken on db1 and no log was received from db2."):
        done = plays.run("audit_report", others={"db2": away}, lifeboat_audit_dest=str(report))
        assert done.returncode == 0, done.stdout + done.stderr
        [text] = [path.read_text() for path in report.glob("audit-shop-*.md")]
        assert f"This report cannot be relied on: {expected}" in text
        assert "alice (as root) | backup | 1 |" in text
        assert {path.suffix for path in report.iterdir()} == {".md", ".html", ".csv", ".json"}
        # What is known of the first report gives the log away that was begun anew.
        (plays.home / "state" / "audit.jsonl").unlink()
        audit.AuditLog(str(plays.home / "state")).append(FORGED)
    planned = plays.run("audit_report", "--check", lifeboat_audit_dest=str(plays.home / "planned"))
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert not (plays.home / "planned").exists()
    chosen = plays.home / "chosen"
    done = plays.run("audit_report", lifeboat_audit_dest=str(chosen), lifeboat_audit_formats=["html"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.suffix for path in chosen.iterdir()} == {".html", ".json"}
    assert {path.stat().st_mode & 0o007 for path in chosen.iterdir()} == {0}


def test_a_job_that_fails_before_anything_could_log_it_is_told_with_its_cause(plays: Plays, receiver: str) -> None:
    """What the preflight refuses at three in the morning nobody reads in a log that nobody looks at."""
    done = plays.run(
        "backup",
        lifeboat_reason="pre-deployment",
        lifeboat_notify=[{"name": "team", "url": f"{receiver}/hook"}],
        post_run_log="/var/log/lifeboat/nightly.log",
    )
    assert done.returncode == 2, done.stdout + done.stderr
    ((_path, said),) = Receiver.got
    body = json.loads(said)
    assert body["event"] == "backup_failed"
    assert body["error"] == (
        "The job backup failed. lifeboat_reason cannot be 'pre-deployment'. Use one of scheduled, manual, "
        "pre_deployment, emergency; did you mean pre_deployment? Its output is in /var/log/lifeboat/nightly.log on db1."
    )
    assert "backup_reason" not in done.stdout

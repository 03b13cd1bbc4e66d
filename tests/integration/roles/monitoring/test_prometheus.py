# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The whole way, with the real programs: the role writes metrics, node_exporter shows them, Prometheus scrapes them and
fires, Alertmanager receives it and tells somebody; and when the backup was restore-tested, that ends.
"""

from __future__ import annotations

import dataclasses
import datetime
import http.server
import json
import queue
import re
import threading
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from running import free_port, play

if t.TYPE_CHECKING:
    import subprocess

    from sample_host import SampleHost

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles" / "monitoring"
PATIENCE = 40.0
"""Seconds that anything here may take; it takes a few."""

Starter = t.Callable[..., "subprocess.Popen[bytes]"]


class Pager(http.server.ThreadingHTTPServer):
    """Whoever is on call: keeps each notification."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.calls: queue.Queue[tuple[str, dict[str, t.Any]]] = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_for(self, name: str, status: str) -> tuple[str, dict[str, t.Any]]:
        """Return where the alert of that name and status was sent to, and the alert."""
        deadline = time.monotonic() + PATIENCE
        while True:
            path, message = self.calls.get(timeout=max(deadline - time.monotonic(), 0.01))
            for alert in message["alerts"]:
                if alert["labels"]["alertname"] == name and alert["status"] == status:
                    return path, alert


class Call(http.server.BaseHTTPRequestHandler):
    """One notification."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        t.cast("Pager", self.server).calls.put((self.path, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_given: object) -> None:
        """Say nothing."""


@dataclasses.dataclass
class Watchers:
    """The running programs."""

    prometheus: str
    exporter: str
    pager: Pager

    def ask(self, expression: str) -> list[dict[str, t.Any]]:
        query = urllib.parse.urlencode({"query": expression})
        answer = json.loads(fetch(f"{self.prometheus}/api/v1/query?{query}"))
        assert answer["status"] == "success", expression
        return t.cast("list[dict[str, t.Any]]", answer["data"]["result"])

    def firing(self) -> set[str]:
        return {found["metric"]["alertname"] for found in self.ask('ALERTS{alertstate="firing"}')}


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return t.cast("bytes", answer.read())


def until(condition: t.Callable[[], t.Any], what: str) -> t.Any:
    """Wait for something that a program does not announce."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"it never happened: {what}")


@pytest.fixture
def watchers(tmp_path: Path, rules: Path, start: Starter) -> t.Iterator[Watchers]:
    """Prometheus, node_exporter and Alertmanager, as quick as they can be, with the example of the role."""
    textfiles = tmp_path / "textfiles"
    textfiles.mkdir()
    ports = {name: free_port() for name in ("prometheus", "exporter", "alertmanager")}
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    pager = Pager()
    example = (ROLE / "files" / "alertmanager.example.yml").read_text(encoding="utf-8")
    example = example.replace("127.0.0.1:9099", f"127.0.0.1:{pager.server_port}")
    (tmp_path / "alertmanager.yml").write_text(re.sub(r"(group_\w+): \w+", r"\1: 100ms", example))
    configuration = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [addresses["alertmanager"]]}]}]},
        "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [addresses["exporter"]]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    start(
        "prometheus-node-exporter",
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={textfiles}",
        f"--web.listen-address={addresses['exporter']}",
        log=tmp_path / "exporter.log",
    )
    start(
        "prometheus-alertmanager",
        f"--config.file={tmp_path}/alertmanager.yml",
        f"--storage.path={tmp_path}/alertmanager",
        f"--web.listen-address={addresses['alertmanager']}",
        "--cluster.listen-address=",
        log=tmp_path / "alertmanager.log",
    )
    start(
        "prometheus",
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/prometheus",
        f"--web.listen-address={addresses['prometheus']}",
        log=tmp_path / "prometheus.log",
    )
    found = Watchers(f"http://{addresses['prometheus']}", f"http://{addresses['exporter']}", pager)
    for name, path in (("alertmanager", "/-/ready"), ("exporter", "/"), ("prometheus", "/-/ready")):
        until(lambda url=f"http://{addresses[name]}{path}": fetch(url), f"{name} answers")  # type: ignore[misc]
    yield found
    pager.shutdown()
    pager.server_close()


def test_no_restore_tested_backup_reaches_whoever_is_on_call(
    sample: SampleHost, watchers: Watchers, tmp_path: Path
) -> None:
    sample.now = datetime.datetime.now(datetime.UTC)
    sample.schedule()
    old = sample.back_up(hours=60)
    sample.validated(old, hours=59)
    for hours in (30, 20, 10):
        sample.back_up(hours=hours)
    newest = sample.back_up(hours=1)
    sample.log("backup", hours=0.5, backup_id=newest, rows=1234)
    home = {
        "lifeboat_store": {"url": f"file://{sample.home}/store"},
        "lifeboat_state_dir": str(sample.home / "state"),
        "lifeboat_config_dir": str(sample.home / "config"),
        "lifeboat_key_mode": "single-key",
        "lifeboat_textfile_dir": str(tmp_path / "textfiles"),
    }
    keys = sample.home / "config" / "keys"
    keys.mkdir()
    sample.key.rename(keys / "recovery.key")
    said = play(tmp_path, "setup", "main", **home)
    assert "the newest restore-tested one of shop is 2 d 12 h old" in " ".join(said.split())

    path, alert = watchers.pager.wait_for("LifeboatNoRestoreTestedBackup", "firing")
    assert path == "/on-call"
    named = {name: alert["labels"][name] for name in ("application", "cluster", "database", "severity")}
    assert named == {"application": "shop", "cluster": "main", "database": "shop", "severity": "critical"}
    assert alert["annotations"]["summary"] == "No backup of shop/shop was restore-tested in 48h"
    assert watchers.firing() == {"LifeboatNoRestoreTestedBackup"}

    assert b"node_textfile_scrape_error 0" in fetch(f"{watchers.exporter}/metrics")
    _every_panel_shows_something(watchers)

    sample.validated(newest, hours=0)
    play(tmp_path, "main", **home)
    path, _alert = watchers.pager.wait_for("LifeboatNoRestoreTestedBackup", "resolved")
    assert path == "/on-call"
    assert watchers.firing() == set()


def _every_panel_shows_something(watchers: Watchers) -> None:
    dashboard = json.loads((ROLE / "files" / "lifeboat-dashboard.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for aim in panel.get("targets", ()):
            assert watchers.ask(aim["expr"].replace("$application", ".*")), panel["title"]

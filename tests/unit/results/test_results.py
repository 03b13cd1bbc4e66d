# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user gets from each module that needs no server is as it is kept in tests/data/results."""

from __future__ import annotations

import datetime
import hashlib
import os
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import golden
import pytest
import warm
from kit_fixtures import KitMaker
from sample_host import SampleHost
from story import ASKED, Story

if t.TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = [
    *("audit_report", "encrypted_archive", "notify", "recovery_journal", "recovery_key", "recovery_kit"),
    *("recovery_report", "recovery_trust", "schedule_info", "smoke_check"),
]
STEPS = ("restore", "dns")
GUEST = "4f" * 32
"""A public key that is always the same, because results name keys in the order of their ids."""

SCHEDULE = [
    {"name": "nightly", "job": "backup", "cron": "0 2 * * *", "databases": ["shop"], "max_age": "3h"},
    {"job": "validate", "cron": "0 5 * * sun"},
    {"job": "verify", "cron": "@weekly", "sample": 20},
    {"job": "retention", "cron": "30 4 1 * *", "policy": {"preset": "thirty_days"}, "apply": True},
]


class Receiver(BaseHTTPRequestHandler):
    """Takes every message."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: t.Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, told once."""
    home = tmp_path_factory.mktemp("results")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    with warm.warm([*MODULES, "audit_info"], home, environ) as running:
        story = Story(home, running)
        for chapter in CHAPTERS:
            chapter(story)
        yield story


def making_keys(story: Story) -> None:
    options = {**story.memory, **ASKED, "type": "recovery", "path": str(story.home / "recovery.key")}
    story.run("recovery_key", "planned", options, check=True)
    story.run("recovery_key", "made", options)
    story.run("recovery_key", "made_already", options)
    for kind in ("opening", "signer", "digest"):
        story.run("recovery_key", kind, {**options, "type": kind, "path": str(story.home / f"{kind}.key")})
    story.run("recovery_key", "other_type", {**options, "type": "signer"})
    story.run("recovery_key", "no_directory", {**options, "path": str(story.home / "nowhere" / "recovery.key")})


def trusting(story: Story) -> None:
    keys = story.results["recovery_key"]
    common = {"application": "shop", **story.memory, **ASKED}
    store = {"store": story.repository["store"], "roots": [keys["made"]["root"]]}
    story.run("recovery_trust", "none", {**common, **store, "state": "read"})
    signing = {
        **common,
        "state": "signed",
        "recovery_key_file": str(story.home / "recovery.key"),
        "recipients": [keys["opening"]["public"]],
        "signers": [{"public": keys["signer"]["public"], "scope": ["main/*"]}],
    }
    story.run("recovery_trust", "signing_planned", signing, check=True)
    signed = story.run("recovery_trust", "signed", signing)
    story.run("recovery_trust", "signed_already", {**signing, "envelope": signed["envelope"]})
    publishing = {**common, **store, "state": "published", "envelope": signed["envelope"]}
    story.run("recovery_trust", "publishing_planned", publishing, check=True)
    story.run("recovery_trust", "published", publishing)
    story.run("recovery_trust", "published_already", publishing)
    story.run("recovery_trust", "read", {**common, **store, "state": "read"})
    story.run("recovery_trust", "other_root", {**common, **store, "state": "read", "roots": ["ab" * 32]})


def archiving(story: Story) -> None:
    files = story.home / "files"
    files.mkdir()
    files.chmod(0o755)
    (files / "letter.txt").write_text("Dear customer,\n" * 50)
    (files / "letter.txt").chmod(0o640)
    (files / "link").symlink_to("letter.txt")
    common = {name: value for name, value in story.repository.items() if name != "store"}
    archive = str(story.home / "files.lbx")
    sealing = {**common, **ASKED, "path": [str(files)], "dest": archive}
    story.run("encrypted_archive", "sealing_planned", sealing, check=True)
    story.run("encrypted_archive", "sealed", sealing)
    story.run("encrypted_archive", "sealed_already", sealing)
    made = {**common, "path": [archive]}
    story.run("encrypted_archive", "verified", {**made, "state": "verified"})
    story.run("encrypted_archive", "listed", {**made, "state": "listed"})
    opening = {**made, "state": "opened", "dest": str(story.home / "opened")}
    story.run("encrypted_archive", "opening_planned", opening, check=True)
    story.run("encrypted_archive", "opened", opening)
    story.run("encrypted_archive", "opened_already", opening)
    wrapping = {**made, "state": "rewrapped", "recipients": [GUEST]}
    story.run("encrypted_archive", "rewrapping_planned", wrapping, check=True)
    story.run("encrypted_archive", "rewrapped", wrapping)
    story.run("encrypted_archive", "no_archive", {**made, "state": "verified", "path": [str(files / "letter.txt")]})


def scheduling(story: Story) -> None:
    zoned = {"schedule": SCHEDULE, "scheduler": "systemd", "zone": "Europe/Amsterdam", "user": "backup"}
    story.run("schedule_info", "systemd", zoned)
    story.run("schedule_info", "cron", {"schedule": SCHEDULE})
    story.run("schedule_info", "bad_cron", {"schedule": [{"job": "backup", "cron": "61 2 * * *"}]})


def asking(story: Story) -> None:
    checks = [
        {"name": "works", "command": ["true"]},
        {"name": "fails", "command": ["false"]},
        {"name": "closed", "tcp": {"host": "127.0.0.1", "port": 9}},
    ]
    story.run("smoke_check", "passed", {"checks": checks[:1]})
    story.run("smoke_check", "failed", {"checks": checks})
    story.run("smoke_check", "planned", {"checks": checks[:2]}, check=True)
    story.run("smoke_check", "misspelt", {"checks": [{"htpp": {"url": "https://shop.example.com/"}}]})


def notifying(story: Story) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    story.names[str(server.server_port)] = "<port>"
    url = story.secret("hook.url", f"http://127.0.0.1:{server.server_port}/hook\n")
    event = {"name": "restore_finished", "text": "The shop is back.", "component": "main/shop", "rows": 1200}
    alarms = [{"name": "backup_age", "text": "No backup for two days.", "remedy": "Run one."}]
    common = {**story.memory, "application": "shop", "attempts": 1, "lookback": "1h", "requested_by": "alice"}
    told = {**common, "channels": [{"name": "ops", "url_file": url}], "event": event, "alarms": alarms}
    story.run("notify", "planned", told, check=True)
    story.run("notify", "sent", told)
    story.run("notify", "sent_already", {**told, "event": None})
    story.run("notify", "unknown_event", {**told, "event": {"name": "backup_danced"}})
    server.shutdown()
    server.server_close()
    pinging = {"ping": {"url_file": url, "signal": "success"}}
    story.run("notify", "nobody_listens", {**told, **pinging, "history": False})


def reporting(story: Story) -> None:
    period = {"period": "2026-01-01..2099-12-31"}
    read = story.modules.run("audit_info", {**story.memory, **period})
    hosts = {"db1": read, "db2": {"unreachable": True, "msg": "No route to host"}}
    options = {**period, **ASKED, "hosts": hosts, "dest": str(story.home / "audits"), "application": "shop"}
    story.run("audit_report", "planned", options, check=True)
    story.run("audit_report", "written", options)
    cut = {**read, "problems": ["Entry 3 is missing."], "verified": False}
    story.run("audit_report", "cut", {**options, "hosts": {"db1": cut}, "csv": False})
    story.run("audit_report", "bad_period", {**options, "period": "2026-Q9"})


def recovering(story: Story) -> None:
    (story.home / "sample").mkdir()
    now = datetime.datetime.now(datetime.UTC)
    sample = SampleHost(story.home / "sample", now=now)
    sample.back_up()
    common = {
        "application": "shop",
        "store": {"url": f"file://{sample.home}/store"},
        "keys": {"recovery_key_file": str(sample.key)},
        "state_dir": str(sample.home / "state"),
        **ASKED,
    }
    steps = [
        {"digest": "1", "hosts": ["db1"], "component": "main/shop", "id": each, "type": each, "stage": stage}
        for stage, each in enumerate(STEPS, 1)
    ]
    plan = {"name": "data_loss", "digest": "2", "steps": steps}
    opening = {**common, "state": "open", "plan": plan, "process": {"pid": os.getpid()}}
    opening["incident_at"] = now.isoformat()
    story.run("recovery_journal", "planned", opening, check=True)
    began = {**opening, "reason": "db1 is dead", "replace": {"db1": "spare1"}}
    opened = story.run("recovery_journal", "began", began)["recovery"]
    run = {**common, "recovery_id": opened["id"], "run": opened["run"]}
    story.run("recovery_journal", "step_planned", {**run, "state": "begin", "step": "restore"}, check=True)
    story.run("recovery_journal", "step_began", {**run, "state": "begin", "step": "restore"})
    ended = {"step": "restore", "result": "ok", "hosts": {"db1": "1 database"}, "facts": {"bytes": 2048}}
    story.run("recovery_journal", "step_ended", {**run, **ended, "state": "end", "changed": True})
    story.run("recovery_journal", "no_step", {**run, "state": "begin", "step": "restor"})
    story.run("recovery_journal", "closed_early", {**run, "state": "close", "result": "ok"})
    story.run("recovery_journal", "waits", {**run, "state": "waiting", "step": "dns", "text": "Open for writing?"})
    story.run("recovery_journal", "left", {**run, "state": "leave", "result": "waiting"})
    again = story.run("recovery_journal", "resumed", {**opening, "approve": ["dns"]})["recovery"]
    story.run("recovery_journal", "overtaken", {**run, "state": "begin", "step": "dns"})
    run["run"] = again["run"]
    story.run("recovery_journal", "skipped", {**run, "state": "end", "step": "dns", "result": "skipped"})
    story.run("recovery_journal", "closed", {**run, "state": "close", "result": "ok"})
    story.run("recovery_journal", "finished", opening)
    story.run("recovery_journal", "read", {**run, "state": "read"})
    options = {name: value for name, value in common.items() if name not in ASKED}
    options |= {"dest": str(story.home / "recoveries"), "objectives": {"database": {"rto": "1d", "rpo": "1s"}}}
    story.run("recovery_report", "planned", options, check=True)
    story.run("recovery_report", "written", options)
    story.run("recovery_report", "written_already", options)
    story.run("recovery_report", "no_recovery", {**options, "recovery_id": "recovery-20260101T000000Z-" + "0" * 16})
    story.run("recovery_report", "bad_objective", {**options, "objectives": {"database": {"rto": "soon"}}})


def packing(story: Story) -> None:
    (story.home / "kits").mkdir()
    kit = KitMaker(SampleHost(story.home / "kits"), story.home / "kit-source")
    common = {
        "application": "shop",
        "store": {"url": f"file://{kit.host.home}/store"},
        "keys": {"recovery_key_file": str(kit.host.key)},
        "state_dir": str(kit.host.home / "state"),
    }
    source = kit.source
    making = {**common, "collection": source.collection, "inventory": [*source.inventory], "paths": [*source.paths]}
    making |= {"wheels": [*source.wheels], "runbook": source.runbook}
    checking = {**common, "state": "checked"}
    story.run("recovery_kit", "none", checking)
    story.run("recovery_kit", "planned", making, check=True)
    digest = story.run("recovery_kit", "written", making)["start_sha256"]
    story.names |= {digest[:32]: "<start.py, first half>", digest[32:]: "<start.py, second half>"}
    story.run("recovery_kit", "written_already", making)
    story.names[kit.file("collection-").name] = "<collection>"
    story.names[kit.file("inventory-").name] = "<inventory-1>"
    story.run("recovery_kit", "checked", checking)
    Path(source.inventory[0]).write_text("all: {hosts: {db1: }}\n")
    story.run("recovery_kit", "change_planned", making, check=True)
    story.run("recovery_kit", "changed", making)
    story.names[kit.file("inventory-").name] = "<inventory-2>"
    other = {"recovery_key_file": story.secret("other.key", hashlib.sha256(b"another key").hexdigest())}
    story.run("recovery_kit", "wrong_key", {**checking, "keys": other})
    story.run("recovery_kit", "no_key", {**checking, "keys": {"recovery_key_file": str(story.home / "no.key")}})
    (kit.folder / "wheels" / "one-1.0-py3-none-any.whl").write_bytes(b"another package\n")
    story.run("recovery_kit", "altered", checking)


CHAPTERS = (making_keys, trusting, archiving, scheduling, asking, notifying, reporting, recovering, packing)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_gives_what_it_gave(told: Story, module: str) -> None:
    golden.check(module, told.results[module], told.names)


def test_the_results_of_every_module_are_kept() -> None:
    assert {path.name for path in golden.KEPT.iterdir()} == {*golden.MODULES, "stored"}

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bodies reach a real web server byte for byte, and one that is slow, broken or false costs a warning and no more."""

from __future__ import annotations

import hashlib
import hmac
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.channels import Channel
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.request import (
    Patience,
    Ping,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from receiver_fixtures import Certificate, Host, Web

QUICK = Patience(attempts=1, timeout=0.7)
TOKEN = "sesame-open-sesame-7391"


def secret(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def test_a_backup_arrives_as_documented(host: Host, web: Web, tmp_path: Path) -> None:
    host.happens(backup_id="backup-20261121T030000Z-0011223344556677")
    outcome = host.tell(Channel("hook", url_file=secret(tmp_path / "url", web.url + "\n"), format="json_short"))
    assert outcome.facts["sent"][0]["target"] == "http://localhost/***"
    (heard,) = web.heard
    assert heard.path == f"/hooks/{TOKEN}"
    assert heard.headers["Content-Type"] == "application/json; charset=utf-8"
    body = heard.json()
    assert list(body) == ["type", "event", "backupId", "tables", "recordCount", "timestamp"]
    assert (body["type"], body["event"], body["recordCount"]) == ("backup_event", "backup_created", 1234)


def test_the_whole_body_says_what_a_bus_calls_it(host: Host, web: Web) -> None:
    host.happens("validation", message="ein Prüflauf", facts={"proof": "counts", "passed": True})
    host.tell(Channel("hook", url=web.url))
    (heard,) = web.heard
    assert heard.headers["X-Lifeboat-Event"] == "restore_test_passed"
    assert heard.json()["name"] == "system:restore-test-success"
    assert heard.json()["message"] == "ein Prüflauf"
    assert heard.json()["delivery"] == heard.headers["X-Lifeboat-Delivery"]


def test_a_body_is_signed_as_it_was_sent(host: Host, web: Web, tmp_path: Path) -> None:
    host.happens()
    host.tell(Channel("hook", url=web.url, hmac_key_file=secret(tmp_path / "key", "the key")))
    (heard,) = web.heard
    wanted = hmac.new(b"the key", heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["X-Lifeboat-Signature-256"] == f"sha256={wanted}"


def test_a_token_and_a_login_go_into_a_header(host: Host, web: Web, tmp_path: Path) -> None:
    host.happens()
    host.tell(Channel("one", url=web.url, bearer_token_file=secret(tmp_path / "token", "abc")))
    host.tell(Channel("two", url=web.url.replace("//", "//ann:p%40ss@")))
    host.tell(Channel("three", url=web.url))
    assert [heard.headers["Authorization"] for heard in web.heard] == ["Bearer abc", "Basic YW5uOnBAc3M=", None]


def test_a_failing_server_is_asked_again(host: Host, web: Web) -> None:
    host.happens()
    web.answers = [503]
    assert host.tell(Channel("hook", url=web.url)).facts["failed_channels"] == []
    assert host.pauses == [2.0]
    first, second = web.heard
    assert first.body == second.body


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_refusal_is_final(host: Host, web: Web, status: int) -> None:
    host.happens()
    web.answers = [status]
    assert f"answered {status}" in host.failure(Channel("hook", url=web.url))
    assert len(web.heard) == 1


def test_a_server_that_hangs_is_cut_off(host: Host, web: Web) -> None:
    host.happens()
    web.answers = [web.hang]
    assert "did not answer" in host.failure(Channel("hook", url=web.url), patience=QUICK)
    assert host.seconds < 5


def test_a_server_that_drips_is_cut_off(host: Host, web: Web) -> None:
    host.happens()
    web.answers = [web.drip]
    assert "did not answer within" in host.failure(Channel("hook", url=web.url), patience=QUICK)
    assert host.seconds < 5


def test_a_port_where_nobody_listens(host: Host) -> None:
    host.happens()
    patience = Patience(attempts=1, timeout=30)
    assert "refused" in host.failure(Channel("hook", url=f"http://localhost:9/{TOKEN}"), patience=patience)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(host: Host, web: Web, status: int) -> None:
    host.happens()
    web.answers = [web.redirect(f"http://127.0.0.1:{web.port}/elsewhere/{TOKEN}", status)]
    assert f"redirects to 127.0.0.1 (status {status})" in host.failure(Channel("hook", url=web.url))
    assert [heard.path for heard in web.heard] == [f"/hooks/{TOKEN}"]


def test_a_certificate_counts_only_with_its_authority(host: Host, secure_web: Web, certificate: Certificate) -> None:
    host.happens()
    assert "certificate is not trusted" in host.failure(Channel("hook", url=secure_web.url))
    wrong = secure_web.url.replace("localhost", "127.0.0.1")
    assert "certificate is not trusted" in host.failure(Channel("wrong", url=wrong, ca_cert=certificate.path))
    assert secure_web.heard == []
    host.tell(Channel("hook", url=secure_web.url, ca_cert=certificate.path))
    assert len(secure_web.heard) == 1


def test_authorities_that_are_none(host: Host, secure_web: Web, tmp_path: Path) -> None:
    host.happens()
    said = host.failure(Channel("hook", url=secure_web.url, ca_cert=str(tmp_path / "none.pem")))
    assert "Correct ca_cert" in said


def test_pings_go_where_a_dead_mans_switch_expects_them(host: Host, web: Web) -> None:
    host.happens("backup", "failed", message="The disk is full.")
    for signal in ("start", "success", "fail"):
        assert host.tell(ping=Ping(signal, url=web.url)).facts["ping"]["error"] == ""
    assert [heard.path for heard in web.heard] == [f"/hooks/{TOKEN}{end}" for end in ("/start", "", "/fail")]
    assert [heard.body.decode().split("\n")[0] for heard in web.heard] == ["", "", "The disk is full."]
    host.tell(ping=Ping("fail", url=f"{web.url}?rid=1", message="Ich sagte Nein. ä"))
    assert web.heard[-1].path == f"/hooks/{TOKEN}/fail?rid=1"
    assert web.heard[-1].body.decode() == "Ich sagte Nein. ä"


def test_a_ping_that_fails_does_not_keep_messages_back(host: Host, web: Web) -> None:
    host.happens()
    web.answers = [404]
    outcome = host.tell(Channel("hook", url=web.url), ping=Ping("success", url=web.url))
    assert "404" in outcome.facts["ping"]["error"]
    assert len(outcome.facts["sent"]) == 1

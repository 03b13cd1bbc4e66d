# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages reach people: mail by a real server with TLS and a password, and Slack's format at a receiver of our own."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.channels import services
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.channels import Channel
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.request import Patience
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from receiver_fixtures import Certificate, Host, Mail, Web

    Servers = Callable[[str], Mail]

SLACK = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.fixture
def slack(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    monkeypatch.setattr(NotifySlack, "webhook_url", web.url)
    web.answers = [answer_ok] * 9
    return web


def answer_ok(handler: t.Any) -> None:
    """Answer as Slack does."""
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"ok")


def hide(outcome_text: str) -> bool:
    return not any(part in outcome_text for part in SLACK.split("/"))


@pytest.mark.parametrize("mode", ["starttls", "ssl"])
def test_a_mail_by_tls_with_a_password(host: Host, mail_server: Servers, certificate: Certificate, mode: str) -> None:
    server = mail_server(mode)
    host.happens("backup", "failed", message="The disk is full.")
    outcome = host.tell(Channel("mail", url=server.url, ca_cert=certificate.path))
    assert outcome.facts["failed_channels"] == []
    ((receivers, message),) = server.messages
    assert receivers == ["dba@example.com"]
    assert message["Subject"] == "[lifeboat] shop on db1: backup of main/shop FAILED"
    assert "lifeboat@example.com" in message["From"]
    text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text.startswith("The disk is full.\n\nComponent: main/shop\n")
    assert "What to do next: Fix the cause" in text
    assert outcome.facts["sent"][0]["target"] == "mailtos://localhost/***"


@pytest.mark.parametrize("mode", ["starttls", "ssl"])
def test_a_mail_server_without_a_trusted_certificate_gets_nothing(host: Host, mail_server: Servers, mode: str) -> None:
    server = mail_server(mode)
    host.happens()
    assert "CERTIFICATE_VERIFY_FAILED" in host.failure(Channel("mail", url=server.url))
    assert server.messages == []


def test_a_wrong_password_is_said_and_not_shown(host: Host, mail_server: Servers, certificate: Certificate) -> None:
    server = mail_server("starttls")
    host.happens()
    said = host.failure(Channel("mail", url=server.url.replace("7391", "0000"), ca_cert=certificate.path))
    assert "535" in said
    assert "sesame" not in said
    assert server.messages == []


def test_a_mailbox_that_is_refused(host: Host, mail_server: Servers, certificate: Certificate) -> None:
    server = mail_server("starttls")
    server.refuses = True
    host.happens()
    said = host.failure(Channel("mail", url=server.url, ca_cert=certificate.path))
    assert "550" in said
    assert "dba@example.com" not in said


def test_markdown_becomes_a_page_in_mail(host: Host, mail_server: Servers, certificate: Certificate) -> None:
    server = mail_server("starttls")
    host.happens("backup", "failed", message="no <b> & *c*")
    host.tell(Channel("mail", url=server.url, format="markdown", ca_cert=certificate.path))
    page = server.messages[0][1].get_body(("html",)).get_content()
    assert "<code>no &lt;b&gt; &amp; *c*</code>" in page
    assert "<strong>Component:</strong>" in page


def test_mail_without_tls_carries_no_password(host: Host, mail_server: Servers) -> None:
    server = mail_server("insecure")
    host.happens()
    elsewhere = server.url.replace("@localhost", "@mail.example.com")
    assert "a password without TLS" in host.failure(Channel("mail", url=elsewhere))
    host.tell(Channel("local", url=server.url.replace("lifeboat:sesame-open-sesame-7391@", "")))
    assert len(server.messages) == 1


@pytest.mark.parametrize("lax", ["verify=no", "redirect=yes"])
def test_a_url_that_asks_for_less_safety_is_refused(host: Host, slack: Web, lax: str) -> None:
    host.happens()
    assert lax in host.failure(Channel("slack", url=f"slack://{SLACK}/?{lax}"))
    assert slack.heard == []


@pytest.mark.parametrize("url", [f"slack://{SLACK}/", f"https://hooks.slack.com/services/{SLACK}"])
def test_slack_is_told_in_its_own_format(host: Host, slack: Web, url: str) -> None:
    host.happens("backup", "failed", message="no <!channel> & no *stars*")
    outcome = host.tell(Channel("team", url=url))
    assert hide(str(outcome))
    (heard,) = slack.heard
    assert heard.path.endswith(SLACK)
    (attachment,) = heard.json()["attachments"]
    assert attachment["title"] == "[lifeboat] shop on db1: backup of main/shop FAILED"
    assert "no &lt;!channel&gt; &amp; no *stars*" in attachment["text"]
    assert attachment["color"] == "#A32037"


def test_slack_is_told_in_markdown(host: Host, slack: Web) -> None:
    host.happens()
    host.tell(Channel("team", url=f"slack://{SLACK}/", format="markdown"))
    (attachment,) = slack.heard[0].json()["attachments"]
    assert "*Component:* `main/shop`" in attachment["text"]


def test_slack_that_refuses_a_token_does_not_show_it(host: Host, slack: Web) -> None:
    host.happens()
    slack.answers = [403, 403]
    outcome = host.tell(Channel("team", url=f"slack://{SLACK}/"))
    (failed,) = outcome.facts["failed_channels"]
    assert failed["target"] == "slack://***"
    assert "403" in failed["error"]
    assert hide(str(outcome))


def test_slack_follows_no_redirect(host: Host, slack: Web) -> None:
    host.happens()
    slack.answers = [slack.redirect(f"http://127.0.0.1:{slack.port}/elsewhere", 307)] * 2
    assert "Slack could not be reached or rejected" in host.failure(Channel("team", url=f"slack://{SLACK}/"))
    assert not any(heard.path == "/elsewhere" for heard in slack.heard)


def test_a_message_that_is_too_long_for_its_service_is_cut(
    host: Host, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifyTelegram, "notify_url", web.url + "/")
    web.answers = [200]
    host.tell(Channel("team", url="tgram://123456789:abcdefg_hijklmnop/12315544/"))
    for _each in range(20):
        host.happens("backup", "failed", message="Long. " * 150)
    outcome = host.tell(Channel("team", url="tgram://123456789:abcdefg_hijklmnop/12315544/"))
    assert outcome.facts["failed_channels"] == []
    (heard,) = web.heard
    assert 1000 < len(heard.json()["text"]) <= 4096


def test_a_service_that_hangs_is_cut_off(host: Host, slack: Web) -> None:
    host.happens()
    slack.answers = [slack.drip]
    said = host.failure(Channel("team", url=f"slack://{SLACK}/"), patience=Patience(attempts=1, timeout=1.0))
    assert "did not answer" in said or "not reached" in said
    assert host.seconds < 6


def test_a_url_that_apprise_does_not_know(host: Host) -> None:
    host.happens()
    said = host.failure(Channel("team", url="nonsense://sesame-open-sesame-7391/x"))
    assert "Apprise cannot use the URL" in said


def test_without_apprise_webhooks_still_work(host: Host, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MISSING", True)
    host.happens()
    outcome = host.tell(Channel("hook", url=web.url), Channel("team", url=f"slack://{SLACK}/"))
    assert len(web.heard) == 1
    (failed,) = outcome.facts["failed_channels"]
    assert "Python library apprise is needed" in failed["error"]

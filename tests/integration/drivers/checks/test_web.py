# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What web servers answer, right, wrong and hostile: real servers of this machine, with and without TLS."""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t
import urllib.parse

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.checks.parsing import parse

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from receiver_fixtures import Certificate, Web

SECRET = "sesame-open-sesame-7391"


def ask(url: str, *, timeout: float = 5, **keys: t.Any) -> str:
    (check,) = parse([{"http": {"url": url, **keys}}], "checks")
    return check.question.ask(timeout, {"PATH": os.environ["PATH"]})


def saying(body: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> Callable[[t.Any], None]:
    """Return an answer with this body."""
    content = body.encode() if isinstance(body, str) else body

    def answer(handler: t.Any) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def raw(data: bytes) -> Callable[[t.Any], None]:
    return lambda handler: handler.wfile.write(data) and None


def test_a_status_is_compared(web: Web) -> None:
    web.answers += [204, 200, 502, 301]
    assert ask(web.url) == ""
    assert ask(web.url, status=204) == "status 200 OK"
    assert ask(web.url) == "status 502 Bad Gateway"
    assert ask(web.url, status=[301, 302]) == ""
    assert [heard.headers["User-Agent"] for heard in web.heard] == ["lifeboat.recovery"] * 4


def test_a_redirect_is_not_followed(web: Web) -> None:
    web.answers.append(web.redirect("/elsewhere"))
    assert ask(web.url) == "status 302 Found"
    assert len(web.heard) == 1


def test_texts_are_looked_for(web: Web) -> None:
    web.answers += [saying("all is well"), saying(f"{SECRET} is not told")]
    assert ask(web.url, contains=["all", "well"]) == ""
    assert ask(web.url, contains=["all", "told"]) == "35 B without the text 'all'"


def test_a_part_of_a_document_is_compared(web: Web) -> None:
    found = {"status": "degraded", "database": {"up": True, "lag": 3}, "more": [1, 2]}
    web.answers += [saying(json.dumps(found))] * 4 + [saying("<html>"), saying("[" * 100_000)]
    assert ask(web.url, json={"database": {"up": True}, "more": [1, 2]}) == ""
    assert ask(web.url, json={"status": "ok"}) == 'json.status is "degraded"'
    assert ask(web.url, json={"database": {"up": 1}, "more": [1], "a": 1, "b": 2}) == (
        "json.database.up is true; json.more is [1, 2]; json has no a; 1 more differences"
    )
    assert ask(web.url, json=["ok"]).startswith('json is {"status": "degraded"')
    assert ask(web.url, json={}) == "6 B that is no JSON document"
    assert ask(web.url, json={}) == "97.7 KiB that is no JSON document"


def test_a_request_is_sent_as_it_is_written(web: Web) -> None:
    web.answers.append(201)
    assert ask(f"{web.url}?a=b", method="post", body={"total": 1}, headers={"X-Trace": "7"}) == ""
    (heard,) = web.heard
    assert heard.path.endswith("?a=b")
    assert heard.json() == {"total": 1}
    assert (heard.headers["Content-Type"], heard.headers["X-Trace"]) == ("application/json", "7")


def test_a_name_can_be_asked_at_an_address(web: Web) -> None:
    assert ask(f"http://shop.example.invalid:{web.port}/health", at="127.0.0.1") == ""
    assert ask("http://shop.example.invalid/health", at=f"127.0.0.1:{web.port}") == ""
    assert [heard.headers["Host"] for heard in web.heard] == [
        f"shop.example.invalid:{web.port}",
        "shop.example.invalid",
    ]


def test_a_certificate_is_checked_for_the_name(secure_web: Web, certificate: Certificate, tmp_path: Path) -> None:
    assert ask(secure_web.url).startswith("a certificate that is not trusted: self")
    assert ask(secure_web.url, ca_cert=certificate.path) == ""
    other = f"https://shop.example.invalid:{secure_web.port}/"
    assert "not valid for 'shop.example.invalid'" in ask(other, at="127.0.0.1", ca_cert=certificate.path)
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    assert ask(secure_web.url, ca_cert=str(broken)) == f"no usable certificate authorities in {broken}"


def test_a_server_without_tls_is_told(web: Web) -> None:
    assert ask(web.url.replace("http:", "https:")).startswith("no connection: ")


def secret_file(folder: Path, mode: int = 0o600) -> str:
    path = folder / "password"
    path.write_text(f"{SECRET}\nnot this\n")
    path.chmod(mode)
    return str(path)


def login(web: Web, path: str) -> dict[str, t.Any]:
    address = urllib.parse.urlsplit(web.url)._replace(path="/login").geturl()
    return {"url": address, "form": {"email": "smoke@example.com"}, "secret_files": {"password": path}}


def test_a_login_sends_the_form_and_keeps_its_cookies(web: Web, tmp_path: Path) -> None:
    cookies = {"Set-Cookie": "session=abc; HttpOnly; Path=/", "Location": "/account"}
    web.answers += [saying("", 303, cookies), saying("Your orders")]
    assert ask(web.url, contains="Your orders", login=login(web, secret_file(tmp_path))) == ""
    sent, asked = web.heard
    assert urllib.parse.parse_qs(sent.body.decode()) == {"email": ["smoke@example.com"], "password": [SECRET]}
    assert (sent.path, asked.headers["Cookie"]) == ("/login", "session=abc")


def test_a_login_that_fails_is_told_and_nothing_more_is_asked(web: Web, tmp_path: Path) -> None:
    web.answers.append(401)
    assert ask(web.url, login=login(web, secret_file(tmp_path))).endswith("/login answered 401 Unauthorized")
    assert len(web.heard) == 1


def test_a_server_that_repeats_the_password_gives_nothing_away(web: Web, tmp_path: Path) -> None:
    web.answers += [200, saying(json.dumps({"you": f"said {SECRET}"}))]
    found = ask(web.url, json={"you": "are in"}, login=login(web, secret_file(tmp_path)))
    assert found == 'json.you is "said ***"'


def test_a_password_that_others_may_read_is_refused(web: Web, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="accessible to users other than its owner"):
        ask(web.url, login=login(web, secret_file(tmp_path, 0o644)))
    with pytest.raises(UsageError, match="cannot be read"):
        ask(web.url, login=login(web, "/nowhere/password"))
    assert not web.heard


def flood(handler: t.Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    with contextlib.suppress(OSError):
        for _block in range(64):
            handler.wfile.write(b"x" * (1 << 20))


def test_what_is_endless_or_slow_is_bounded(web: Web) -> None:
    web.answers += [flood, web.drip, web.hang]
    assert ask(web.url, contains="y") == "1.0 MiB and more without the text 'y'"
    for _turn in range(2):
        began = time.monotonic()
        assert ask(web.url, timeout=0.5, contains="y") == "no answer within 0.5 s"
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00\x01\x02", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"HTTP/1.1 9999 \x1b[2J\r\n\r\n"],
)
def test_what_is_no_answer_is_told_in_our_words(web: Web, answer: bytes) -> None:
    web.answers.append(raw(answer))
    found = ask(web.url, contains="y")
    assert found.startswith("no connection: ")
    assert found.isprintable()


def test_many_headers_are_no_answer(web: Web) -> None:
    web.answers.append(raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n"))
    assert ask(web.url) == "no connection: HTTPException"


def test_a_port_where_nobody_listens_is_told() -> None:
    assert ask("http://127.0.0.1:9/health") == "no connection: Connection refused"

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real receivers on this machine: a web server that behaves as it is told, and a mail server with TLS and passwords."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import email
import email.policy
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import typing as t

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.notify import notify
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.request import (
    NotifyRequest,
    Patience,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.channels import (
        Channel,
    )

TOKEN = "sesame-open-sesame-7391"
"""Stands in every URL here, and may stand nowhere else."""

PATIENCE = Patience(attempts=2, timeout=5.0)


@dataclasses.dataclass
class Heard:
    """A request that a receiver got."""

    path: str
    headers: t.Any
    body: bytes

    def json(self) -> t.Any:
        return json.loads(self.body)


class Web:
    """A web server. `answers` are statuses for the next requests, or functions that are given the handler."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self.answers: list[int | Callable[[t.Any], None]] = []
        self.ending = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        scheme = "https" if context else "http"
        self.url = f"{scheme}://localhost:{self.port}/hooks/{TOKEN}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def end(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                web.heard.append(Heard(self.path, self.headers, body))
                answer = web.answers.pop(0) if web.answers else 204
                if callable(answer):
                    with contextlib.suppress(OSError):
                        answer(self)
                    return
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_args: t.Any) -> None:
                pass

        return Handler

    def hang(self, handler: t.Any) -> None:
        """Never answer."""
        self.ending.wait()

    def drip(self, handler: t.Any) -> None:
        """Answer a byte at a time, so that no read ever waits for long."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not self.ending.wait(0.2):
            handler.wfile.write(b".")
            handler.wfile.flush()

    @staticmethod
    def redirect(to: str, status: int = 302) -> Callable[[t.Any], None]:
        def answer(handler: t.Any) -> None:
            handler.send_response(status)
            handler.send_header("Location", to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return answer


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.end()


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate of localhost that is its own authority."""

    path: str
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    path, key = str(folder / "cert.pem"), str(folder / "key.pem")
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 2"
    made += f" -addext subjectAltName=DNS:localhost -keyout {key} -out {path}"
    subprocess.run(made.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return Certificate(path, context)


@pytest.fixture
def secure_web(certificate: Certificate) -> Iterator[Web]:
    server = Web(certificate.context)
    yield server
    server.end()


class Mail:
    """A mail server that takes messages from lifeboat with the password TOKEN."""

    def __init__(self, certificate: Certificate, mode: str) -> None:
        self.messages: list[tuple[list[str], t.Any]] = []
        self.refuses = False
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        mail = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # type: ignore[no-untyped-def]
                if mail.refuses:
                    return "550 No such mailbox"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope) -> str:  # type: ignore[no-untyped-def]
                message = email.message_from_bytes(envelope.content, policy=email.policy.default)
                mail.messages.append((envelope.rcpt_tos, message))
                return "250 OK"

        def check(_server: t.Any, _session: t.Any, _envelope: t.Any, _mechanism: str, login: t.Any) -> AuthResult:
            right = (login.login, login.password) == (b"lifeboat", TOKEN.encode())
            return AuthResult(success=right, handled=False)

        options: dict[str, t.Any] = {"authenticator": check, "auth_required": True, "hostname": "localhost"}
        if mode == "starttls":
            options |= {"tls_context": certificate.context, "require_starttls": True}
        elif mode == "insecure":
            options |= {"auth_require_tls": False, "auth_required": False}

        class Server(Controller):
            def factory(self) -> SMTP:
                return SMTP(self.handler, **options)

        context = certificate.context if mode == "ssl" else None
        if mode == "ssl":
            options["auth_require_tls"] = False
        self._controller = Server(Handler(), hostname="localhost", port=self.port, ssl_context=context)
        self._controller.start()
        schema = "mailto" if mode == "insecure" else "mailtos"
        self.url = f"{schema}://lifeboat:{TOKEN}@localhost:{self.port}?from=lifeboat@example.com&to=dba@example.com"
        self.url += f"&mode={mode}"

    def end(self) -> None:
        self._controller.stop()


@pytest.fixture
def mail_server(certificate: Certificate) -> Iterator[Callable[[str], Mail]]:
    with contextlib.ExitStack() as stack:

        def make(mode: str) -> Mail:
            server = Mail(certificate, mode)
            stack.callback(server.end)
            return server

        yield make


class Host:
    """A host with an audit log that tells what happens on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state_dir = str(home)
        self.log = audit.AuditLog(self.state_dir)
        self.pauses: list[float] = []

    def happens(self, operation: str = "backup", result: str = "ok", **changes: t.Any) -> None:
        given: dict[str, t.Any] = {"application": "shop", "component": "main/shop", "host": "db1", "user": "lifeboat"}
        given |= {"seconds": 42.0, "facts": {"size": 9_206_497, "rows": 1234, "changed": True}, "message": "Stored."}
        now = datetime.datetime.now(datetime.UTC)
        self.log.append(audit.Event(time=now, operation=operation, result=result, **{**given, **changes}))

    def tell(self, *channels: Channel, **options: t.Any) -> Outcome:
        given: dict[str, t.Any] = {"state_dir": self.state_dir, "patience": PATIENCE, "host": "db1", "user": "lifeboat"}
        request = NotifyRequest(channels=channels, **{**given, **options})
        environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        world = World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=self.pauses.append, environ=environ)
        began = time.monotonic()
        outcome = notify.notify(request, world)
        self.seconds = time.monotonic() - began
        said = json.dumps(outcome.facts) + " ".join(outcome.warnings) + outcome.after
        said += (self.home / "audit.jsonl").read_text(encoding="utf-8") if (self.home / "audit.jsonl").exists() else ""
        assert TOKEN not in said
        return outcome

    def failure(self, *channels: Channel, **options: t.Any) -> str:
        """Tell, and give why the one channel failed."""
        outcome = self.tell(*channels, **options)
        (failed,) = outcome.facts["failed_channels"]
        return str(failed["error"])


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "state").mkdir()
    return Host(tmp_path / "state")

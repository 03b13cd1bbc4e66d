# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A small web shop, as an application whose database is backed up: health, a login, and orders that are written.

server.py serve | migrate | migrated. Settings are in the environment: DATABASE_URL, SHOP_PASSWORD, PORT, READ_ONLY, and
TLS_CERT with TLS_KEY. It needs psycopg 3.
"""

from __future__ import annotations

import http.cookies
import http.server
import json
import os
import secrets
import ssl
import sys
import typing as t
import urllib.parse

import psycopg

SESSIONS: set[str] = set()


def query(statement: str) -> list[tuple[t.Any, ...]]:
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            query("SELECT count(*) FROM orders")
            read_only = os.environ.get("READ_ONLY") == "true"
            self.answer(200, json.dumps({"status": "ok", "database": "connected", "read_only": read_only}))
        elif self.path == "/account" and self.session() in SESSIONS:
            self.answer(200, f"Your orders: {query('SELECT count(*) FROM orders')[0][0]}")
        else:
            self.answer(403 if self.path == "/account" else 404, "no")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path == "/login":
            given = dict(urllib.parse.parse_qsl(body))
            if given.get("password") != os.environ["SHOP_PASSWORD"]:
                return self.answer(401, "no")
            SESSIONS.add(session := secrets.token_hex(16))
            return self.answer(303, "", {"Set-Cookie": f"session={session}; HttpOnly", "Location": "/account"})
        if os.environ.get("READ_ONLY") == "true":
            return self.answer(503, "read-only")
        number = query("INSERT INTO orders DEFAULT VALUES RETURNING id")[0][0]
        return self.answer(201, json.dumps({"order": number}))

    def session(self) -> str:
        found = http.cookies.SimpleCookie(self.headers.get("Cookie", "")).get("session")
        return found.value if found else ""

    def answer(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text.encode())), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())


def serve() -> None:
    server = http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Shop)
    if os.environ.get("TLS_CERT"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever(poll_interval=0.1)


def main() -> None:
    if sys.argv[1] == "serve":
        serve()
    elif sys.argv[1] == "migrate":
        query("CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
    elif not query("SELECT to_regclass('orders')")[0][0]:
        sys.exit("the table orders is not there")


if __name__ == "__main__":
    main()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A proxy in front of an S3 server that breaks what it is told to break: one request, precisely, and as often as asked.

It understands HTTP/1.1 just enough to see where requests and responses end, so a fault hits the bytes it is meant
for. It listens on 127.0.0.1 and lives in threads of the test process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import re
import socket
import struct
import threading
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = 65536

How = t.Literal["rst", "fin", "stall"]


@dataclasses.dataclass
class Fault:
    """
    What to do to requests whose head (request line and headers) matches the pattern `where`, `times` times.

    `cut_request` and `cut_response` break the connection after that many bytes of the body; `swallow` lets the
    server do its work and breaks the connection in place of its answer; `answer` answers without asking the server.
    `lie` gets head and body of the true answer, and gives what is told instead.
    """

    where: str
    times: int = 1 << 30
    how: How = "rst"
    cut_request: int | None = None
    cut_response: int | None = None
    swallow: bool = False
    answer: tuple[int, bytes] | None = None
    lie: Callable[[bytes, bytes], tuple[bytes, bytes]] | None = None


class FaultProxy:
    """Forwards to `target`, a host and port. `seen` holds the heads of all requests, `struck` counts the faults."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.seen: list[str] = []
        self.struck = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(dataclasses.replace(fault))

    def reset(self) -> None:
        """Forget all faults and what was seen."""
        with self._lock:
            self._faults.clear()
            self.seen.clear()
            self.struck = 0

    def close(self) -> None:
        # A thread in accept() keeps the socket alive beyond close(); shutdown wakes it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            for connection in (client, server):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            try:
                reader, answers = _Reader(client), _Reader(server)
                while head := reader.head():
                    self._exchange(client, server, reader, answers, head)
            except _Struck as struck:
                _break(client, struck.how)
            finally:
                with self._lock:
                    self._open -= {client, server}

    def _exchange(
        self, client: socket.socket, server: socket.socket, reader: _Reader, answers: _Reader, head: bytes
    ) -> None:
        text = head.decode("latin-1")
        fault = self._choose(text)
        if fault.answer:
            for _block in reader.body(head):
                pass
            client.sendall(_response(*fault.answer))
            return
        server.sendall(head)
        _forward(reader.body(head), server, fault.cut_request, fault.how)
        answer = answers.head()
        while answer.startswith(b"HTTP/1.1 100"):
            client.sendall(answer)
            answer = answers.head()
        body = answers.body(answer, bodiless=text.startswith("HEAD "))
        if fault.swallow:
            for _block in body:
                pass
            raise _Struck(fault.how)
        if fault.lie:
            client.sendall(b"".join(fault.lie(answer, _plain(answer, b"".join(body)))))
            raise _Struck("fin")
        client.sendall(answer)
        _forward(body, client, fault.cut_response, fault.how)

    def _choose(self, head: str) -> Fault:
        with self._lock:
            self.seen.append(head)
            for fault in self._faults:
                if fault.times > 0 and re.search(fault.where, head):
                    fault.times -= 1
                    self.struck += 1
                    return fault
        return Fault("")


class _Struck(Exception):
    def __init__(self, how: How) -> None:
        self.how = how


class _Reader:
    """Cuts one side of a conversation into heads and bodies."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = b""

    def head(self) -> bytes:
        """Read up to the empty line; nothing when the other side has hung up."""
        while b"\r\n\r\n" not in self._held:
            more = self._connection.recv(BLOCK)
            if not more:
                return b""
            self._held += more
        head, _end, self._held = self._held.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def body(self, head: bytes, *, bodiless: bool = False) -> Iterator[bytes]:
        if bodiless or re.match(rb"HTTP/1.1 (204|304)", head):
            return
        if re.search(rb"(?im)^transfer-encoding: *chunked", head):
            yield from self._chunked()
        elif length := re.search(rb"(?im)^content-length: *([0-9]+)", head):
            yield from self._exactly(int(length[1]))

    def _chunked(self) -> Iterator[bytes]:
        size = -1
        while size:
            while b"\r\n" not in self._held:
                self._held += self._connection.recv(BLOCK)
            line, _end, self._held = self._held.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line + b"\r\n"
            yield from self._exactly(size + 2)

    def _exactly(self, left: int) -> Iterator[bytes]:
        while left:
            piece = self._held or self._connection.recv(min(left, BLOCK))
            if not piece:
                raise OSError("the other side hung up")
            piece, self._held = piece[:left], piece[left:]
            left -= len(piece)
            yield piece


def _forward(body: Iterator[bytes], to: socket.socket, cut: int | None, how: How) -> None:
    sent = 0
    for piece in body:
        room = len(piece) if cut is None else min(len(piece), cut - sent)
        to.sendall(piece[:room])
        sent += room
        if room < len(piece):
            raise _Struck(how)


def _plain(head: bytes, body: bytes) -> bytes:
    """Take the frames off a body that came in chunks."""
    if not re.search(rb"(?im)^transfer-encoding: *chunked", head):
        return body
    plain = b""
    while body:
        line, _end, body = body.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        plain, body = plain + body[:size], body[size + 2 :]
    return plain


def told(head: bytes, body: bytes, *, status: int = 0, **headers: bytes | None) -> tuple[bytes, bytes]:
    """
    Make an answer out of another: with this status, these headers (None takes one away), and a fitting length.

    An underscore in a header's name stands for its hyphen.
    """
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    changed = {"content-length": b"%d" % len(body), "transfer-encoding": None, "connection": b"close"}
    changed |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = [line for line in lines if line.partition(b":")[0].decode().lower() not in changed]
    made = [name.encode() + b": " + value for name, value in changed.items() if value is not None]
    first = b"HTTP/1.1 %d Said" % status if status else first
    return b"\r\n".join([first, *kept, *made]) + b"\r\n\r\n", body


def _response(status: int, body: bytes) -> bytes:
    head = b'HTTP/1.1 %d Said\r\nContent-Type: application/xml\r\nETag: "said"\r\nContent-Length: %d\r\n'
    date = f"Date: {email.utils.formatdate(usegmt=True)}\r\n\r\n".encode()
    return head % (status, len(body)) + date + body


def _break(client: socket.socket, how: How) -> None:
    if how == "stall":
        # Wait until the other side loses patience and hangs up: what it still sends is read and dropped.
        while client.recv(BLOCK):
            pass
    elif how == "rst":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

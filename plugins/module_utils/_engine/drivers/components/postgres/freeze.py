# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Loads a large table frozen: its COPY is preceded by TRUNCATE in the same transaction and made `WITH (FREEZE)`.

Rows that come in frozen are not rewritten by the first reader, so index builds and foreign key checks cost less, a
later vacuum has nothing to do, and with wal_level=minimal nothing of the table goes through the WAL. pg_restore has no
such option, so the statement is exchanged in the archive's own table of contents, where it is a length and a text.
Whatever is not exactly as expected passes unchanged: slower, never wrong.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEAD = 512 << 10
"""Bytes in which a one-table archive has its contents: 1600 columns of the longest names fit."""

_END = b" FROM stdin;\n"
_STATEMENT = re.compile(
    rb'COPY (?P<table>(?P<schema>"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)\.(?P<name>"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)) '
    rb".*" + _END,
    re.DOTALL,
)


def frozen(archive: Iterable[bytes], schema: str, name: str) -> Iterator[bytes]:
    """Yield a custom-format archive of the one table `schema`.`name`, its COPY made freezing where that is possible."""
    chunks = iter(archive)
    head = bytearray()
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD:
            break
    yield _exchanged(bytes(head), schema, name)
    yield from chunks


def _exchanged(head: bytes, schema: str, name: str) -> bytes:
    places = list(_statements(head))
    # A second one is a table named like a COPY statement, or data that looks like one: which is which, nobody knows.
    if len(places) != 1:
        return head
    start, end = places[0]
    match = _STATEMENT.fullmatch(head, start, end)
    if match is None or (_plain(match["schema"]), _plain(match["name"])) != (schema, name):
        return head
    copy = head[start : end - 2] + b" WITH (FREEZE);\n"
    statement = b"TRUNCATE TABLE ONLY " + match["table"] + b"; " + copy
    return head[: start - 4] + len(statement).to_bytes(4, "little") + statement + head[end:]


def _statements(head: bytes) -> Iterator[tuple[int, int]]:
    """Find each string of the archive that is a COPY statement: a sign byte of 0, four bytes of length, the text."""
    if not head.startswith(b"PGDMP"):
        return
    start = head.find(b"COPY ")
    while start != -1:
        length = int.from_bytes(head[start - 4 : start], "little")
        if start >= 5 and head[start - 5] == 0 and head[start : start + length].endswith(_END):
            yield start, start + length
        start = head.find(b"COPY ", start + 1)


def _plain(identifier: bytes) -> str:
    text = identifier.decode("utf-8", "surrogateescape")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text

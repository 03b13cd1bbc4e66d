# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The COPY statement in an archive is exchanged when it is certain which one it is, and never otherwise."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.freeze import (
    HEAD,
    frozen,
)


def text(value: bytes) -> bytes:
    return b"\0" + len(value).to_bytes(4, "little") + value


def archive(*strings: bytes, data: bytes = b"1\tone\n") -> bytes:
    return b"PGDMP\x01\x0e\x00" + b"".join(map(text, strings)) + b"\x01" + data


COPY = b"COPY public.items (id, name) FROM stdin;\n"


def exchanged(content: bytes, schema: str = "public", name: str = "items", block: int = 7) -> bytes:
    return b"".join(frozen((content[i : i + block] for i in range(0, len(content), block)), schema, name))


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_the_statement_truncates_and_freezes_and_all_else_stays(block):
    expected = b"TRUNCATE TABLE ONLY public.items; COPY public.items (id, name) FROM stdin WITH (FREEZE);\n"
    assert exchanged(archive(b"items", COPY, b"owner"), block=block) == archive(b"items", expected, b"owner")


def test_quoted_names_are_compared_as_names():
    copy = b'COPY "odd, schema"."my ""table.x" (a) FROM stdin;\n'
    assert b"WITH (FREEZE)" in exchanged(archive(copy), "odd, schema", 'my "table.x')
    assert exchanged(archive(copy), "odd, schema", "mine") == archive(copy)


@pytest.mark.parametrize(
    "content",
    [
        archive(COPY, b"COPY x FROM stdin;\n"),
        archive(b"COPY public.items FROM stdin;\n", COPY),
        archive(COPY, data=text(b"COPY public.items (id, name) FROM stdin;\n")),
        archive(b"COPY public.parent (id, name) FROM stdin;\n"),
        archive(b"nothing to copy"),
        b"not an archive" + text(COPY),
        b"PGDMP",
        b"",
    ],
    ids=["two", "named like it", "data like it", "another table", "none", "no archive", "short", "empty"],
)
def test_what_is_not_certain_passes_unchanged(content):
    assert exchanged(content) == content


def test_data_behind_the_head_is_not_looked_at():
    content = archive(COPY, data=b"x" * HEAD + text(COPY))
    assert exchanged(content, block=1 << 16).endswith(text(COPY))
    assert b"WITH (FREEZE)" in exchanged(content, block=1 << 16)

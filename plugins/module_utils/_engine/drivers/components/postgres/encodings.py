# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Names that belong to the whole cluster and have no encoding: those of roles, databases and tablespaces.

Their bytes are those of the session that made them. Another database shows them as text of its own encoding, or cannot
show them at all, so they are read and written as bytes. In text of ours a byte that is no UTF-8 is a character from
U+DC80 to U+DCFF, as Python has it for names of files.
"""

from __future__ import annotations

import contextlib
import typing as t

from ....ground.errors import RecoveryError
from .connection import RAW, execute, quote_literal, text_encoding

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .connection import Connection


@contextlib.contextmanager
def raw_names(connection: Connection) -> Iterator[None]:
    """Let names pass as the bytes that they are, as long as the block lasts."""
    with _encoding(connection, RAW):
        yield


@contextlib.contextmanager
def text(connection: Connection) -> Iterator[None]:
    """Let text be converted for its database, within a block of `raw_names`."""
    with _encoding(connection, text_encoding(connection)):
        yield


def readable(name: str) -> str:
    """Return a name so that it can be printed: a byte that is no UTF-8 as `\\udcfc`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def is_text(name: str) -> bool:
    """Whether a name is UTF-8, so that everybody can write it and connect to it."""
    return readable(name) == name


@contextlib.contextmanager
def _encoding(connection: Connection, name: str) -> Iterator[None]:
    before = connection.info.parameter_status("client_encoding") or "UTF8"
    execute(connection, f"SET client_encoding TO {quote_literal(name)}")
    try:
        yield
    finally:
        with contextlib.suppress(RecoveryError):  # a transaction that failed takes it back by itself
            execute(connection, f"SET client_encoding TO {quote_literal(before)}")

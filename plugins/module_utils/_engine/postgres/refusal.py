# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Why a server refuses a connection, whatever language it speaks: the SQLSTATE, which libpq tells of statements only.
"""

from __future__ import annotations

import os
import re
import select
import typing as t

WAIT = 10
"""Seconds for each step of the second attempt; the first one had its answer in less."""

LONGEST = 1 << 20

_STATE = re.compile(rb"\tErrorResponse\t.*? C \"([0-9A-Z]{5})\"")


def state(start: t.Callable[[bytes], t.Any], conninfo: str) -> str:
    """
    Return the SQLSTATE with which the server refuses a session, or an empty string when it gives none.

    `start` is libpq's PQconnectStart. It is tried once more, with libpq's trace of the protocol in a file in memory
    (https://www.postgresql.org/docs/current/libpq-control.html).
    """
    trace = os.memfd_create("lifeboat")
    try:
        attempt = start(conninfo.encode())
        try:
            attempt.trace(os.dup(trace))
            _poll(attempt)
            attempt.untrace()
        finally:
            attempt.finish()
        found = _STATE.search(os.pread(trace, LONGEST, 0))
    finally:
        os.close(trace)
    return found[1].decode() if found else ""


def _poll(attempt: t.Any) -> None:
    """Take the attempt to its end, as PQconnectPoll asks: 1 and 2 are PGRES_POLLING_READING and _WRITING."""
    while (wanted := int(attempt.connect_poll())) in {1, 2}:
        socket = [attempt.socket]
        if not any(select.select(socket if wanted == 1 else [], socket if wanted == 2 else [], [], WAIT)):
            return

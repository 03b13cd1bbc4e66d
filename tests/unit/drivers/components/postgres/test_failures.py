# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the SQLSTATE of a refused session is found."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import failures


class Attempt:
    """A libpq that waits once for the server, and is refused; as libpq's, its trace closes nothing."""

    def __init__(self, handle: int) -> None:
        self.socket = handle
        self._polls = iter((2, 1, 0))

    def trace(self, handle: int) -> None:
        os.write(handle, b'F\t10\tErrorResponse\t S "FATAL" V "FATAL" C "28P01" M "no"\n')

    def untrace(self) -> None: ...
    def finish(self) -> None: ...

    def connect_poll(self) -> int:
        return next(self._polls)


@pytest.fixture
def answered() -> t.Iterator[int]:
    """A socket with something to read, whose number is beyond what select() takes."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"E")
        high = fcntl.fcntl(ours, fcntl.F_DUPFD, min(2000, limits[1] - 9))
        yield high
        os.close(high)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_refusal_is_understood_and_leaves_nothing_open(answered: int) -> None:
    # Else a cluster that takes a minute to start, or a thousand databases that refuse, use up all descriptors.
    before = sorted(os.listdir("/proc/self/fd"))
    assert failures.refused_with(lambda _conninfo: Attempt(answered), "") == "28P01"
    assert sorted(os.listdir("/proc/self/fd")) == before

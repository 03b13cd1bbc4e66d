# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that hangs ends in its time, whatever becomes of who waits for it."""

from __future__ import annotations

import os
import select
import signal

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.channels import cutoff
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.channels.address import Undelivered


def hang():
    """Take far longer than any test waits, but not for ever."""
    select.select([], [], [], 30)


def test_what_hangs_is_given_up():
    with pytest.raises(Undelivered, match="did not answer within"):
        cutoff.within(0.1, hang, {})


def test_what_hangs_ends_when_its_caller_was_killed():
    reading, writing = os.pipe()

    def begin():
        os.write(writing, b"begun")
        hang()

    caller = os.fork()
    if not caller:
        os.close(reading)
        try:
            cutoff.within(1.0, begin, {})
        finally:
            os._exit(1)
    os.close(writing)
    try:
        assert os.read(reading, 5) == b"begun"
        os.kill(caller, signal.SIGKILL)
        os.waitpid(caller, 0)
        assert select.select([reading], [], [], 10)[0], "it runs still, and holds what its caller held"
        assert os.read(reading, 1) == b""
    finally:
        os.close(reading)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
SIGTERM as an exception, so that what was begun is taken back: a scheduler that stops us must leave nothing behind.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import typing as t

from .errors import RecoveryError

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Terminated(RecoveryError):
    """Somebody ended this program with SIGTERM."""

    exit_code = 143


@contextlib.contextmanager
def raised_on_sigterm() -> Iterator[None]:
    """Raise Terminated where SIGTERM finds the block; only the main thread can, elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(_number: int, _frame: FrameType | None) -> t.NoReturn:
        # Once is enough: the second SIGTERM must not interrupt the taking back.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated("The run was ended by SIGTERM.", "What it had made was removed; run it again.")

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

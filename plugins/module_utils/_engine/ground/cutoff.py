# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Work that has to end in time: it runs in a process of its own, which is killed when its time is up.

A thread could not be ended, and a timeout of a socket starts anew with each byte that a slow peer sends. In that
process the environment is the one that is given, so that libraries which look there see nothing else.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection

Answer = t.TypeVar("Answer")


def within(seconds: float, work: Callable[[], Answer], environ: Mapping[str, str]) -> Answer:
    """
    Do `work` and return its answer.

    Raise TimeoutError when its time is up, EOFError when it ended without an answer, and another OSError when its
    process could not be started.
    """
    # fork, because nothing of the caller's would have to be found, pickled and imported again on the other side.
    method = multiprocessing.get_context("fork")
    hearing, telling = method.Pipe(duplex=False)
    child = method.Process(target=_run, args=(work, telling, dict(environ), math.ceil(seconds) + 1), daemon=True)
    child.start()
    telling.close()
    try:
        if not hearing.poll(seconds):
            raise TimeoutError
        return t.cast("Answer", hearing.recv())
    finally:
        child.kill()
        child.join()
        hearing.close()


def _run(work: Callable[[], t.Any], telling: Connection, environ: dict[str, str], seconds: int) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    # The caller may be killed before it kills this, and then this would hold the caller's locks.
    signal.alarm(seconds)
    # What a library prints must not get into the caller's own output.
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.environ.clear()
    os.environ.update(environ)
    telling.send(work())

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Work that has to end in time: it runs in a process of its own, which is killed when its time is up.

A thread could not be ended, and a timeout of a socket starts anew with each byte that a slow receiver sends. In that
process the environment is the one that is given, so that libraries which look there see nothing else.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import typing as t

from ...ground.errors import RecoveryError
from ...ground.units import human_duration
from .address import Undelivered

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection


def within(seconds: float, work: Callable[[], None], environ: Mapping[str, str]) -> None:
    """Do `work`. Raise Undelivered when it raises that, when it fails otherwise, or when its time is up."""
    # fork, because nothing of the caller's would have to be found, pickled and imported again on the other side.
    method = multiprocessing.get_context("fork")
    hearing, telling = method.Pipe(duplex=False)
    child = method.Process(target=_run, args=(work, telling, dict(environ), math.ceil(seconds) + 1), daemon=True)
    try:
        child.start()
    except OSError as exc:
        raise Undelivered(f"The process that sends could not be started: {exc.strerror}.") from exc
    telling.close()
    try:
        if not hearing.poll(seconds):
            raise Undelivered(
                f"The receiver did not answer within {human_duration(seconds)}.",
                "Check that it is up and reachable from this host.",
            )
        with contextlib.suppress(EOFError):
            _raise(hearing.recv())
            return
        raise Undelivered("The process that sends ended without a result.")
    finally:
        child.kill()
        child.join()
        hearing.close()


def _run(work: Callable[[], None], telling: Connection, environ: dict[str, str], seconds: int) -> None:
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
    try:
        work()
    except Undelivered as exc:
        telling.send((exc.cause, exc.remedy, exc.final))
    except RecoveryError as exc:
        telling.send((exc.cause, exc.remedy, True))
    except Exception as exc:  # noqa: BLE001 - whatever a library raises, a message that was not sent is all it means
        telling.send((f"Sending failed: {type(exc).__name__}.", "", False))
    else:
        telling.send(None)


def _raise(told: tuple[str, str, bool] | None) -> None:
    if told is not None:
        cause, remedy, final = told
        raise Undelivered(cause, remedy, final=final)

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A few threads that take the largest waiting piece of work first; done work may bring more.

The first failure stops everything: waiting work is dropped, what runs is ended, and the failure is raised once every
thread has stopped.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import heapq
import threading
import typing as t

from .errors import RecoveryError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .process import Child


Given = t.TypeVar("Given")
Made = t.TypeVar("Made")

AT_ONCE = 8
"""Requests to a store at once: they wait for the network, and not for a core."""


def at_once(work: Callable[[Given], Made], given: Iterable[Given]) -> list[Made]:
    """Do it for each, `AT_ONCE` of them at a time, and return the results in order. The first error ends what waits."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(work, one) for one in given]
        try:
            for future in concurrent.futures.as_completed(running):
                future.result()
        finally:
            for future in running:
                future.cancel()
    return [future.result() for future in running]


class Stopped(RecoveryError):
    """This piece of work ended early because another one failed."""


class WorkerPool:
    """`add` work before or during `run`; `running` registers a program that must not outlive a failure."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._change = threading.Condition()
        self._waiting: list[tuple[int, int, Callable[[], object]]] = []
        self._added = 0
        self._busy = 0
        self._failure: BaseException | None = None
        self._endings: list[Callable[[], object]] = []

    @property
    def idle(self) -> int:
        """How many threads have nothing to do and nothing waiting for them."""
        with self._change:
            return max(self._count - self._busy - len(self._waiting), 0)

    def add(self, weight: int, work: Callable[[], object]) -> None:
        """Queue `work`; a larger weight goes first."""
        with self._change:
            self._added += 1
            heapq.heappush(self._waiting, (-weight, self._added, work))
            self._change.notify()

    def run(self) -> None:
        """Work until nothing is left. Raise the first failure. May be called again."""
        threads = [threading.Thread(target=self._work, daemon=True) for _number in range(self._count)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException as exc:
            self._stop(exc)
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        if self._failure is not None:
            raise self._failure

    @contextlib.contextmanager
    def ended_by(self, end: Callable[[], object]) -> Iterator[None]:
        """Have `end` called when the work stops, as long as the block lasts: for what cannot look for itself."""
        with self._change:
            self._endings.append(end)
        try:
            self.check()
            yield
        finally:
            with self._change:
                self._endings.remove(end)

    def running(self, child: Child) -> contextlib.AbstractContextManager[None]:
        """Have `child` killed when the work stops, as long as the block lasts."""
        return self.ended_by(child.kill)

    def check(self) -> None:
        """Raise Stopped once other work has failed."""
        if self._failure is not None:
            raise Stopped("Another part of the work failed first.")

    def guarded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield `chunks` until other work fails."""
        for chunk in chunks:
            self.check()
            yield chunk

    def _work(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except BaseException as exc:  # noqa: BLE001 - carried to the thread that called run()
                self._stop(exc)
            finally:
                with self._change:
                    self._busy -= 1
                    self._change.notify_all()

    def _next(self) -> Callable[[], object] | None:
        with self._change:
            while not self._waiting and self._busy and self._failure is None:
                self._change.wait()
            if not self._waiting or self._failure is not None:
                return None
            self._busy += 1
            return heapq.heappop(self._waiting)[2]

    def _stop(self, failure: BaseException) -> None:
        """Stop everything once; what fails from then on fails because of that."""
        with self._change:
            if self._failure is not None:
                return
            self._failure = failure
            self._waiting.clear()
            self._change.notify_all()
            # Under the lock: whoever leaves `ended_by` meanwhile waits, so that nothing is ended that is over.
            for end in self._endings:
                end()

# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Pieces of work side by side, each in a forked child of its own, so many places at a time.

Threads, signals and runtimes of one piece meet those of no other, and what ends one child ends no other. A child says
what came of it as JSON through a pipe. None outlives its parent: the kernel asks it to end when the parent is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import select
import selectors
import signal
import threading
import time
import traceback
import typing as t

from . import disk
from .process import ENDINGS, signal_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

LARGEST = 64 << 20
"""Bytes of an answer, and an end to one that does not stop."""

LOOK = 1.0
"""Seconds between two looks at what runs, while nothing ends."""

_BLOCK = 1 << 16
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """One piece: `work` gives what JSON can hold, and takes so many of the places while it lasts."""

    name: str
    places: int
    work: Callable[[], t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """
    How a piece ended: by an `answer`; by what it was `asked` to end with, such as a signal; by an exception, whose
    class is `raised`; or `killed` by a signal.
    """

    piece: Piece
    seconds: float
    answer: t.Any = None
    asked: str = ""
    raised: str = ""
    traceback: str = ""
    killed: str = ""


def side_by_side(
    pieces: Sequence[Piece],
    places: int,
    ended: Callable[[End], None],
    *,
    now: Callable[[], datetime],
    watch: Callable[[Mapping[str, int]], None] = lambda _running: None,
) -> None:
    """
    Do all pieces, beginning them in this order as there are places, and tell `ended` of each.

    `watch` gets the ids of the running processes, by the names of their pieces, about once a second. Whatever is raised
    meanwhile, as by a signal's handler, is raised again when all children were asked to end, have ended, and were told
    of. No signal interrupts `ended`. A process with threads cannot be forked: it does the pieces itself, one by one.
    """
    if threading.current_thread() is not threading.main_thread() or _threads() > 1:
        _one_by_one(pieces, ended, now)
        return
    children = _Children(places, ended, now)
    try:
        children.work(list(pieces), watch)
    finally:
        children.stop()


def await_session(session: int, seconds: float) -> None:
    """Wait at most so many seconds until no process of a session is left, whose leader has ended."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        handles = []
        for pid in _of_session(session):
            with contextlib.suppress(ProcessLookupError):
                handles.append(os.pidfd_open(pid))
        if not handles:
            return
        waiting = select.poll()
        waiting.register(handles[0], select.POLLIN)
        waiting.poll(left * 1000)
        for handle in handles:
            os.close(handle)


def _of_session(session: int) -> list[int]:
    """Return the processes of a session but for those that have ended and are waited for by nobody yet."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
            state, _parent, _group, its, *_rest = stat.read().rpartition(")")[2].split()
            if int(its) == session and state not in {"Z", "X"}:
                found.append(int(name))
    return found


def _one_by_one(pieces: Sequence[Piece], ended: Callable[[End], None], now: Callable[[], datetime]) -> None:
    for piece in pieces:
        began = now()
        told: dict[str, t.Any] = {}
        try:
            told["answer"] = json.loads(json.dumps(piece.work(), default=_plain))
        except Exception as exc:  # noqa: BLE001 - whoever receives it reports it
            told = _raised(exc)
        except BaseException as exc:
            told = {"asked": _named(exc)}
            raise
        finally:
            ended(End(piece, max((now() - began).total_seconds(), 0.0), **told))


@dataclasses.dataclass(slots=True)
class _Child:
    """A piece that runs, and what it has said so far."""

    piece: Piece
    pid: int
    pipe: int
    began: datetime
    said: bytearray = dataclasses.field(default_factory=bytearray)


class _Children:
    """The children of one call."""

    def __init__(self, places: int, ended: Callable[[End], None], now: Callable[[], datetime]) -> None:
        self._places = places
        self._ended = ended
        self._now = now
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def work(self, waiting: list[Piece], watch: Callable[[Mapping[str, int]], None]) -> None:
        while waiting or self._children:
            while waiting and self._has_place(waiting[0]):
                with self._undisturbed():
                    self._begin(waiting.pop(0))
            self._wait(LOOK)
            watch({child.piece.name: child.pid for child in self._children.values()})

    def stop(self) -> None:
        """Ask those that still run to end, and wait until they have."""
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # another signal that was under way is raised here
        finally:
            try:
                for pid in self._children:
                    os.kill(pid, signal.SIGTERM)
                while self._children:
                    self._wait(None)
            finally:
                self._selector.close()
                signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _has_place(self, piece: Piece) -> bool:
        taken = sum(child.piece.places for child in self._children.values())
        return not taken or taken + piece.places <= self._places

    def _begin(self, piece: Piece) -> None:
        parent, (pipe, end) = os.getpid(), os.pipe()
        began = self._now()
        pid = os.fork()
        if pid == 0:
            # Nothing of the parent's may run here, whatever happens: no clean-up of its, and no second end of its work.
            try:
                self._selector.close()
                for other in (pipe, *(child.pipe for child in self._children.values())):
                    os.close(other)
                _be_child(piece, parent, end, self._mask)
            finally:
                os._exit(1)
        os.close(end)
        self._children[pid] = child = _Child(piece, pid, pipe, began)
        self._selector.register(pipe, selectors.EVENT_READ, child)

    def _wait(self, seconds: float | None) -> None:
        ready = self._selector.select(seconds)
        with self._undisturbed():
            for key, _events in ready:
                self._hear(key.data)

    def _hear(self, child: _Child) -> None:
        if block := os.read(child.pipe, _BLOCK):
            child.said += block
            if len(child.said) > LARGEST:
                os.kill(child.pid, signal.SIGKILL)
                child.said.clear()
            return
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        _pid, status = os.waitpid(child.pid, 0)
        del self._children[child.pid]
        seconds = max((self._now() - child.began).total_seconds(), 0.0)
        self._ended(End(child.piece, seconds, **_understood(bytes(child.said), status)))

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _threads() -> int:
    """Return how many threads this process has, those too that Python knows nothing of."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


def _understood(said: bytes, status: int) -> dict[str, t.Any]:
    """Return the fields of an End. What a killed child said is nothing: it may be half of a word."""
    if os.WIFSIGNALED(status):
        return {"killed": signal_name(os.WTERMSIG(status))}
    code = os.waitstatus_to_exitcode(status)
    try:
        return dict(json.loads(said))
    except ValueError:
        return {"raised": "RuntimeError", "traceback": f"The process ended with status {code} and without a message."}


def _be_child(piece: Piece, parent: int, end: int, mask: set[int | signal.Signals]) -> t.NoReturn:
    """Do the piece, say what came of it, and end."""
    _end_with_parent(parent)
    told: dict[str, t.Any] = {}
    try:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            told["answer"] = piece.work()
        finally:
            # From here on no signal interrupts: what came of it has to be told.
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    except Exception as exc:  # noqa: BLE001 - the parent says it
        told = _raised(exc)
    except BaseException as exc:  # noqa: BLE001 - work that is done when somebody asks for its end is done
        told = told or {"asked": _named(exc)}
    disk.write_all(end, json.dumps(told, default=_plain).encode())
    os._exit(0)


def _raised(exc: Exception) -> dict[str, t.Any]:
    return {"raised": type(exc).__name__, "traceback": "".join(traceback.format_exception(exc))}


def _named(exc: BaseException) -> str:
    return str(exc) or type(exc).__name__


def _end_with_parent(parent: int) -> None:
    """Let the kernel ask this process to end when its parent is gone, which it may be already."""
    call = getattr(ctypes.CDLL(None), "prctl", None)
    if call is not None:
        call(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _plain(value: object) -> t.Any:
    """Return what JSON can hold for what it cannot."""
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)

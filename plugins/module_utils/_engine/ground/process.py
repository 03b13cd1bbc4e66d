# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Programs as children: argv lists only, never a shell.

Standard output streams, standard error is kept as a bounded tail, and an exit status other than zero is always an
error: a producer raises it in place of the end of its stream, so nothing downstream mistakes a dead program for
a finished one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import typing as t

from .errors import ProcessFailed, UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Argument: t.TypeAlias = "str | bytes"

BLOCK = 1 << 20
"""Bytes in a block read from a program, and the size of the pipe to it, so that both sides rarely wait."""

STDERR_TAIL = 16 << 10
"""Bytes of standard error that are kept: enough for PostgreSQL's message, bounded for a program gone wild."""

TERMINATE_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""

ENDINGS = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
"""The signals by which somebody asks a process to end."""


class _Tail(threading.Thread):
    """Reads standard error to its end in the background and keeps the last bytes of it."""

    def __init__(self, pipe: t.IO[bytes], limit: int) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._limit = limit
        self.kept = b""
        self.cut = False
        """Whether the beginning was let go."""
        self.start()

    def run(self) -> None:
        while block := os.read(self._pipe.fileno(), 65536):
            self.kept += block
            self.cut |= len(self.kept) > self._limit
            self.kept = self.kept[-self._limit :]

    def text(self) -> str:
        self.join(TERMINATE_GRACE)
        return self.kept.decode("utf-8", "replace").strip()


class Child:
    """A running program. Use `produce`, `consume` or `run`, which start it with the pipes they need."""

    def __init__(
        self,
        argv: Sequence[Argument],
        *,
        env: Mapping[str, str],
        stdin: int,
        stdout: int,
        pass_fds: Sequence[int] = (),
        tail: int = STDERR_TAIL,
    ) -> None:
        self.program = os.path.basename(os.fsdecode(_last_program(argv)))
        try:
            # Not run_command, which holds all output in memory: this is the one place that starts programs, by argv.
            self._popen = subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(argv),
                env=dict(env),
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                pass_fds=tuple(pass_fds),
                bufsize=0,
                start_new_session=True,
            )
        except FileNotFoundError as exc:
            raise ProcessFailed(
                f"The program {os.fsdecode(argv[0])} is not installed.",
                "Install its package, and try again.",
                program=self.program,
            ) from exc
        except (OSError, ValueError) as exc:
            raise UsageError(f"The program {self.program} cannot be started: {exc}.", program=self.program) from exc
        self._tail = _Tail(t.cast("t.IO[bytes]", self._popen.stderr), tail)

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether the program still runs."""
        return self._popen.poll() is None

    def wait(self) -> None:
        """Wait for the end. Raise ProcessFailed unless the exit status is 0."""
        status = self._popen.wait()
        stderr = self._tail.text()
        self._close()
        if status != 0:
            ending = f"was killed by {signal_name(-status)}" if status < 0 else f"ended with status {status}"
            lines = stderr.splitlines()
            # PostgreSQL's programs indent what only explains the line before.
            said = next((line for line in reversed(lines) if not line.startswith("\t")), "".join(lines[-1:]))
            raise ProcessFailed(
                f"{self.program} {ending}{said and f': {said}'}.",
                program=self.program,
                exit_status=status,
                stderr=stderr,
            )

    @property
    def stderr(self) -> str:
        """What the ended program said on standard error, or the end of it."""
        return self._tail.text()

    @property
    def saying(self) -> str:
        """What the running program has said on standard error by now, or the end of it."""
        return self._tail.kept.decode("utf-8", "replace")

    @property
    def said_more(self) -> bool:
        """Whether the ended program said more than `stderr` holds."""
        self._tail.text()
        return self._tail.cut

    def kill(self) -> None:
        """End the program and whatever it started, gently first. Does nothing to one that has ended."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._popen.poll() is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)
            try:
                self._popen.wait(TERMINATE_GRACE)
            except subprocess.TimeoutExpired:
                continue
        self._close()

    def _close(self) -> None:
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class Producer(Child):
    """
    A program whose standard output is wanted: iterate over it in blocks of at most 1 MiB, inside `with`.

    `tail` is how many bytes of standard error are kept.
    """

    def __init__(
        self, argv: Sequence[Argument], *, env: Mapping[str, str], pass_fds: Sequence[int] = (), tail: int = STDERR_TAIL
    ) -> None:
        super().__init__(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=pass_fds, tail=tail)
        self._out = t.cast("t.IO[bytes]", self._popen.stdout)
        _widen(self._out)

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks. Raise ProcessFailed in place of the end when the program failed."""
        while block := _read_full(self._out):
            yield block
        self.wait()


class Consumer(Child):
    """
    A program that is fed on standard input. Inside `with`: `write` blocks, then `finish`.

    `tail` is how many bytes of standard error are kept, for a program that reports many failures one by one.
    """

    def __init__(
        self, argv: Sequence[Argument], *, env: Mapping[str, str], pass_fds: Sequence[int] = (), tail: int = STDERR_TAIL
    ) -> None:
        super().__init__(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=pass_fds, tail=tail)
        self._in = t.cast("t.IO[bytes]", self._popen.stdin)
        _widen(self._in)

    def write(self, block: bytes) -> None:
        """Hand over `block`. Raise ProcessFailed when the program has ended instead of reading it."""
        view = memoryview(block)
        try:
            while view:
                view = view[self._in.write(view) :]
        except BrokenPipeError as exc:
            self.wait()
            raise ProcessFailed(
                f"{self.program} exited before it had read all of its input.", program=self.program, exit_status=0
            ) from exc

    def finish(self) -> None:
        """Close standard input and wait for exit status 0."""
        self._in.close()
        self.wait()


def run(
    argv: Sequence[Argument], *, env: Mapping[str, str], pass_fds: Sequence[int] = (), limit: int = 64 << 20
) -> bytes:
    """Run a program to its end and return its standard output. Raise ProcessFailed when it fails or says too much."""
    with Producer(argv, env=env, pass_fds=pass_fds) as child:
        out = bytearray()
        for block in child:
            out += block
            if len(out) > limit:
                raise ProcessFailed(f"{child.program} printed more than {limit} bytes.", program=child.program)
        return bytes(out)


def _last_program(argv: Sequence[Argument]) -> Argument:
    """
    Return the program that a chain of others leads to, each of which ends with `--`: its name is what tells people.
    """
    return argv[max((place + 1 for place, word in enumerate(argv[:-1]) if word == "--"), default=0)]


def _read_full(pipe: t.IO[bytes]) -> bytes:
    """Read one whole block, short only at the end: small reads would make small, costly steps all the way down."""
    block = bytearray()
    while len(block) < BLOCK and (piece := pipe.read(BLOCK - len(block))):
        block += piece
    return bytes(block)


def _widen(pipe: t.IO[bytes]) -> None:
    # An unprivileged user over the pipe quota gets a narrower pipe: slower, not wrong.
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, BLOCK)


def signal_name(number: int) -> str:
    """Return what a signal is called, such as `SIGTERM`; those for real time have numbers alone."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
